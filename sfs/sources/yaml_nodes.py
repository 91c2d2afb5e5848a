"""YAML as nodes that know their place, without the traps of YAML 1.1.

Only three plain words are no text: null (also ~ and nothing at all), true and false, and decimal integers without
leading zeros. `no`, `on`, `1:30`, `0777` and dates stay what was written. Anchors, aliases and tags are refused: a
configuration needs none, and an entry that begins with * & or ! would turn into one without a word.

The events of the parser are read one by one, so that the bounds hold before anything large is built.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from sfs.errors import ConfigError, SfsError, Where

MAX_FILE: Final = 4 * 1024 * 1024  # bytes
MAX_NODES: Final = 100_000
MAX_DEPTH: Final = 20

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Up to 18 digits fit in 64 bits, and int() has a limit of its own beyond 4,300.
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_WORDS: Final[dict[str, bool | None]] = {"": None, "~": None, "null": None, "true": True, "false": False}
_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STR_TAG: Final = "tag:yaml.org,2002:str"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
QUOTE: Final = "put the text in quotes"
_MENDS: Final = (  # what the parser complains of -> what to do; the first part that fits
    ("block scalar", f"{QUOTE} if it begins with | or >"),
    ("cannot start any token", f"indent with blanks, not tabs; {QUOTE} if it begins with @ ` or %"),
    ("alias", f"{QUOTE} if it begins with *"),
    ("scanning a tag", f"{QUOTE} if it begins with !"),
    ("anchor", f"{QUOTE} if it begins with &"),
    ("mapping values are not allowed", f"{QUOTE} if it has a colon and a blank; else check the indentation"),
    ("expected ':'", "write key: value, with a blank after the colon"),
    ("quoted scalar", "close the quotes"),
    ("flow", f"close the brackets; {QUOTE} if it begins with [ or {{"),
    ("block mapping", "give the keys of one mapping the same indentation"),
    ("block collection", "give the lines of one list the same indentation"),
)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. `text` is what was written, without quotes and escapes; `quoted` says that it is text whatever it
    looks like."""

    value: str | int | bool | None
    text: str
    where: Where
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class ListNode:
    """A list."""

    items: tuple["Node", ...]
    where: Where


@dataclass(frozen=True, slots=True)
class MapNode:
    """A mapping; of a key that stands twice only the first."""

    pairs: tuple[tuple[Scalar, "Node"], ...]
    where: Where


type Node = Scalar | ListNode | MapNode


@dataclass(frozen=True, slots=True)
class Document:
    """What was read. `faults` do not keep the rest from being read, so that one edit mends all."""

    root: Node
    faults: tuple[SfsError, ...] = ()


def read_yaml(path: Path) -> Document:
    """The document in a file; an empty one is null. SfsError where it cannot be read as YAML at all."""
    shown = Where(str(path))
    try:
        if not path.is_file():
            what = "this is a folder" if path.is_dir() else "there is no such file"
            raise SfsError(what, shown, "check the path")
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as fault:
        raise SfsError(f"cannot be read: {fault.strerror}", shown, "check the path and who may read it") from None
    return parse_yaml(data, str(path))


def load_plain(path: Path) -> Any:
    """The document in a file as dict, list, str, int, bool and None. SfsError or ConfigError for any fault."""
    document = read_yaml(path)
    if document.faults:
        raise ConfigError(list(document.faults))
    return plain(document.root)


def plain(node: Node) -> Any:
    """A node without its places; keys are text."""
    if isinstance(node, MapNode):
        return {key.text: plain(value) for key, value in node.pairs}
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return node.value


def parse_yaml(data: bytes, file: str) -> Document:
    """The document in `data`. SfsError, with its place, for what is not YAML, not UTF-8 or past a bound."""
    text = _decode(data, file)
    composer = _Composer(file)
    try:
        loader = _LOADER(text)
        try:
            root = composer.document(loader.get_event)
        finally:
            loader.dispose()
    except yaml.YAMLError as fault:
        raise _syntax(fault, file) from None
    except (ValueError, OverflowError):  # escapes of characters that do not exist, where libyaml is missing
        raise SfsError("an escape that is no character", Where(file), "look for \\x, \\u and \\U") from None
    return Document(root, tuple(composer.faults))


