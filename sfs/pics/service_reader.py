"""Reads a .rat file: an E_ code with line and column for whatever is no description of a rating service.

The first three items stand in order; behind them attributes may stand in any order, and unknown ones are skipped, as
the spec wants.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final

from sfs.errors import LabelError, Where
from sfs.pics.options import BOOLEANS, MAX_DEPTH, Extension, read_extension, skip_group
from sfs.pics.reader import Reader, decode_text
from sfs.pics.services import Category, Known, RatingService, Scale, ValueLabel
from sfs.pics.sexpr import CLOSE, END, OPEN, STRING, WORD, Cursor, Token
from sfs.pics.values import parse_number

MAX_RAT: Final = 262_144  # characters; W3C's four samples together have 15,000
MAX_PARTS: Final = 4000  # categories and labels, together

_VERSIONS: Final = ("1.1", "1.0")
_FLAGS: Final = frozenset({"multivalue", "unordered", "integer", "label-only"})
_TEXTS: Final = frozenset({"icon", "name", "description"})


def parse_service(source: str | bytes, file: str = "rating service") -> RatingService:
    """The description in `source`, bytes as `decode_text` reads them; `file` names it in errors. LabelError with
    code, line and column. Spec: PICS Rating Services 1.1, "Detailed Syntax"."""
    if len(source) > MAX_RAT:
        what = f"description of {len(source)} characters"
        raise LabelError("E_LIMIT", what, Where(file), f"at most {MAX_RAT} are read")
    text = decode_text(source) if isinstance(source, bytes) else source.removeprefix("\ufeff")
    return _Grammar(Reader(Cursor(text, file=file), lenient=False, noun="description"), file).service()


@dataclass(slots=True)
class _Found:
    """What stood inside one pair of parentheses so far. `first` has the token of each attribute."""

    values: dict[str, Any] = field(default_factory=dict)
    scale: dict[str, Any] = field(default_factory=dict)
    extensions: list[Extension] = field(default_factory=list)
    labels: list[tuple[ValueLabel, Token]] = field(default_factory=list)
    categories: list[Category] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)


type _Attribute = Callable[[_Found, Token], None]


class _Grammar:
    def __init__(self, reader: Reader, file: str) -> None:
        self.reader = reader
        self.cursor = reader.cursor
        self._parts = 0
        self._depth = 0
        # Where each category and label began, for faults that show only in the whole.
        self._places: dict[int, Token] = {}
        self._label_places: dict[int, list[Token]] = {}
        self._shared: Mapping[str, _Attribute] = {
            "extension": self._extension,
            **dict.fromkeys(_TEXTS, self._text),
        }
        self._of_scale: Mapping[str, _Attribute] = {
            "min": self._bound,
            "max": self._bound,
            **dict.fromkeys(_FLAGS, self._flag),
        }
        self._of_service = self._shared | {"default": self._default, "category": self._category}
        self._of_default = self._of_scale | {"extension": self._extension}
        self._of_category = (
            self._shared
            | self._of_scale
            | {"transmit-as": self._text, "label": self._label, "category": self._category}
        )
        self._of_label: Mapping[str, _Attribute] = dict.fromkeys(_TEXTS, self._text) | {"value": self._value}

    def service(self) -> RatingService:
        start = self.cursor.peek()
        self.reader.expect(OPEN, "E_NOT_LIST", "no description of a service", "begin with ((PICS-version 1.1)")
        self._version()
        system, service = self._header("rating-system"), self._header("rating-service")
        found = self._attributes(self._of_service)
        rest = self.cursor.peek()
        if rest.kind != END:
            raise self.reader.fault("E_TRAILING", f"{rest.shown} stands behind the end", rest, "delete it")
        if not found.categories:
            raise self.reader.fault(
                "E_CATEGORY", "the service rates nothing", start, 'add (category (transmit-as "n"))'
            )
        default, default_extensions = found.values.pop("default", (Scale(), ()))
        read = RatingService(
            system,
            service,
            tuple(found.categories),
            default=default,
            default_extensions=default_extensions,
            extensions=tuple(found.extensions),
            **found.values,
        )
        self._check(read)
        return read

    def _version(self) -> None:
        mend = "begin with ((PICS-version 1.1)"
        self.reader.expect(OPEN, "E_HEADER", "PICS-version comes first", mend)
        word = self.cursor.take()
        if word.keyword != "pics-version":
            raise self.reader.fault("E_HEADER", f"{word.shown} where PICS-version should stand", word, mend)
        version = self.cursor.take()
        if version.kind != WORD or version.text not in _VERSIONS:
            raise self.reader.fault("E_VERSION", f"{version.shown} is no known version", version, "write 1.1")
        self._close()

    def _header(self, word: str) -> str:
        mend = "the order is PICS-version, rating-system, rating-service"
        self.reader.expect(OPEN, "E_HEADER", f"{word} should stand here", mend)
        token = self.cursor.take()
        if token.keyword != word:
            raise self.reader.fault("E_HEADER", f"{token.shown} where {word} should stand", token, mend)
        url = self.reader.expect(STRING, "E_HEADER", f"{word} is a quoted URL", "add quotes").text
        self._close()
        return url

    def _attributes(self, known: Mapping[str, _Attribute]) -> _Found:
        """Read `(word ...)` until the parenthesis that closes the one around them, which is taken."""
        found = _Found()
        while self.cursor.peek().kind != CLOSE:
            self.reader.expect(OPEN, "E_ATTRIBUTE", "only attributes in parentheses stand here", "write (name value)")
            word = self.cursor.take()
            if word.kind != WORD:
                raise self.reader.fault("E_ATTRIBUTE", f"{word.shown} names no attribute", word, "write (name value)")
            read = known.get(word.keyword)
            if read is None:
                skip_group(self.reader)
                continue
            repeats = read in (self._extension, self._category, self._label)
            if word.keyword in found.seen and not repeats:
                raise self.reader.fault("E_DUP_OPTION", f"{word.shown} stands twice", word, "keep one of them")
            found.seen.add(word.keyword)
            read(found, word)
        self.cursor.take()
        return found

    def _text(self, found: _Found, word: Token) -> None:
        code = "E_TRANSMIT" if word.keyword == "transmit-as" else "E_OPTVALUE"
        found.values[word.keyword] = self.reader.expect(STRING, code, "a quoted string should stand", "add quotes").text
        self._close()

    def _bound(self, found: _Found, word: Token) -> None:
        infinite = {"min": ("-inf", -inf), "max": ("+inf", inf)}[word.keyword]
        token = self.cursor.peek()
        if token.keyword == infinite[0]:
            self.cursor.take()
            number = infinite[1]
        else:
            number = self._number()
        found.scale[f"{word.keyword}imum"] = number
        self._close()

    def _flag(self, found: _Found, word: Token) -> None:
        token = self.cursor.peek()
        value = True if token.kind == CLOSE else BOOLEANS.get(token.keyword)
        if value is None:
            raise self.reader.fault("E_BOOL", f"{token.shown} is neither true nor false", token, "write true or false")
        if token.kind != CLOSE:
            self.cursor.take()
        found.scale[word.keyword.replace("-", "_")] = value
        self._close()

    def _value(self, found: _Found, word: Token) -> None:
        found.values[word.keyword] = self._number()
        self._close()

    def _extension(self, found: _Found, word: Token) -> None:
        extension = read_extension(self.reader)
        if extension.mandatory:
            what = f"a mandatory extension that is not known: {extension.url[:80]}"
            raise self.reader.fault("E_EXTENSION_UNKNOWN", what, word, "the service can be read only by who knows it")
        found.extensions.append(extension)
        self._close()

    def _default(self, found: _Found, word: Token) -> None:
        inner = self._attributes(self._of_default)
        found.values["default"] = (Scale(**inner.scale), tuple(inner.extensions))

    def _label(self, found: _Found, word: Token) -> None:
        self._count(word)
        inner = self._attributes(self._of_label)
        if "value" not in inner.values:
            raise self.reader.fault("E_LABEL_VALUE", "a label without a value", word, "add (value 0)")
        found.labels.append((ValueLabel(**inner.values), word))

    def _category(self, found: _Found, word: Token) -> None:
        self._count(word)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.reader.fault("E_LIMIT", f"categories nest deeper than {MAX_DEPTH}", word, "nest them less")
        inner = self._attributes(self._of_category)
        self._depth -= 1
        transmit = inner.values.pop("transmit-as", "")
        if not _is_name(transmit):
            what = f"{transmit[:40]!r} cannot name a category in labels" if transmit else "a category without a name"
            raise self.reader.fault("E_TRANSMIT", what, word, 'add (transmit-as "n"), without blanks')
        category = Category(
            transmit.lower(),
            scale=Scale(**inner.scale),
            extensions=tuple(inner.extensions),
            labels=tuple(label for label, _ in inner.labels),
            categories=tuple(inner.categories),
            **inner.values,
        )
        self._places[id(category)] = word
        self._label_places[id(category)] = [token for _, token in inner.labels]
        found.categories.append(category)

    def _check(self, service: RatingService) -> None:
        """What shows only in the whole: a name twice, and labels off a scale that was passed down."""
        self._check_names(service.categories, "", set())
        for known in service.known.values():
            self._check_scale(known, self._places[id(known.category)])

    def _check_names(self, categories: tuple[Category, ...], path: str, seen: set[str]) -> None:
        for category in categories:
            name = path + category.transmit
            if name in seen:
                place = self._places[id(category)]
                raise self.reader.fault("E_DUP_CATEGORY", f"{name[:80]} stands twice", place, "give it another name")
            seen.add(name)
            self._check_names(category.categories, f"{name}/", seen)

    def _check_scale(self, known: Known, place: Token) -> None:
        category, scale = known.category, known.scale
        if scale.low > scale.high:
            raise self.reader.fault("E_RANGE", f"{category.transmit[:40]}: min is above max", place, "turn them round")
        if scale.label_only and not category.labels and not category.categories:
            what = f"{category.transmit[:40]}: only values with a label count, and there is none"
            raise self.reader.fault("E_LABEL_ONLY", what, place, "add labels, or delete label-only")
        for label, token in zip(category.labels, self._label_places[id(category)], strict=True):
            if not scale.low <= label.value <= scale.high:
                raise self.reader.fault("E_LABEL_RANGE", "a label for a value off the scale", token, "see min and max")
            if not scale.holds(label.value):
                raise self.reader.fault("E_LABEL_INTEGER", "a label for a fraction", token, "only whole values count")

    def _number(self) -> float:
        token = self.cursor.peek()
        number = parse_number(token.text) if token.kind == WORD else None
        if number is None:
            raise self.reader.fault("E_NUMBER", f"{token.shown} where a number should stand", token, "write digits")
        self.cursor.take()
        return number

    def _close(self) -> None:
        self.reader.expect(CLOSE, "E_ATTRIBUTE", "nothing more stands in this attribute", "close the parenthesis")

    def _count(self, token: Token) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise self.reader.fault("E_LIMIT", f"more than {MAX_PARTS} categories and labels", token, "split the file")


def _is_name(text: str) -> bool:
    return bool(text) and text.isprintable() and not any(char in ' ()"' for char in text)
