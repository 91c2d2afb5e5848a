"""One layer of a configuration: what one file, or the command line, says. The table of settings leads the reading."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from sfs.core.identity import Network
from sfs.errors import RuleError, SfsError, Where
from sfs.sources import entries, subscriptions, values
from sfs.sources.pauses import pauses_of
from sfs.sources.profiles import profile_of
from sfs.sources.settings import BY_NAME, SETTINGS, Kind, Setting
from sfs.sources.stop_page import stop_page_of
from sfs.sources.timetables import TimedRow, schedule_of
from sfs.sources.values import Reader, each, fields_of, is_empty, name_of, port_of, text_of
from sfs.sources.yaml_nodes import ListNode, MapNode, Node
from sfs.text.address import ReachEntry, parse_reach

LEAST_RETENTION, MOST_RETENTION = timedelta(hours=1), timedelta(days=400)
GROUP_KEYS: Final = ("name", "clients", "users", "port", "schedule")
MAX_LOGIN: Final = 256  # characters
MOST_LIMIT: Final = 10_000  # points


@dataclass(frozen=True, slots=True)
class Value:
    """What a layer says for one key, and where the key stands."""

    value: Any
    where: Where


_NOTHING: Mapping[str, Value] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Layer:
    """`name`: command line, page, config, profile or group NAME. `file`: as a person knows it, "" for none."""

    name: str
    file: str = ""
    values: Mapping[str, Value] = field(default=_NOTHING)


@dataclass(frozen=True, slots=True)
class GroupPart:
    """What one layer says of one group; None where it does not say it. `named`: whether it names members at all, even
    ones that cannot be read."""

    name: str
    where: Where
    layer: Layer
    named: bool
    clients: tuple[Network, ...] | None = None
    users: tuple[str, ...] | None = None
    port: int | None = None
    schedule: tuple[TimedRow, ...] | None = None


def read_layer(root: Node, reader: Reader, name: str, file: str, refused: Mapping[str, str] | None = None) -> Layer:
    """The layer in a document. Faults are collected in `reader`, and what has one is left out. `refused`: keys that
    may not stand in this layer, with the reason."""
    if is_empty(root):
        return Layer(name, file)
    if not isinstance(root, MapNode):
        reader.fault("a configuration is a mapping", root.where, "write key: value, as level: 2")
        return Layer(name, file)
    return Layer(name, file, _values(root, reader, tuple(BY_NAME), refused or {}, "the configuration", file))


def _values(
    node: MapNode, reader: Reader, known: tuple[str, ...], refused: Mapping[str, str], what: str, file: str
) -> Mapping[str, Value]:
    """The settings in a mapping, those with faults left out."""
    wheres = {key.text: key.where for key, _ in node.pairs}
    found: dict[str, Value] = {}
    for key, value in fields_of(node, reader, known, what, old=True).items():
        if key not in BY_NAME:
            continue  # a key of a group that is no setting
        if key in refused:
            reader.fault(f"{key!r} cannot stand here", wheres[key], refused[key])
            continue
        with reader.collect():
            found[key] = Value(_read(BY_NAME[key], value, reader, file), wheres[key])
    return MappingProxyType(found)


def _read(setting: Setting, node: Node, reader: Reader, file: str) -> Any:
    if setting.kind is Kind.CHOICE:
        assert setting.choices is not None
        return values.choice_of(node, setting.choices)
    if setting.kind is Kind.GROUPS:
        return _groups(node, reader, file)
    return _READERS[setting.kind](node, reader)


_READERS: Final[Mapping[Kind, Callable[[Node, Reader], Any]]] = {
    Kind.LEVEL: lambda node, reader: values.level_of(node),
    Kind.PROFILE: profile_of,
    Kind.LISTEN: lambda node, reader: values.listen_of(node),
    Kind.LOOPBACK: lambda node, reader: values.loopback_of(node),
    Kind.FOLDER: lambda node, reader: values.path_of(node, reader.base),
    Kind.FILE: lambda node, reader: values.file_of(node, reader.base),
    Kind.NUMBER: lambda node, reader: values.number_of(node, 1, MOST_LIMIT),
    Kind.DURATION: lambda node, reader: values.duration_of(node, LEAST_RETENTION, MOST_RETENTION),
    Kind.FLAG: lambda node, reader: values.flag_of(node),
    Kind.ALLOW: entries.allow_of,
    Kind.BLOCK: entries.block_of,
    Kind.KEYWORDS: entries.keywords_of,
    Kind.RATINGS: entries.ratings_of,
    Kind.LISTS: subscriptions.lists_of,
    Kind.REACH: lambda node, reader: each(node, reader, "a list of addresses", _reach),
    Kind.NETWORKS: lambda node, reader: each(node, reader, "a list of addresses", values.network_of),
    Kind.HOSTS: entries.hosts_of,
    Kind.BUREAUS: subscriptions.bureaus_of,
    Kind.PAUSES: pauses_of,
    Kind.STOP_PAGE: stop_page_of,
}


def _reach(node: Node) -> ReachEntry:
    try:
        return parse_reach(text_of(node, "an address"), node.where)
    except RuleError as fault:
        raise SfsError(fault.what, node.where, fault.mend) from None


def _groups(node: Node, reader: Reader, file: str) -> tuple[GroupPart, ...]:
    parts: dict[str, GroupPart] = {}

    def read(item: Node) -> None:
        part = _group(item, reader, file)
        if part.name in parts:
            what = f"a group {part.name!r} stands already in line {parts[part.name].where.line}"
            raise SfsError(what, part.where, "give it another name, or join both")
        parts[part.name] = part

    each(node, reader, "a list of groups", read)
    return tuple(parts.values())


def _group(node: Node, reader: Reader, file: str) -> GroupPart:
    if not isinstance(node, MapNode):
        mend = "write {name: class 3, clients: [192.0.2.0/24], level: 1}"
        raise SfsError("a group is a mapping", node.where, mend)
    known = (*GROUP_KEYS, *(setting.name for setting in SETTINGS if setting.per_group))
    of_all = {key.text: key.where for key, _ in node.pairs if key.text in BY_NAME and key.text not in known}
    for key, where in of_all.items():
        reader.fault(f"{key!r} holds for everybody, not for a group", where, "move it out of the group")
    kept = MapNode(tuple(pair for pair in node.pairs if pair[0].text not in of_all), node.where)
    fields = {key.text: value for key, value in kept.pairs if not is_empty(value)}
    settings = _values(kept, reader, known, {}, "a group", file)
    if "name" not in fields:
        raise SfsError("a group without a name", node.where, "write name: and a name; it stands in the log")
    name = name_of(fields["name"], "a name")
    if name == "default":
        raise SfsError("'default' means who is in no group", fields["name"].where, "give the group another name")
    return _members(name, node.where, fields, reader, Layer(f"group {name}", file, settings))


def _members(name: str, where: Where, fields: Mapping[str, Node], reader: Reader, layer: Layer) -> GroupPart:
    clients = users = port = schedule = None
    empty = [key for key, value in fields.items() if isinstance(value, ListNode) and not value.items]
    named = any(key in fields and key not in empty for key in ("clients", "users", "port"))
    if "clients" in fields:
        clients = each(fields["clients"], reader, "a list of addresses", values.network_of)
    if "users" in fields:
        users = each(fields["users"], reader, "a list of logins", _login)
    if "schedule" in fields:
        schedule = schedule_of(fields["schedule"], reader)
    if "port" in fields:
        port = port_of(text_of(fields["port"], "a port"), fields["port"].where)
    return GroupPart(name, where, layer, named, clients, users, port, schedule)


def _login(node: Node) -> str:
    text = text_of(node, "a login")
    if len(text) > MAX_LOGIN or not text.isprintable():
        raise SfsError("a login is too long or holds odd characters", node.where, f"at most {MAX_LOGIN} characters")
    return text


def layer_of_overrides(overrides: Mapping[str, object], reader: Reader) -> Layer:
    """The command line as a layer: key -> value, None for what was not given. Places are the options, as --level."""
    pairs = []
    for key, value in overrides.items():
        name, where = key.replace("-", "_"), Where(f"--{key.replace('_', '-')}")
        if value is not None:
            pairs.append((values.scalar(name, where), _node(value, where)))
    return read_layer(MapNode(tuple(pairs), Where("command line")), reader, "command line", "")


def _node(value: object, where: Where) -> Node:
    if isinstance(value, list | tuple):
        return ListNode(tuple(_node(item, where) for item in value), where)
    return values.scalar(str(value).lower() if isinstance(value, bool) else str(value), where)
