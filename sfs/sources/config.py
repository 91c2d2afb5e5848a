"""The configuration: layers, the nearest first, validated whole.

    command line        what an option says
    STATE/changes.yaml  what was changed on the page of the administrator ("page")
    the file            what --config names ("config")
    profiles/NAME.yaml  what the profile says ("profile")
    defaults            the table of settings, and the level

Of single values the nearest layer wins; lists add up, and entries keep their layer, since it is their owner. A group
lies above all of them, its own profile right below it and in place of the one for everybody.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from sfs.core.identity import Network, fold_login
from sfs.core.levels import LEVELS, Bypass, Strictness, Unrated
from sfs.errors import ConfigError, SfsError, Where
from sfs.match.words import WordRule
from sfs.sources import places
from sfs.sources.entries import OwnEntry, OwnRating
from sfs.sources.layers import GroupPart, Layer, Value, layer_of_overrides, read_layer
from sfs.sources.pauses import Pause
from sfs.sources.profiles import DEFAULT_PROFILE, ProfileName, profile_of
from sfs.sources.settings import BY_NAME, SETTINGS, Checks, HttpsMode, Keep, Kind, PageLanguage, Setting
from sfs.sources.stop_page import StopPage
from sfs.sources.subscriptions import BureauSource, ListSource
from sfs.sources.timetables import TimedRow
from sfs.sources.values import Listen, Reader, is_file, scalar
from sfs.sources.yaml_nodes import read_yaml
from sfs.text.address import ReachEntry

CHANGES: Final = "changes.yaml"
MAX_FAULTS: Final = 200  # more are counted: nobody reads on
_NOT_IN_PROFILE: Final = {
    setting.name: "write it in the configuration: a profile holds for many" for setting in SETTINGS if setting.file_only
}
_NOT_IN_CHANGES: Final = {"state": "write it in the configuration: this file lies in that folder"}


@dataclass(frozen=True, slots=True)
class GroupConfig:
    """A group: its members, and what the layers say of it, the nearest first."""

    name: str
    where: Where
    layers: tuple[Layer, ...]
    clients: tuple[Network, ...] = ()
    users: tuple[str, ...] = ()
    port: int | None = None
    schedule: tuple[TimedRow, ...] = ()

    @property
    def profile(self) -> ProfileName | None:
        """The profile of this group; None for that of everybody."""
        found = nearest(self.layers, "profile")
        return None if found is None else found.value


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration in effect. Where `unrated`, `safesearch`, `youtube`, `bypass`, `body_limit` and `bureau_away`
    are None, the level says what holds. `level` is None where no layer names one: the command decides what then.

    `layers`: command line, page, config, profile (page first where asked for); those that say nothing are there too.
    `profiles`: the layers of all profiles that are named anywhere, by their files. `warnings`: what works, but not as
    its writer may think."""

    layers: tuple[Layer, ...]
    profiles: Mapping[Path, Layer]
    groups: tuple[GroupConfig, ...]
    warnings: tuple[SfsError, ...]
    file: Path | None
    level: int | None
    profile: str
    listen: Listen
    admin: Listen
    metrics: Listen | None
    state: Path
    allow: tuple[OwnEntry, ...]
    block: tuple[OwnEntry, ...]
    keywords: tuple[WordRule, ...]
    ratings: tuple[OwnRating, ...]
    lists: tuple[ListSource, ...]
    default_lists: bool
    pauses: tuple[Pause, ...]
    reach: tuple[ReachEntry, ...]
    front: tuple[Network, ...]
    companions: tuple[OwnEntry, ...]
    unrated: Unrated | None
    safesearch: Strictness | None
    youtube: Strictness | None
    bypass: Bypass | None
    addresses: Unrated
    self_labels: bool
    scan_body: bool
    body_limit: int | None
    https: HttpsMode
    never_decrypt: tuple[OwnEntry, ...]
    bureaus: tuple[BureauSource, ...]
    bureau_away: Unrated | None
    record: Keep
    retention: timedelta
    upstream_ca: Path | None
    language: PageLanguage
    only_allowed: bool
    checks: Checks
    stop_page: StopPage | None

    def origin(self, key: str) -> str:
        """Where the value of a key comes from: "config.yaml:3", "--level", "profile household", "level 2" or
        "default"; of a key that adds up all of them. KeyError for no key."""
        return _origin(BY_NAME[key], self.layers, self.level)

    def effective(self, key: str) -> Any:
        """The value of a key, that of the level where no layer says one; None where there is none either."""
        value = getattr(self, BY_NAME[key].name)
        if value is None and BY_NAME[key].by_level and self.level is not None:
            return getattr(LEVELS[self.level], key)
        return value


