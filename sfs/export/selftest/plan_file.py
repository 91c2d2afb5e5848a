"""The plan of a self-test as the operator writes it: a small YAML file."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sfs.errors import ConfigError, SfsError
from sfs.export.selftest.plan import RESOLVERS, AskedList, Engine, Plan, Resolver, StopPage, Transport, Way, WebProxy
from sfs.export.transfer import Peer, check_zone, parse_peer
from sfs.sources.values import (
    Reader,
    duration_of,
    each,
    fields_of,
    file_of,
    items_of,
    listen_of,
    name_of,
    number_of,
    path_of,
    text_of,
)
from sfs.sources.yaml_nodes import MapNode, Node, read_yaml
from sfs.text.address import Address, written_address
from sfs.text.url import is_address, parse_url

MOST: Final = 64  # resolvers, proxies or stop pages of one plan
MOST_LISTS: Final = 16
MOST_VALUES: Final = 16  # addresses, ports or names of one resolver or list
LOOK: Final = (53, 853)  # where resolvers answer that somebody forgot
NXDOMAIN: Final = "nxdomain"
DOH_PATH: Final = "/dns-query"
_PLAN: Final = ("lists", "resolvers", "squid", "proxies", "stop_pages", "at_once", "within")
_LIST: Final = (
    "zone", "answer", "serial", "file", "primary", "key_file", "arrives_within", "max_age", "ttl", "open", "alias"
)  # fmt: skip
_RESOLVER: Final = ("name", "engine", "at", "port", "also", "dot", "doh", "doh_path", "lists", "exempt_from", "look")
_PROXY: Final = ("name", "at", "lists")
_LEAST, _DAY, _YEAR = timedelta(0), timedelta(days=1), timedelta(days=366)


def read_plan(path: Path) -> Plan:
    """The plan in a file; paths in it start from its folder. ConfigError with every fault, SfsError for no YAML."""
    document = read_yaml(path)
    reader = Reader(path.parent, list(document.faults))
    root = document.root
    if not isinstance(root, MapNode):
        raise SfsError("no plan of a self-test", root.where, "write lists: and resolvers:, as README.md shows")
    fields = fields_of(root, reader, _PLAN, "a plan")
    lists = _each(fields, "lists", reader, MOST_LISTS, lambda node: _list(node, reader))
    zones = tuple(one.zone for one in lists)
    if not reader.faults and (not lists or len(set(zones)) < len(zones)):
        reader.fault("no list, or one twice", root.where, "write each under lists:, once")
    resolvers = _each(fields, "resolvers", reader, MOST, lambda node: _resolver(node, reader, zones))
    squids = _each(fields, "squid", reader, MOST, lambda node: _proxy(node, reader, zones, Engine.SQUID))
    proxies = _each(fields, "proxies", reader, MOST, lambda node: _proxy(node, reader, zones, Engine.PROXY))
    pages = _each(fields, "stop_pages", reader, MOST, _stop_page)
    limits: dict[str, Any] = {}
    with reader.collect():
        if "at_once" in fields:
            limits["at_once"] = number_of(fields["at_once"], 1, 256)
        if "within" in fields:
            limits["within"] = duration_of(fields["within"], timedelta(seconds=5), timedelta(hours=1))
    names = [one.name for one in resolvers] + [one.name for one in (*squids, *proxies)]
    if len(set(names)) < len(names):
        reader.fault("one name for two resolvers or proxies", root.where, "give each its own")
    if not reader.faults and not names and not pages:
        reader.fault("nobody to ask", root.where, "name resolvers, squid, proxies or stop_pages")
    if reader.faults:
        raise ConfigError(reader.faults)
    return Plan(lists, resolvers, (*squids, *proxies), pages, **limits)


def _each[T](fields: dict[str, Node], key: str, reader: Reader, most: int, read: Callable[[Node], T]) -> tuple[T, ...]:
    if key not in fields:
        return ()
    found = each(fields[key], reader, key, read)
    if len(found) > most:
        reader.fault(f"more than {most} {key}", fields[key].where, "split them")
    return found


def _mapping(node: Node, reader: Reader, known: tuple[str, ...], needed: tuple[str, ...], what: str) -> dict[str, Node]:
    if not isinstance(node, MapNode):
        raise SfsError(f"no {what}", node.where, f"write {needed[0]}: and what belongs to it")
    fields = fields_of(node, reader, known, what)
    for key in needed:
        if key not in fields:
            raise SfsError(f"{what} without {key}", node.where, f"add {key}:")
    return fields


def _list(node: Node, reader: Reader) -> AskedList:
    fields = _mapping(node, reader, _LIST, ("zone", "answer"), "a list")
    zone = _checked(lambda: check_zone(text_of(fields["zone"], "the name of a zone")), fields["zone"])
    how: dict[str, Any] = {}
    if "serial" in fields:
        how["serial"] = _serial(fields["serial"])
    if "file" in fields:
        how["file"] = path_of(fields["file"], reader.base)
    if "primary" in fields:
        how["primary"] = _server(fields["primary"])
    if "key_file" in fields:
        how["key_file"] = file_of(fields["key_file"], reader.base)
    if ("primary" in fields) != ("key_file" in fields):
        raise SfsError("a primary without its key, or a key alone", node.where, "write primary: and key_file:")
    if ("serial" in fields) == ("file" in fields or "primary" in fields):
        mend = "write serial:, or file: or primary: (or both of these), as what says it"
        raise SfsError("which version has to be in force?", node.where, mend)
    if "arrives_within" in fields:
        how["arrives"] = duration_of(fields["arrives_within"], _LEAST, _DAY)
    if "max_age" in fields:
        how["max_age"] = duration_of(fields["max_age"], timedelta(minutes=1), _YEAR)
    if "ttl" in fields:
        how["ttl"] = number_of(fields["ttl"], 0, 86400)
    if "open" in fields:
        how["open"] = tuple(_name(one) for one in _few(fields["open"], "names"))
    if "alias" in fields:
        how["alias"] = _name(fields["alias"])
    return AskedList(zone, _answer(fields["answer"]), **how)


def _answer(node: Node) -> tuple[Address, ...]:
    items = _few(node, "addresses of the stop page, or nxdomain")
    if [text_of(one, NXDOMAIN) for one in items] == [NXDOMAIN]:
        return ()
    if not items:
        raise SfsError("no answer", node.where, "write the addresses of the stop page, or nxdomain")
    return tuple(_address(one) for one in items)


def _resolver(node: Node, reader: Reader, zones: tuple[str, ...]) -> Resolver:
    fields = _mapping(node, reader, _RESOLVER, ("name", "engine", "at"), "a resolver")
    word, known = text_of(fields["engine"], "a program"), ", ".join(RESOLVERS)
    if word not in RESOLVERS:
        what = f"{word} is no resolver" if word in list(Engine) else f"{word[:80]!r} is not one of {known}"
        raise SfsError(what, fields["engine"].where, f"write {known}")
    engine = Engine(word)
    addresses = tuple(_address(one) for one in _few(fields["at"], "addresses"))
    if not addresses:
        raise SfsError("no address", fields["at"].where, "write those where it answers")
    port = number_of(fields["port"], 1, 65535) if "port" in fields else 53
    exempt = _address(fields["exempt_from"]) if "exempt_from" in fields else None
    ways = tuple(_ways(fields, addresses, port))
    return Resolver(name_of(fields["name"], "a name"), engine, ways, _zones(fields, zones), exempt)


def _ways(fields: dict[str, Node], addresses: tuple[Address, ...], port: int) -> list[Way]:
    """All ways: those that have to answer, and those where nobody may answer without the lists."""
    plain = (Transport.UDP, Transport.TCP)
    ways = [Way(address, port, how) for address in addresses for how in plain]
    for item in _few(fields["also"], "servers") if "also" in fields else ():
        peer = _server(item)
        ways += [Way(peer.address, peer.port, how) for how in plain]
    for key, how in (("dot", Transport.TLS), ("doh", Transport.HTTPS)):
        if key in fields:
            number = number_of(fields[key], 1, 65535)
            path = text_of(fields["doh_path"], "a path") if "doh_path" in fields else DOH_PATH
            ways += [Way(address, number, how, path=path if key == "doh" else "") for address in addresses]
    seen = {(way.address, way.port, way.transport) for way in ways}
    look = LOOK if "look" not in fields else [number_of(one, 1, 65535) for one in _few(fields["look"], "ports")]
    for number in look:
        for how in (Transport.TLS,) if number == 853 else plain:
            ways += [Way(one, number, how, True) for one in addresses if (one, number, how) not in seen]
    return list(dict.fromkeys(ways))


def _proxy(node: Node, reader: Reader, zones: tuple[str, ...], engine: Engine) -> WebProxy:
    fields = _mapping(node, reader, _PROXY, ("name", "at"), "a proxy")
    at = listen_of(fields["at"])
    return WebProxy(name_of(fields["name"], "a name"), engine, at.host, at.port, _zones(fields, zones))


def _stop_page(node: Node) -> StopPage:
    text = text_of(node, "the URL of a stop page")
    mend = "write it with its address, as http://192.0.2.80/"
    try:
        url = parse_url(text)
    except SfsError:
        raise SfsError("no URL", node.where, mend) from None
    if url.scheme != "http" or not is_address(url.host):
        raise SfsError("a stop page is asked at its address, over http", node.where, mend)
    return StopPage(text, url.host, url.port or 80, url.sent.path)


def _zones(fields: dict[str, Node], zones: tuple[str, ...]) -> tuple[str, ...]:
    if "lists" not in fields:
        return zones
    found = tuple(text_of(one, "the zone of a list") for one in _few(fields["lists"], "zones"))
    for one in found:
        if one not in zones:
            raise SfsError(f"{one[:80]!r} is none of the lists", fields["lists"].where, f"write {', '.join(zones)}")
    return found


def _few(node: Node, what: str) -> tuple[Node, ...]:
    items = items_of(node, what)
    if len(items) > MOST_VALUES:
        raise SfsError(f"more than {MOST_VALUES} {what}", node.where, "leave some out")
    return items


def _address(node: Node) -> Address:
    text = text_of(node, "an address")
    found = written_address(text)
    if found is None:
        raise SfsError(f"{text[:80]!r} is no address", node.where, "write it as 192.0.2.53 or 2001:db8::53")
    return found


def _server(node: Node) -> Peer:
    return _checked(lambda: parse_peer(text_of(node, "a server")), node)


def _serial(node: Node) -> int:
    text = text_of(node, "a serial")
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 0 < int(text) < 1 << 32):
        raise SfsError(f"{text[:80]!r} is no serial", node.where, "write it as 2026112801")
    return int(text)


def _name(node: Node) -> str:
    text = text_of(node, "a name").lower().removesuffix(".")
    if len(text) > 253 or not all(
        0 < len(label) < 64 and label.isascii() and all(c.isalnum() or c in "-_" for c in label)
        for label in text.split(".")
    ):
        raise SfsError(f"{text[:80]!r} is no name", node.where, "write it as www.example.com")
    return text


def _checked[T](read: Callable[[], T], node: Node) -> T:
    """What `read` gives; its fault gets the place."""
    try:
        return read()
    except SfsError as fault:
        raise SfsError(fault.what, fault.where or node.where, fault.mend) from None
