"""Faults by their names, out of the answers of one resolver for one list.

One fault spoils many answers: without a wildcard every name below is open in every type. So what explains the most is
looked for first, and what it explains is not told again:

    nothing answers            no answer
    no way has the list        not loaded
    a way among others         bypass, encrypted bypass
    the name itself            overruled, wrong answer, type
    names below it             no wildcard
    the rest                   each by itself
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sfs.export.selftest.plan import AskedList, Engine, Resolver, Way
from sfs.export.selftest.questions import ADDRESSES, Role
from sfs.export.selftest.verdicts import Expected, Outcome

# Resolvers that always look where a name leads (CNAME) and close it then too. Others do with some of their outputs, or
# at the first time alone: for these it is told as what stays open, not as a fault.
CHASING: Final = frozenset({Engine.BIND})


class Kind(StrEnum):
    """What is wrong."""

    NO_ANSWER = "no answer"
    NOT_LOADED = "not loaded"
    BYPASS = "bypass"
    ENCRYPTED_BYPASS = "encrypted bypass"
    STALE = "stale"
    NEWER = "newer"
    OLD_LIST = "old list"
    NO_VERSION = "no version"
    OVERRULED = "overruled"
    WRONG_ANSWER = "wrong answer"
    TYPE = "type"
    NO_WILDCARD = "no wildcard"
    CASE = "case"
    SIGNED = "signed"
    OVERBLOCKING = "over-blocking"
    TTL = "ttl"
    EXEMPT = "exempt"
    ALIAS = "alias"
    UNSTEADY = "unsteady"
    NOT_FILTERING = "not filtering"
    TUNNEL = "tunnel"
    PAGE_DOWN = "page down"
    PAGE_STATUS = "page status"
    PAGE_LINK = "page link"


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault. `zone`: of the list, '' for all; `where`: the ways on which it was seen, () for all; `what`: in a few
    words, with no name but canaries and those of the plan."""

    kind: Kind
    zone: str
    what: str
    where: tuple[str, ...] = ()


type Fault = tuple[Kind, str]


def findings(
    resolver: Resolver, tested: AskedList, expected: Expected, outcomes: Sequence[Outcome]
) -> Iterator[Finding]:
    """The faults of a resolver for one list, each once."""
    by_way: dict[Way, list[Outcome]] = {}
    for one in outcomes:
        by_way.setdefault(one.question.way, []).append(one)
    silent = [way for way, found in by_way.items() if _silent(found)]
    loaded = [way for way, found in by_way.items() if way not in silent and _loaded(found, tested)]
    unlisted = [way for way in by_way if way not in silent and way not in loaded]
    wanted = [way for way in by_way if not way.extra]
    if missing := [way for way in silent if not way.extra]:
        what = "does not answer" if missing == wanted else "does not answer there"
        yield Finding(Kind.NO_ANSWER, "", what, () if missing == wanted else _texts(missing))
    if unlisted:
        yield from _open(tested, unlisted, loaded)
    found: dict[Kind, dict[Way, str]] = {}
    world = _world(outcomes)
    for way in loaded:
        for kind, what in _faults(by_way[way], resolver, tested, expected, world):
            found.setdefault(kind, {}).setdefault(way, what)
    for kind, ways in found.items():
        yield Finding(kind, tested.zone, next(iter(ways.values())), () if set(ways) >= set(loaded) else _texts(ways))


def stays_open(resolver: Resolver, outcomes: Iterable[Outcome]) -> Iterator[str]:
    """What is open at a resolver, and cannot be closed there by any list."""
    aliases = (one for one in outcomes if one.question.role is Role.ALIAS)
    if resolver.engine not in CHASING and any(one.good is False or one.unsteady for one in aliases):
        yield "a name elsewhere that leads to a listed one (CNAME)"


def _open(tested: AskedList, unlisted: list[Way], loaded: list[Way]) -> Iterator[Finding]:
    if not loaded and not all(way.extra for way in unlisted):
        yield Finding(Kind.NOT_LOADED, tested.zone, "the list is not in force: its canary is open")
        return
    for kind, ways in (
        (Kind.BYPASS, [way for way in unlisted if not way.transport.encrypted]),
        (Kind.ENCRYPTED_BYPASS, [way for way in unlisted if way.transport.encrypted]),
    ):
        if ways:
            yield Finding(kind, tested.zone, "answers there without the list", _texts(ways))


def _faults(
    outcomes: list[Outcome], resolver: Resolver, tested: AskedList, expected: Expected, world: "World"
) -> Iterator[Fault]:
    """What is wrong on a way that has the list."""
    of = {role: [one for one in outcomes if one.question.role is role] for role in Role}
    yield from _versions(of[Role.SERIAL], expected)
    long = max((one.answer.ttl for one in outcomes if one.good and one.question.role in _LISTED), default=0)
    if long > tested.ttl:
        yield Kind.TTL, f"answers are kept for {long} s, not {tested.ttl} s: so long an entry stays after it is gone"
    yield from _closing(of, tested, world)
    if any(one.good is False for one in (*of[Role.NEIGHBOUR], *of[Role.OPEN])):
        yield Kind.OVERBLOCKING, "a name that is not listed is closed"
    if any(one.good is False for one in of[Role.EXEMPT]):
        yield Kind.EXEMPT, "the list holds for a client that is exempted"
    sound = {one.question.type for one in of[Role.APEX] if one.good}
    aliases = [one for one in of[Role.ALIAS] if one.good is False and one.question.type in sound]
    if resolver.engine in CHASING and aliases:
        yield Kind.ALIAS, "a name that leads to a listed one is open"
    if any(one.unsteady for one in outcomes if one.question.role is not Role.ALIAS):
        yield Kind.UNSTEADY, "the same question has different answers: ask whether several servers stand there"
    asked = (one for one in outcomes if one.question.role in _LISTED and not one.question.way.extra)
    if mute := [one for one in asked if one.good is None]:
        kinds = ", ".join(dict.fromkeys(one.question.type for one in mute))
        yield Kind.NO_ANSWER, f"no answer for the canary: {kinds} ({mute[0].answer.code or mute[0].answer.trouble})"


