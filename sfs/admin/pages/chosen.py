"""A site as somebody types or pastes it, read as an entry; and the entries that hold now, with where they come from."""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sfs.errors import RuleError
from sfs.match.entry import Entry, Unit, parse_entry
from sfs.sources.config import Config
from sfs.sources.layers import Layer
from sfs.text.suffix import is_public_suffix
from sfs.text.url import is_address

MAX_TYPED: Final = 2500  # characters
_WIDE: Final = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0x3002: 0x2E}


class Unreadable(Exception):
    """What was typed is no site: the key of a sentence and its values."""

    def __init__(self, key: str, **values: str) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed, as entries: `whole` the site, `part` the page or folder that was pasted, None for none."""

    host: str
    whole: str
    part: str | None = None
    exact: bool = False  # written in the language of lists (= or |): it is what it says

    @property
    def entry(self) -> str:
        """The entry that is meant where there is nothing to choose."""
        return self.whole if self.part is None else self.part


def read_typed(text: str) -> Typed:
    """The site in a text from a person: an address, a name, or an entry. Unreadable where it is none."""
    text = text.strip()
    if not text:
        raise Unreadable("empty")
    if len(text) > MAX_TYPED:
        raise Unreadable("long")
    if "://" not in text:
        text = text.translate(_WIDE).strip()  # a Japanese keyboard writes ｅｘａｍｐｌｅ．ｃｏｍ
    if any(letter.isspace() for letter in text):
        raise Unreadable("space")
    try:
        entry = parse_entry(text)
    except RuleError:
        raise _unreadable(text) from None
    if entry is None:
        raise Unreadable("empty")
    if text[0] in "=|":
        return Typed(entry.host, entry.text, exact=True)
    if entry.needs_path:
        return Typed(entry.host, _whole(entry.host), entry.text)
    return Typed(entry.host, entry.text if entry.port is not None else _whole(entry.host))


def _whole(host: str) -> str:
    """The whole site of a host: www.example.com stands for example.com, as people mean it. A name that sites share
    (github.io) is that one host."""
    bare = host.removeprefix("www.")
    name = bare if bare != host and "." in bare and not is_public_suffix(bare) else host
    if is_public_suffix(name) and not is_address(name):
        return Entry(Unit.HOST, name).text
    return Entry(Unit.HOST if is_address(name) else Unit.TREE, name).text


def _unreadable(text: str) -> Unreadable:
    bare = text.lower().strip("./").rpartition("://")[2]
    if "." not in bare and ":" not in bare and "/" not in bare:
        return Unreadable("no_dot")
    if all(letter.isalnum() or letter in ".-" for letter in bare) and is_public_suffix(bare):
        return Unreadable("suffix", host=bare)
    return Unreadable("address")


@dataclass(frozen=True, slots=True)
class Own:
    """An entry of one's own that holds. `text` as written, `unit` 1 to 5 (match/entry.py); `origin`: page, config,
    profile, option or group; `group` its name; `final`: nothing here can open it."""

    text: str
    unit: int
    origin: str
    group: str = ""
    final: bool = False

    @property
    def removable(self) -> bool:
        """Whether it was chosen here."""
        return self.origin == "page"


@dataclass(frozen=True, slots=True)
class OwnSites:
    """All entries of one's own: those chosen on the page first, the newest first."""

    allow: tuple[Own, ...] = field(default=())
    block: tuple[Own, ...] = field(default=())


def own_sites(config: Config, page: Mapping[str, Any]) -> OwnSites:
    """The entries of all layers. `page`: the values of the page's layer as they are written."""
    return OwnSites(tuple(_entries(config, page, "allow")), tuple(_entries(config, page, "block")))


def _entries(config: Config, page: Mapping[str, Any], key: str) -> Iterator[Own]:
    for item in reversed(page.get(key) or ()):
        text = str(item.get("entry")) if isinstance(item, dict) else str(item)
        yield Own(text, _unit(text), "page")
    for layer in config.layers:
        if layer.name != "page":
            yield from _of_layer(layer, key, _origin(layer))
    for group in config.groups:
        for layer in group.layers:
            yield from _of_layer(layer, key, "group", group.name)


def _of_layer(layer: Layer, key: str, origin: str, group: str = "") -> Iterator[Own]:
    for item in layer.values[key].value if key in layer.values else ():
        yield Own(item.entry.text, int(item.entry.unit), origin, group, key == "block" and item.mark)


def _origin(layer: Layer) -> str:
    if layer.name == "command line":
        return "option"
    return "profile" if layer.name.startswith("profile ") else "config"


def _unit(text: str) -> int:
    try:
        entry = parse_entry(text)
    except RuleError:
        entry = None
    return int(Unit.TREE if entry is None else entry.unit)


def people_read(text: str) -> str:
    """An entry with an international name in its own letters beside it: xn--... says nothing to anybody."""
    if "xn--" not in text:
        return text
    host = text.lstrip("=|").partition("/")[0].partition(":")[0]
    try:
        own = unicodedata.normalize("NFC", host.encode("ascii").decode("idna"))
    except UnicodeError:
        return text
    return f"{text} ({own})" if own != host else text
