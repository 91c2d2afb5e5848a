"""What protects now, in figures: for the ready line, the help page, the page of the administrator and `sfs check`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from sfs.core.levels import Unrated
from sfs.core.policy import Policy
from sfs.core.ruleset import CategoryList
from sfs.pics.safetyonline import MAX_RATING
from sfs.sources.choice import acts
from sfs.sources.filter import Filter
from sfs.sources.settings import HttpsMode

OLD_DAYS: Final = 14  # a list that nobody confirmed for longer may miss a lot
_ADULT: Final = frozenset(("adult", "porn", "nsfw"))  # names of rules/ratings/categories.yaml for the same thing

type Line = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Protection:
    """`lines`: a key of the catalogues' `protects` with its count and total; `ready`: one line for a terminal.
    `state`: "orange" where something should be mended, which `warnings` name (keys of `protects` too)."""

    https: Literal["sni", "inspect", "auto"]
    lines: tuple[Line, ...]
    ready: str
    state: Literal["green", "orange"] = "green"
    warnings: tuple[Line, ...] = ()


def protection(filter_: Filter, policy: Policy | None = None, now: datetime | None = None) -> Protection:
    """What a policy of this filter protects by; without one the default policy. During a pause, what protects again
    when it ends: a pause is no reason to say that lists are missing. Reads no file."""
    policy = policy or filter_.policies.default
    policy = policy.stands_for or policy
    now = now or datetime.now(UTC)
    only_mandatory = policy.checks is not None
    mode = HttpsMode.SNI if only_mandatory else filter_.config.https
    lines = [] if only_mandatory else _lines(filter_, policy, now)
    if filter_.ruleset.mandatory:
        lines.append(("mandatory", len(filter_.ruleset.mandatory), 0))
    warnings = _warnings(filter_, policy, now)
    ready = _ready(policy, lines, warnings, mode)
    return Protection(mode.value, tuple(lines), ready, "orange" if warnings else "green", warnings)


def _lines(filter_: Filter, policy: Policy, now: datetime) -> list[Line]:
    """What a policy that judges stands on."""
    acting = _acting(filter_, policy)
    words = sum(index.count(policy.level) for index in (filter_.ruleset.words, policy.words) if index is not None)
    ages = _ages(filter_, acting, now)
    found: list[tuple[bool, Line]] = [
        (True, ("words", words, 0)),
        (True, ("lists", len(acting), sum(len(lst.index) for lst in acting))),
        (True, ("own", sum(len(owner.allow) + len(owner.block) for owner in policy.owners), 0)),
        (True, ("ratings", sum(len(owner.ratings) for owner in policy.owners), 0)),
        (policy.level < MAX_RATING, ("bureaus", len(filter_.config.bureaus), 0)),
        (policy.level < MAX_RATING, ("labels", filter_.store is not None and filter_.store.there, 0)),
    ]
    lines = [line for holds, line in found if holds and line[1]]
    if ages:
        at = next(number for number, line in enumerate(lines) if line[0] == "lists") + 1
        lines.insert(at, ("lists_age", max(ages), 0))
    if policy.self_labels and policy.level < 4:
        lines.append(("self_labels", 0, 0))
    if policy.scan_body and policy.level < 4:
        lines.append(("scan_body", 0, 0))
    if policy.unrated is Unrated.BLOCK:
        lines.append(("unrated", 0, 0))
    if policy.only_allowed:
        lines.append(("only_allowed", 0, 0))
    return lines


def _warnings(filter_: Filter, policy: Policy, now: datetime) -> tuple[Line, ...]:
    """What should be mended. A policy that shows only what is allowed needs no lists of bad sites.

    A list of the default choice that never came is no reason to warn while others of it hold: nobody here can mend
    its address. `sfs lists stats` and the page of the lists show it with its failure. But where none of adult sites
    came, what most people have a filter for is missing, however many others hold."""
    if policy.checks is not None or policy.only_allowed:
        return ()
    lists = _acting(filter_, policy)
    acting = {lst.name for lst in lists}
    named = {source.name for source in filter_.config.lists}
    states = [state for state in filter_.report.states if state.name in acting | named]
    days = [age for state in states if (age := state.days(now)) is not None and age > OLD_DAYS]
    failed = [state for state in states if state.failure is not None]
    waiting = [name for name in filter_.report.missing if name in named]
    waiting = [name for name in waiting if name not in {state.name for state in failed}]
    bare = not any(_blocks(lst) for lst in lists)
    found: list[Line] = [
        ("no_lists", bare, 0),
        ("no_adult_lists", not bare and _lacks_adult(filter_, policy, lists), 0),
        ("old_lists", len(days), max(days, default=0)),
        ("failed_lists", len(failed), 0),
        ("missing_lists", len(waiting), 0),
    ]
    return tuple((key, int(count), total) for key, count, total in found if count)


def _acting(filter_: Filter, policy: Policy) -> list[CategoryList]:
    return [lst for lst in filter_.ruleset.lists if acts(lst, (policy.level,))]


def _blocks(lst: CategoryList) -> bool:
    return lst.axis is not None or bool(lst.rating)


def _lacks_adult(filter_: Filter, policy: Policy, acting: list[CategoryList]) -> bool:
    """Whether the default choice is wanted and no list of adult sites holds. One of the owner's with a rating alone may
    be of anything, so of that too; at level 4 none is needed."""
    adult = (lst.category in _ADULT or (lst.category is None and lst.rating == MAX_RATING) for lst in acting)
    return filter_.config.default_lists and policy.level < MAX_RATING and not any(adult)


def _ages(filter_: Filter, acting: list[CategoryList], now: datetime) -> list[int]:
    """The age in days of those that are fetched."""
    names = {lst.name for lst in acting}
    fetched = (state for state in filter_.report.states if state.url is not None and state.name in names)
    return [days for state in fetched if (days := state.days(now)) is not None]


_HTTPS = {
    HttpsMode.AUTO: "HTTPS by name until a device has the certificate",
    HttpsMode.INSPECT: "HTTPS inspected",
    HttpsMode.SNI: "HTTPS by name",
}
_READY = {
    "words": "{0} word{s}",
    "lists": "{0} category list{s} ({names} names{age})",
    "own": "{0} own entr{y}",
    "ratings": "{0} own rating{s}",
    "bureaus": "{0} label bureau{s} asked",
    "labels": "labels kept here",
    "self_labels": "what pages say of themselves",
    "scan_body": "words in the whole text of pages",
    "unrated": "unrated pages stay closed",
    "only_allowed": "only allowed sites are open",
    "mandatory": "{0} mandatory list{s}",
}
_WARNED = {
    "no_lists": "no category lists yet: run `sfs lists update`",
    "no_adult_lists": "no list of adult sites: run `sfs lists update`",
    "old_lists": "{0} of the lists older than 14 days: run `sfs lists update`",
    "failed_lists": "{0} of the lists could not be fetched: see `sfs lists stats`",
    "missing_lists": "{0} of the lists never fetched: run `sfs lists update`",
}


def _ready(policy: Policy, lines: list[Line], warnings: tuple[Line, ...], mode: HttpsMode) -> str:
    days = next((count for key, count, _ in lines if key == "lists_age"), None)
    age = "" if days is None else f", {days} day{'' if days == 1 else 's'} old"
    parts = [
        _READY[key].format(
            count, s="" if count == 1 else "s", y="y" if count == 1 else "ies", names=_short(total), age=age
        )
        for key, count, total in lines
        if key in _READY
    ]
    return f"{_head(policy)}: {', '.join((*parts, *_warned(warnings), _HTTPS[mode]))}"


def _head(policy: Policy) -> str:
    return "mandatory lists only" if policy.checks is not None else f"level {policy.level}"


def _warned(warnings: tuple[Line, ...]) -> list[str]:
    bare = any(key == "no_lists" for key, _, _ in warnings)  # that says it all
    said = [line for line in warnings if not (bare and line[0] == "missing_lists")]
    return [_WARNED[key].format(count, total) for key, count, total in said]


def _short(number: int) -> str:
    """A count as people say it: 1.2 M, 376,000 as it is."""
    return f"{number / 1_000_000:.1f} M" if number >= 1_000_000 else f"{number:,}"
