"""The configuration as policies: for everybody, for each group, and for each window of a group's timetable.

what holds       the first layer that says it: window, group, profile of the group; then command line, page, file,
                 profile. A nearer profile stands in place of the farther one
owners           group, page, file, profile: who wrote an entry decides before how exact it is
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from sfs.core.identity import Group, PolicyTable
from sfs.core.levels import Unrated
from sfs.core.policy import Owner, Policy, policy_of_level
from sfs.errors import SfsError
from sfs.lists.files import read_entries
from sfs.match.entry import Entry
from sfs.match.index import EntryIndex
from sfs.match.phrases import PhraseIndex, phrases_of_words
from sfs.match.words import WordIndex
from sfs.sources import places
from sfs.sources.config import Config, GroupConfig, joined, nearest
from sfs.sources.entries import OwnEntry, OwnRating
from sfs.sources.layers import Layer, Value
from sfs.sources.profiles import ProfileName
from sfs.sources.settings import Checks
from sfs.sources.timetables import TimedRow

MANDATORY_ONLY: Final = frozenset({"own", "help", "mandatory"})
_PLAIN_KEYS: Final = (
    *("unrated", "bypass", "addresses", "bureau_away", "safesearch", "youtube"),
    *("self_labels", "only_allowed"),
)
_BODY_KEYS: Final = ("scan_body", "body_limit")


def policies_from(config: Config) -> PolicyTable:
    """The policies that a configuration means. SfsError where no level is chosen for somebody, or
    rules/never-decrypt.txt cannot be read."""
    maker = _Maker(config, read_entries(places.rules_dir() / "never-decrypt.txt")[0])
    pauses = {pause.group: pause.until for pause in sorted(config.pauses, key=lambda pause: pause.until)}
    return PolicyTable(maker.policy("default", (), None), tuple(map(maker.group, config.groups)), pauses)


def path_entries(config: Config) -> tuple[OwnEntry | OwnRating, ...]:
    """The entries that act only where the path is seen: over HTTPS only for devices with the certificate."""
    layers = (*(layer for group in config.groups for layer in group.layers), *config.layers, *config.profiles.values())
    unique = tuple({id(layer): layer for layer in layers}.values())
    found = (item for key in ("allow", "block", "ratings") for item in joined(unique, key))
    return tuple(item for item in found if item.entry.needs_path)


@dataclass(slots=True)
class _Maker:
    """Makes policies; what several of them share is made once."""

    config: Config
    never_decrypt: tuple[tuple[Entry, int], ...]
    owners: dict[int, Owner] = field(default_factory=dict)
    words: dict[tuple[int, ...], WordIndex | None] = field(default_factory=dict)
    phrases: dict[tuple[int, ...], PhraseIndex | None] = field(default_factory=dict)
    hosts: dict[tuple[object, ...], EntryIndex] = field(default_factory=dict)

    def group(self, group: GroupConfig) -> Group:
        policy = self.policy(group.name, group.layers, group.profile)
        timetable = tuple((row.window, self._timed(group, row)) for row in group.schedule)
        return Group(group.name, policy, group.clients, group.users, group.port, timetable)

    def _timed(self, group: GroupConfig, row: TimedRow) -> Policy:
        if row.profile is not None:
            return self.policy(group.name, group.layers, row.profile, profile_first=True)
        level = Layer("schedule", row.where.file, MappingProxyType({"level": Value(row.level, row.where)}))
        return self.policy(group.name, (level, *group.layers), group.profile)

    def policy(
        self, name: str, layers: tuple[Layer, ...], profile: ProfileName | None, profile_first: bool = False
    ) -> Policy:
        """The policy of `layers` above those for everybody. `profile`: in place of that for everybody."""
        base, general = self.config.layers[:-1], self.config.layers[-1]
        profile_layer = general if profile is None else self.config.profiles[profile.path]
        if profile is None:
            stack = (*layers, *base, general)
        elif profile_first:
            stack = (profile_layer, *layers, *base)
        else:
            stack = (*layers, profile_layer, *base)
        owning = (*layers, *base, profile_layer)
        changes = _changes(stack)
        changes |= {
            "name": name,
            "profile": self.config.profile if profile is None else profile.name,
            "owners": tuple(owner for owner in map(self._owner, owning) if owner is not None),
            "words": self._words(owning),
            "phrases": self._phrases(owning) if changes.get("scan_body") else None,
            "companions": self._hosts(owning, "companions", ()),
            "never_decrypt": self._hosts(owning, "never_decrypt", self.never_decrypt),
        }
        return policy_of_level(_level(stack, name), **changes)

    def _owner(self, layer: Layer) -> Owner | None:
        """The owner of a layer's entries; None where it has none."""
        if not any(layer.values.get(key) and layer.values[key].value for key in ("allow", "block", "ratings")):
            return None
        if id(layer) not in self.owners:  # layers live as long as the configuration
            self.owners[id(layer)] = _owner_of(layer)
        return self.owners[id(layer)]

    def _words(self, layers: tuple[Layer, ...]) -> WordIndex | None:
        saying = tuple(id(layer) for layer in layers if "keywords" in layer.values)
        if saying not in self.words:
            rules = joined(layers, "keywords")
            self.words[saying] = WordIndex(rules) if rules else None
        return self.words[saying]

    def _phrases(self, layers: tuple[Layer, ...]) -> PhraseIndex | None:
        saying = tuple(id(layer) for layer in layers if "keywords" in layer.values)
        if saying not in self.phrases:
            found = phrases_of_words(joined(layers, "keywords"), own=True)
            self.phrases[saying] = PhraseIndex(found) if found else None
        return self.phrases[saying]

    def _hosts(self, layers: tuple[Layer, ...], key: str, shipped: tuple[tuple[Entry, int], ...]) -> EntryIndex:
        saying = (key, *(id(layer) for layer in layers if key in layer.values))
        if saying not in self.hosts:
            self.hosts[saying] = EntryIndex((*_pairs(joined(layers, key)), *shipped))
        return self.hosts[saying]


