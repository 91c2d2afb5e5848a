"""Entries, words and own ratings of a configuration: text that match/ reads, with its place in the file."""

from dataclasses import dataclass
from typing import Final

from sfs.errors import RuleError, SfsError, Where
from sfs.match.entry import Entry, parse_entry
from sfs.match.words import WordRule, parse_word_line
from sfs.sources.values import Reader, each, fields_of, flag_of, items_of, level_of, pairs_of, text_of
from sfs.sources.yaml_nodes import MapNode, Node, Scalar

_ENTRY_MEND: Final = "write an entry as example.jp, =example.jp, example.jp/kids/ or 192.0.2.1, in quotes where odd"


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """An entry of allow, block, companions or never_decrypt. `mark`: final in block, search_words: skip in allow."""

    entry: Entry
    where: Where
    mark: bool = False

    @property
    def line(self) -> int:
        """Its line in its file; 0 where it stands in none."""
        return self.where.line or 0


@dataclass(frozen=True, slots=True)
class OwnRating:
    """The rating of an entry, 0 to 4."""

    entry: Entry
    rating: int
    where: Where

    @property
    def line(self) -> int:
        """Its line in its file; 0 where it stands in none."""
        return self.where.line or 0


def entry_of(node: Node) -> Entry:
    """The entry that is written at `node`."""
    text = text_of(node, "an entry")
    try:
        entry = parse_entry(text, node.where)
    except RuleError as fault:
        raise _placed(fault, node) from None
    if entry is None:
        raise SfsError(f"{text[:80]!r} is a comment, not an entry", node.where, _ENTRY_MEND)
    return entry


def allow_of(node: Node, reader: Reader) -> tuple[OwnEntry, ...]:
    """The list `allow`: entries, or {entry: X, search_words: skip}."""
    return each(node, reader, "a list of entries", lambda item: _marked(item, reader, "search_words"))


def block_of(node: Node, reader: Reader) -> tuple[OwnEntry, ...]:
    """The list `block`: entries, or {entry: X, final: true}."""
    return each(node, reader, "a list of entries", lambda item: _marked(item, reader, "final"))


def hosts_of(node: Node, reader: Reader) -> tuple[OwnEntry, ...]:
    """A list of entries without a path, for what is judged before a path is seen."""
    return each(node, reader, "a list of hosts", _host)


def ratings_of(node: Node, reader: Reader) -> tuple[OwnRating, ...]:
    """The mapping `ratings`: entry -> 0 to 4. An entry that stands twice in two spellings is a fault."""
    found: dict[Entry, OwnRating] = {}
    for key, value in pairs_of(node, "own ratings"):
        with reader.collect():
            entry, rating = entry_of(key), level_of(value, "a rating")
            if entry in found:
                first = found[entry].where.line
                raise SfsError(f"{key.text[:80]!r} is rated twice, first in line {first}", key.where, "delete one")
            found[entry] = OwnRating(entry, rating, key.where)
    return tuple(found.values())


def keywords_of(node: Node, reader: Reader) -> tuple[WordRule, ...]:
    """The mapping `keywords`: rating 1 to 4 -> list of word lines."""
    rules: list[WordRule] = []
    for key, value in pairs_of(node, "keywords"):
        if key.text not in ("1", "2", "3", "4"):
            what = f"{key.text[:80]!r} is not a rating that words suggest"
            reader.fault(what, key.where, "write 1, 2, 3 or 4, and below it a list of words")
            continue
        rating = int(key.text)
        with reader.collect():
            for item in items_of(value, "a list of words"):
                with reader.collect():
                    rules.append(_word(item, rating))
    return tuple(rules)


def _marked(node: Node, reader: Reader, mark: str) -> OwnEntry:
    if not isinstance(node, MapNode):
        return OwnEntry(entry_of(node), node.where)
    fields = fields_of(node, reader, ("entry", mark), "an entry")
    if "entry" not in fields:
        raise SfsError("no entry here", node.where, f"write {{entry: example.jp, {mark}: ...}}")
    entry = entry_of(fields["entry"])
    if mark == "final":
        marked = "final" in fields and flag_of(fields["final"])
    else:
        marked = "search_words" in fields and _skips(fields["search_words"])
    return OwnEntry(entry, fields["entry"].where, marked)


def _skips(node: Node) -> bool:
    text = text_of(node, "skip or judge")
    if text not in ("skip", "judge"):
        raise SfsError(f"{text[:80]!r} is neither skip nor judge", node.where, "write skip, or delete search_words")
    return text == "skip"


def _host(node: Node) -> OwnEntry:
    entry = entry_of(node)
    if entry.needs_path or entry.scheme is not None:
        raise SfsError(f"{entry.text!r} is more than a host", node.where, f"write {entry.host} alone: no path is seen")
    return OwnEntry(entry, node.where)


def _word(node: Node, rating: int) -> WordRule:
    text = text_of(node, "a word")
    if "\n" in text:
        raise SfsError("several lines where one word should stand", node.where, "begin each word with a dash: - ")
    rule = parse_word_line(text, rating, node.where)
    if rule is None:
        raise SfsError(f"{text[:80]!r} is a comment, not a word", node.where, "delete it, or begin the line with #")
    return rule


def _placed(fault: RuleError, node: Node) -> RuleError:
    """The fault with its column counted in the file instead of in the entry."""
    inner, outer = fault.where, node.where
    if inner is None or inner.column is None or outer.column is None:
        return fault
    quote = isinstance(node, Scalar) and node.quoted
    return RuleError(fault.what, Where(outer.file, outer.line, outer.column + quote + inner.column - 1), fault.mend)