def _versions(outcomes: list[Outcome], expected: Expected) -> Iterator[Fault]:
    for one in outcomes:
        if one.good is False and expected.serial is not None:
            if one.serial is None:
                yield Kind.STALE, f"tells no serial, expected is {expected.serial}"
            elif one.serial < expected.serial:
                yield Kind.STALE, f"has serial {one.serial}, expected is {expected.serial}"
            else:
                yield Kind.NEWER, f"has serial {one.serial}, above {expected.serial} that is expected"


def _closing(of: Mapping[Role, list[Outcome]], tested: AskedList, world: "World") -> Iterator[Fault]:
    """What is wrong with the canary itself, and with names below it."""
    bad = {one.question.type: one for one in of[Role.APEX] if one.good is False}
    if all(kind in bad and world.opened(bad[kind], tested) for kind in ADDRESSES):
        yield Kind.OVERRULED, "the list is there, and something before it opens its canary"
        return
    wrong = [kind for kind, one in bad.items() if kind in ADDRESSES and _wrong(one, tested, world)]
    if wrong:
        got = ", ".join(sorted(bad[wrong[0]].answer.data)[:4]) or bad[wrong[0]].answer.code
        yield Kind.WRONG_ANSWER, f"{' and '.join(wrong)}: {got}, not what the list says"
    told = frozenset[str]().union(*(bad[kind].answer.data for kind in wrong))
    # What is closed in another way is so in every type, and for ANY with the same addresses.
    other = [kind for kind, one in bad.items() if kind not in wrong and not (wrong and one.answer.data <= told)]
    below, open_below = [one for one in of[Role.BELOW] if one.good is False and one.question.type not in bad], False
    for name in dict.fromkeys(one.question.name for one in below):
        kinds = {one.question.type for one in below if one.question.name == name}
        if kinds >= set(ADDRESSES) - set(bad) and kinds & set(ADDRESSES):
            open_below = True
        else:
            other += [kind for kind in kinds if kind not in other]
    if other:
        yield Kind.TYPE, f"not answered as the list says: {', '.join(other)}"
    if open_below:
        yield Kind.NO_WILDCARD, "names below a listed tree are open"
    for role, kind, what in (
        (Role.CASE, Kind.CASE, "capitals in a name open it"),
        (Role.SIGNED, Kind.SIGNED, "open to who asks for signatures (DNSSEC)"),
    ):
        if any(one.good is False and one.question.type not in bad for one in of[role]):
            yield kind, what


def _wrong(one: Outcome, tested: AskedList, world: "World") -> bool:
    """Whether an answer closes the name in another way than the list says: no fault of one type."""
    if world.opened(one, tested):
        return False
    return bool(one.answer.data) or not tested.answer or one.answer.code != "NOERROR"


@dataclass(frozen=True, slots=True)
class World:
    """What names that are not listed are answered with, by type."""

    data: Mapping[str, frozenset[str]]
    missing: bool

    def opened(self, one: Outcome, tested: AskedList) -> bool:
        """Whether a bad answer is what the world says."""
        if one.answer.data:
            return bool(one.answer.data & self.data.get(one.question.type, frozenset()))
        return self.missing and bool(tested.answer) and one.answer.code == "NXDOMAIN"


def _world(outcomes: Iterable[Outcome]) -> World:
    data: dict[str, frozenset[str]] = {}
    missing = False
    for one in outcomes:
        if one.question.role in (Role.NEIGHBOUR, Role.OPEN) and one.good:
            data[one.question.type] = data.get(one.question.type, frozenset()) | one.answer.data
            missing = missing or one.answer.code == "NXDOMAIN"
    return World(data, missing)


_LISTED: Final = frozenset({Role.SERIAL, Role.APEX, Role.BELOW, Role.CASE, Role.SIGNED})


def _silent(outcomes: Iterable[Outcome]) -> bool:
    """Whether a way said nothing that tells if the list is there."""
    return all(one.good is None for one in outcomes if _telling(one))


def _loaded(outcomes: Iterable[Outcome], tested: AskedList) -> bool:
    """Whether a way has the list, in whatever version: it tells a serial, or the address of the stop page."""
    return any(
        one.serial is not None if one.question.role is Role.SERIAL else one.good and bool(one.answer.data)
        for one in outcomes
        if _telling(one)
    )


def _telling(one: Outcome) -> bool:
    return one.question.role is Role.SERIAL or (one.question.role is Role.APEX and one.question.type in ADDRESSES)


def _texts(ways: Iterable[Way]) -> tuple[str, ...]:
    return tuple(str(way) for way in ways)
