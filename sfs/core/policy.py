"""What one group of readers may see: a level and what goes beyond it. Built by sources/, read by `decide`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from types import MappingProxyType

from sfs.core.levels import LEVELS, Bypass, Strictness, Unrated
from sfs.match.entry import Entry
from sfs.match.index import EntryIndex
from sfs.match.phrases import PhraseIndex
from sfs.match.words import WordIndex
from sfs.text.named import NamedHosts

_NO_ENTRIES = EntryIndex()
_NO_RATINGS: Mapping[Entry, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Owner:
    """Who stands behind some entries: the page a parent clicks, a group, the configuration, a profile.

    `final` holds those block entries that no nearer owner can open. `free_search` holds those allow entries that
    ask for search words to be left alone. `file` names where the line numbers of the indexes count."""

    name: str
    file: str = ""
    allow: EntryIndex = _NO_ENTRIES
    block: EntryIndex = _NO_ENTRIES
    final: EntryIndex = _NO_ENTRIES
    free_search: frozenset[Entry] = frozenset()
    rated: EntryIndex = _NO_ENTRIES
    ratings: Mapping[Entry, int] = field(default=_NO_RATINGS)


@dataclass(frozen=True, slots=True)
class Policy:
    """`owners` from the nearest. `checks` names the rows of design section 3 that are walked; None for all of
    them. `valid_until` is when a timetable puts another policy in its place. `stands_for`: during a pause, the policy
    that holds again when it ends."""

    level: int
    name: str = "default"
    profile: str = "household"
    unrated: Unrated = Unrated.SHOW
    bypass: Bypass = Bypass.UNWRAP
    bureau_away: Unrated = Unrated.SHOW
    on_error: Unrated = Unrated.BLOCK
    addresses: Unrated = Unrated.SHOW  # documents of which only an IP address is named
    safesearch: Strictness = Strictness.OFF
    youtube: Strictness = Strictness.OFF
    self_labels: bool = True
    only_allowed: bool = False
    record: str = "blocked"
    owners: tuple[Owner, ...] = ()
    words: WordIndex | None = None
    scan_body: bool = False
    body_limit: int = LEVELS[0].body_limit
    phrases: PhraseIndex | None = None
    companions: EntryIndex = _NO_ENTRIES
    never_decrypt: EntryIndex = _NO_ENTRIES
    checks: frozenset[str] | None = None
    valid_until: datetime | None = None
    stands_for: "Policy | None" = None
    names: NamedHosts = field(init=False, compare=False, repr=False)  # all hosts that an owner's entries speak of

    def __post_init__(self) -> None:
        indexes = (index for owner in self.owners for index in (owner.allow, owner.block, owner.rated))
        hosts = chain.from_iterable(index.names() for index in (*indexes, self.companions))
        object.__setattr__(self, "names", NamedHosts(hosts))


def paused(policy: Policy, until: datetime) -> Policy:
    """What is left of a policy until its pause ends: no rating and no word closes anything; mandatory lists, lists of
    dangerous sites and what upper owners closed for good (`final`) hold."""
    row = LEVELS[-1]
    return replace(
        policy,
        level=len(LEVELS) - 1,
        unrated=row.unrated,
        bypass=row.bypass,
        addresses=Unrated.SHOW,
        bureau_away=row.bureau_away,
        on_error=row.on_error,
        safesearch=row.safesearch,
        youtube=row.youtube,
        only_allowed=False,
        owners=tuple(Owner(o.name, o.file, block=o.final, final=o.final) for o in policy.owners if len(o.final)),
        words=None,
        scan_body=False,
        phrases=None,
        valid_until=until,
        stands_for=policy,
    )


def policy_of_level(level: int, **changes: object) -> Policy:
    """The policy that a level alone means, with `changes` to single fields. ValueError for no level."""
    if not 0 <= level < len(LEVELS):
        raise ValueError(f"level {level}")
    row = LEVELS[level]
    values: dict[str, object] = {
        "unrated": row.unrated,
        "bypass": row.bypass,
        "bureau_away": row.bureau_away,
        "on_error": row.on_error,
        "safesearch": row.safesearch,
        "youtube": row.youtube,
        "body_limit": row.body_limit,
    } | changes
    if values.get("only_allowed"):
        values["on_error"] = Unrated.BLOCK
    return Policy(level, **values)  # type: ignore[arg-type]