def _decode(data: bytes, file: str) -> str:
    if len(data) > MAX_FILE:
        raise SfsError(f"larger than {MAX_FILE} bytes", Where(file), "move long lists to files and name them in lists")
    if data.startswith(_UTF16):
        raise SfsError("this is UTF-16, not UTF-8", Where(file), "save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        place = _place(file, data[: fault.start].decode("utf-8", "replace"))
        raise SfsError("a byte that is not UTF-8", place, "save it as UTF-8") from None
    odd = _UNPRINTABLE.search(text)
    if odd:
        place = _place(file, text[: odd.start()])
        raise SfsError(f"the control character {odd[0]!r}", place, "delete it")
    return text


def _place(file: str, before: str) -> Where:
    before = before.removeprefix("\ufeff")
    return Where(file, before.count("\n") + 1, len(before) - before.rfind("\n"))


def _syntax(fault: yaml.YAMLError, file: str) -> SfsError:
    mark = getattr(fault, "problem_mark", None)
    problem = str(getattr(fault, "problem", None) or "it cannot be read")
    context = str(getattr(fault, "context", None) or "")
    said = f"{context} {problem}"
    mend = next((mend for part, mend in _MENDS if part in said), "check the indentation and the quotes near here")
    where = Where(file) if mark is None else Where(file, mark.line + 1, mark.column + 1)
    return SfsError(f"not YAML: {problem}" + (f", {context}" if context else ""), where, mend)


@dataclass(slots=True)
class _Composer:
    """Builds nodes from events; what can be passed over goes to `faults`."""

    file: str
    faults: list[SfsError] = field(default_factory=list)
    count: int = 0

    def document(self, event: Callable[[], Any]) -> Node:
        event()  # the start of the stream
        first = event()
        if isinstance(first, yaml.StreamEndEvent):
            return Scalar(None, "", Where(self.file, 1, 1))
        root = self._node(event(), event, 1)
        event()  # the end of the document
        after = event()
        if not isinstance(after, yaml.StreamEndEvent):
            self._fault("a second document", after, "delete the line with ---: one file is one document")
        return root

    def _node(self, event: Any, events: Callable[[], Any], depth: int) -> Node:
        self.count += 1
        where = self._where(event)
        if self.count > MAX_NODES:
            raise SfsError(f"more than {MAX_NODES} values", where, "move long lists to files and name them in lists")
        if depth > MAX_DEPTH:
            raise SfsError(f"nested deeper than {MAX_DEPTH}", where, "close the brackets, or indent less")
        self._refuse(event)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(event := events(), yaml.SequenceEndEvent):
                items.append(self._node(event, events, depth + 1))
            return ListNode(tuple(items), where)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, depth, where)
        return self._scalar(event, where)

    def _mapping(self, events: Callable[[], Any], depth: int, where: Where) -> MapNode:
        pairs: dict[str, tuple[Scalar, Node]] = {}
        while not isinstance(event := events(), yaml.MappingEndEvent):
            key = self._node(event, events, depth + 1)
            value = self._node(events(), events, depth + 1)
            if not isinstance(key, Scalar):
                self.faults.append(SfsError("a list or mapping as a key", key.where, f"{QUOTE}, or write key: value"))
            elif key.text in pairs:
                first = pairs[key.text][0].where.line
                mend = "delete one of them, or join what stands under both"
                self.faults.append(SfsError(f"{key.text[:80]!r} stands twice, first in line {first}", key.where, mend))
            else:
                pairs[key.text] = (key, value)
        return MapNode(tuple(pairs.values()), where)

    def _scalar(self, event: Any, where: Where) -> Scalar:
        if isinstance(event, yaml.AliasEvent):
            return Scalar(None, "", where)
        text: str = event.value
        if not text.isascii() and _UNPRINTABLE.search(text.replace("\ufeff", "")):
            self._fault("a character that cannot be written", event, "look for escapes in this text")
        if not event.implicit[0]:
            return Scalar(text, text, where, quoted=event.tag is None)
        if text in _WORDS:
            return Scalar(_WORDS[text], text, where)
        return Scalar(int(text) if _INTEGER.fullmatch(text) else text, text, where)

    def _refuse(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._fault(f"*{event.anchor} is an alias in YAML", event, f"{QUOTE}, or write out what it stands for")
        elif event.anchor is not None:
            self._fault(f"&{event.anchor} is an anchor in YAML", event, f"{QUOTE}, or delete it")
        tag = getattr(event, "tag", None)
        if tag not in (None, _STR_TAG):
            self._fault(f"{tag[:80]} is a tag in YAML", event, f"{QUOTE}, or delete it")

    def _fault(self, what: str, event: Any, mend: str) -> None:
        self.faults.append(SfsError(what, self._where(event), mend))

    def _where(self, event: Any) -> Where:
        return Where(self.file, event.start_mark.line + 1, event.start_mark.column + 1)