def nearest(layers: Iterable[Layer], key: str) -> Value | None:
    """What the first layer that says something says for `key`."""
    return next((layer.values[key] for layer in layers if key in layer.values), None)


def joined(layers: Iterable[Layer], key: str) -> tuple[Any, ...]:
    """What all layers say for a key that adds up, the nearest first."""
    return tuple(item for layer in layers if key in layer.values for item in layer.values[key].value)


def load_config(
    path: Path | None,
    overrides: Mapping[str, object] | None = None,
    state: Path | None = None,
    *,
    page_first: bool = False,
    changes: Path | None = None,
) -> Config:
    """The configuration of a file (None for none), the options of a command line (key -> value, None where not
    given) and the changes in the state folder. `state`: that folder, whatever the layers say. `page_first`: what was
    changed on the page holds over the command line, as it does while the proxy runs. `changes`: a file to read in
    place of STATE/changes.yaml, to look whether it would do.

    ConfigError with all faults of all layers."""
    loader = _Loader()
    command = loader.command({**(overrides or {})} | ({} if state is None else {"state": state}))
    config = loader.layer("config", path)
    found = nearest((command, config), "state")
    folder: Path = places.default_state_dir() if found is None else found.value
    changes = folder / CHANGES if changes is None else changes
    page = loader.layer("page", changes if is_file(changes) else None, _NOT_IN_CHANGES)
    layers = (page, command, config) if page_first else (command, page, config)
    top = nearest(layers, "profile")
    profile = loader.default_profile() if top is None else top.value
    groups = loader.groups(layers)
    loader.profiles_of(profile, groups)
    if loader.faults:
        raise ConfigError(_in_order(loader.faults))
    return _config((*layers, loader.profiles[profile.path]), loader, groups, profile, path, folder)


@dataclass(slots=True)
class _Loader:
    """Reads layers and keeps what is wrong with them."""

    faults: list[SfsError] = field(default_factory=list)
    warnings: list[SfsError] = field(default_factory=list)
    profiles: dict[Path, Layer] = field(default_factory=dict)

    def command(self, overrides: Mapping[str, object]) -> Layer:
        reader = self._reader(Path.cwd())
        return layer_of_overrides(overrides, reader)

    def layer(self, name: str, path: Path | None, refused: Mapping[str, str] | None = None) -> Layer:
        """The layer in a file; an empty one where there is no file or it cannot be read."""
        if path is None:
            return Layer(name)
        reader = self._reader(path.absolute().parent)
        try:
            document = read_yaml(path)
        except SfsError as fault:
            self.faults.append(fault)
            return Layer(name, str(path))
        self.faults.extend(document.faults)
        return read_layer(document.root, reader, name, str(path), refused)

    def default_profile(self) -> ProfileName:
        try:
            return profile_of(scalar(DEFAULT_PROFILE, Where("profiles")), Reader(Path()))
        except SfsError as fault:
            self.faults.append(fault)
            return ProfileName(DEFAULT_PROFILE, places.profiles_dir() / f"{DEFAULT_PROFILE}.yaml")

    def groups(self, layers: Iterable[Layer]) -> tuple[GroupConfig, ...]:
        """The groups of all layers: what several layers say of one name is one group."""
        parts: dict[str, list[GroupPart]] = {}
        for layer in layers:
            for part in layer.values["groups"].value if "groups" in layer.values else ():
                parts.setdefault(part.name, []).append(part)
        groups = tuple(_merged(same) for same in parts.values())
        for group in groups:
            if not any(part.named for part in parts[group.name]):
                mend = "name clients, users or a port; for everybody clients: [0.0.0.0/0, '::/0']"
                self.faults.append(SfsError(f"the group {group.name!r} has no members", group.where, mend))
        self.warnings.extend(_shared(groups))
        return groups

    def profiles_of(self, top: ProfileName, groups: Iterable[GroupConfig]) -> None:
        """Read every profile that is named, each once."""
        named = [top]
        for group in groups:
            named += [name for name in (group.profile, *(row.profile for row in group.schedule)) if name is not None]
        for name in named:
            if name.path not in self.profiles and is_file(name.path):
                self.profiles[name.path] = self.layer(f"profile {name.name}", name.path, _NOT_IN_PROFILE)

    def _reader(self, base: Path) -> Reader:
        return Reader(base, self.faults, self.warnings)