def _owner_of(layer: Layer) -> Owner:
    allow, block, ratings = (joined((layer,), key) for key in ("allow", "block", "ratings"))
    return Owner(
        name=layer.name.partition(" ")[0] if layer.name.startswith("profile ") else layer.name,
        file=layer.file,
        allow=EntryIndex(_pairs(allow)),
        block=EntryIndex(_pairs(block)),
        final=EntryIndex(_pairs(item for item in block if item.mark)),
        free_search=frozenset(item.entry for item in allow if item.mark),
        rated=EntryIndex(_pairs(ratings)),
        ratings=MappingProxyType({item.entry: item.rating for item in ratings}),
    )


def _pairs(items: Iterable[OwnEntry | OwnRating]) -> tuple[tuple[Entry, int], ...]:
    return tuple((item.entry, item.line) for item in items)


def _level(stack: tuple[Layer, ...], name: str) -> int:
    found = nearest(stack, "level")
    if found is None:
        who = "" if name == "default" else f" for the group {name!r}"
        raise SfsError(f"no level is chosen{who}", None, "write level: 2, or --level 2; `sfs levels` explains")
    level: int = found.value
    return level


def _changes(stack: tuple[Layer, ...]) -> dict[str, Any]:
    """What the layers say beyond the level."""
    said = {key: found.value for key in (*_PLAIN_KEYS, *_BODY_KEYS) if (found := nearest(stack, key)) is not None}
    record, checks = nearest(stack, "record"), nearest(stack, "checks")
    if record is not None:
        said["record"] = str(record.value)
    if checks is not None and checks.value is Checks.MANDATORY:
        # What an ISP does for everybody: a fault of ours closes nothing, and nobody is recorded (design, section 8).
        said |= {"checks": MANDATORY_ONLY, "record": "nothing", "only_allowed": False, "on_error": Unrated.SHOW}
    return said