def _merged(parts: list[GroupPart]) -> GroupConfig:
    def first(values: Iterable[Any]) -> Any:
        return next((value for value in values if value is not None), None)

    return GroupConfig(
        parts[0].name,
        parts[0].where,
        tuple(part.layer for part in parts),
        first(part.clients for part in parts) or (),
        first(part.users for part in parts) or (),
        first(part.port for part in parts),
        first(part.schedule for part in parts) or (),
    )


def _shared(groups: Iterable[GroupConfig]) -> Iterable[SfsError]:
    """Members that two groups name: the first group keeps them, which one of the writers did not expect."""
    owners: dict[object, str] = {}
    for group in groups:
        ports = () if group.port is None else (group.port,)
        for member in {*group.clients, *map(fold_login, group.users), *ports}:
            first = owners.setdefault(member, group.name)
            if first != group.name:
                what = f"{member} is in the group {first!r} too, and that one counts"
                yield SfsError(what, group.where, "leave it in one group")


def _config(
    layers: tuple[Layer, ...],
    loader: _Loader,
    groups: tuple[GroupConfig, ...],
    profile: ProfileName,
    path: Path | None,
    folder: Path,
) -> Config:
    values = {setting.name: _value(setting, layers) for setting in SETTINGS}
    values["lists"] = tuple({source.name: source for source in reversed(values["lists"])}.values())[::-1]
    values |= {"profile": profile.name, "state": folder, "groups": groups}
    warnings = (*loader.warnings, *_forced(layers, values))
    return Config(layers, MappingProxyType(loader.profiles), warnings=warnings, file=path, **values)


def _value(setting: Setting, layers: tuple[Layer, ...]) -> Any:
    if setting.adds or setting.kind is Kind.BUREAUS:
        found = nearest(layers, setting.name)
        if not setting.adds:
            return () if found is None else found.value
        return joined(layers, setting.name)
    found = nearest(layers, setting.name)
    return _DEFAULTS.get(setting.name) if found is None else found.value


def _forced(layers: tuple[Layer, ...], values: Mapping[str, Any]) -> Iterable[SfsError]:
    said = nearest(layers, "record")
    if values["checks"] is Checks.MANDATORY and said is not None and said.value is not Keep.NOTHING:
        what = "with mandatory lists alone nothing is recorded but counters"
        yield SfsError(what, said.where, "write record: nothing, or checks: all")


def _defaults() -> Mapping[str, Any]:
    """The defaults of the table, read as a configuration file is."""
    reader = Reader(Path())
    single = {s.name: s.default for s in SETTINGS if s.default and not s.default.startswith(("[", "{"))}
    single.pop("profile")
    layer = layer_of_overrides(single, reader)
    assert not reader.faults, reader.faults
    return {name: value.value for name, value in layer.values.items()}


_DEFAULTS: Final = _defaults()


def _origin(setting: Setting, layers: tuple[Layer, ...], level: int | None) -> str:
    saying = [layer for layer in layers if setting.name in layer.values]
    if setting.adds or setting.kind is Kind.GROUPS:
        saying = [layer for layer in saying if layer.values[setting.name].value]
    else:
        saying = saying[:1]
    if saying:
        return ", ".join(_place(layer, setting.name) for layer in saying)
    if setting.by_level and level is not None:
        return f"level {level}"
    return "default"


def _place(layer: Layer, key: str) -> str:
    if layer.name.startswith("profile "):
        return layer.name
    where = layer.values[key].where
    return where.file if where.line is None else f"{where.file}:{where.line}"


def _in_order(faults: list[SfsError]) -> list[SfsError]:
    """Faults file by file from the top, one for each place: the second at one place mostly follows from the first."""
    files = {file: number for number, file in enumerate(dict.fromkeys(_file(fault) for fault in faults))}
    ordered = sorted(faults, key=lambda fault: (files[_file(fault)], *_spot(fault)))
    seen: dict[object, SfsError] = {}
    for number, fault in enumerate(ordered):
        seen.setdefault(fault.where if fault.where and fault.where.column else number, fault)
    kept = list(seen.values())
    if len(kept) > MAX_FAULTS:
        more = len(kept) - MAX_FAULTS
        kept = [*kept[:MAX_FAULTS], SfsError(f"and {more} faults more", None, "mend these first")]
    return kept


def _file(fault: SfsError) -> str:
    return fault.where.file if fault.where else ""


def _spot(fault: SfsError) -> tuple[int, int]:
    return (0, 0) if fault.where is None else (fault.where.line or 0, fault.where.column or 0)


__all__ = ["BureauSource", "Config", "GroupConfig", "Layer", "ListSource", "load_config"]
