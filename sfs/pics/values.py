"""Ratings: category names with a number, or with a list of numbers and ranges in parentheses."""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from math import inf
from typing import NamedTuple

from sfs.errors import LabelError
from sfs.pics.reader import Reader
from sfs.pics.sexpr import CLOSE, OPEN, WORD, Token

# No more range than IEEE single precision (PICS Labels, note 6); 64 characters hold its largest number and then some.
MAX_NUMBER = 3.4028235e38
MAX_DIGITS = 64

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?")
_GLUED = re.compile(r"([A-Za-z]+)([0-9]+)")  # l4 n4: a tutorial taught it
_COLON = re.compile("(:)")


class Span(NamedTuple):
    """Every value from `low` to `high`, both included."""

    low: float
    high: float


# A number, or what stood in parentheses: () is "rated, and no value applies", unlike a category that is absent.
type Value = float | tuple[float | Span, ...]
type Ratings = tuple[tuple[str, Value], ...]


def spans(value: Value) -> Iterator[Span]:
    """Every span that `value` covers; a number is a span of one."""
    for item in (value,) if isinstance(value, float | int) else value:
        yield item if isinstance(item, Span) else Span(item, item)


def highest(value: Value) -> float:
    """The largest number in `value`; -inf where it has none."""
    return max((span.high for span in spans(value)), default=-inf)


def parse_number(text: str) -> float | None:
    """The number `text` spells, without exponent and with a digit before the point; None for anything else."""
    if len(text) > MAX_DIGITS or not _NUMBER.fullmatch(text):
        return None
    number = float(text) + 0.0  # no minus zero
    return number if abs(number) <= MAX_NUMBER else None


def write_number(number: float) -> str:
    """`number` in PICS notation, whole numbers without a point: some readers stumble over 1.0."""
    if not abs(number) <= MAX_NUMBER:
        raise LabelError("E_NUMBER", f"{number} has no PICS notation", None, "use a number of single precision")
    text = str(int(number)) if number == int(number) else format(Decimal(repr(number)), "f")
    if len(text) > MAX_DIGITS:  # nobody could read it again
        raise LabelError("E_NUMBER", f"{number} has no PICS notation", None, "use fewer decimals")
    return text


def read_ratings(reader: Reader) -> Ratings:
    """Read `(name value ...)`. Names come back in lower case. LabelError E_RATINGS, E_NUMBER, E_RANGE, E_DUP_RATING."""
    cursor = reader.cursor
    reader.expect(OPEN, "E_RATINGS", "ratings need parentheses", "write r (name value)")
    ratings: dict[str, Value] = {}
    while (token := cursor.peek()).kind != CLOSE:
        name, value = _read_rating(reader)
        if name in ratings:
            fault = reader.fault("E_DUP_RATING", f"{name[:40]} is rated twice", token, "keep one of them")
            reader.mend_or_raise(f"{name[:40]}: larger of two values taken", fault)
            value = max(ratings[name], value, key=highest)
        ratings[name] = value
    if not ratings:
        raise reader.fault("E_RATINGS", "no rating between the parentheses", token, "write r (name value)")
    cursor.take()
    return tuple(ratings.items())


def write_ratings(ratings: Ratings) -> str:
    """`(name value ...)`. LabelError where a name or number cannot be written."""
    return f"({' '.join(f'{_checked(name)} {_write_value(value)}' for name, value in ratings)})"


def _read_rating(reader: Reader) -> tuple[str, Value]:
    name = reader.cursor.peek()
    if name.kind != WORD or not name.keyword.isprintable():
        raise reader.fault("E_RATINGS", f"{name.shown} is no category name", name, "write r (name value)")
    reader.cursor.take()
    token = reader.cursor.peek()
    if token.kind == OPEN:
        reader.cursor.take()
        return name.keyword, tuple(_read_list(reader))
    number = parse_number(token.text) if token.kind == WORD else None
    if number is not None:
        reader.cursor.take()
        return name.keyword, number
    return _take_apart(reader, name, token)


def _take_apart(reader: Reader, name: Token, token: Token) -> tuple[str, float]:
    """The lenient reading of `l4` as `l 4`, where no number follows."""
    fault = reader.fault("E_NUMBER", f"{token.shown} where a number should stand", token, "write digits")
    glued = _GLUED.fullmatch(name.text)
    number = parse_number(glued[2]) if glued else None
    if glued is None or number is None:
        raise fault
    reader.mend_or_raise(f"{name.shown}: name and value taken apart", fault)
    return glued[1].lower(), number


def _read_list(reader: Reader) -> Iterator[float | Span]:
    pieces: list[tuple[str, Token]] = []
    while (token := reader.cursor.peek()).kind == WORD:
        pieces += [(piece, token) for piece in _COLON.split(token.text) if piece]
        reader.cursor.take()
    reader.expect(CLOSE, "E_NUMBER", "only numbers and ranges stand here", "write as (1 2:4)")
    at = 0
    while at < len(pieces):
        if [piece for piece, _ in pieces[at + 1 : at + 2]] == [":"]:
            yield _read_span(reader, pieces[at : at + 3])
            at += 3
        else:
            yield _number_of(reader, pieces[at])
            at += 1


def _read_span(reader: Reader, pieces: list[tuple[str, Token]]) -> Span:
    low = _number_of(reader, pieces[0])
    high = _number_of(reader, pieces[-1])
    if low <= high:
        return Span(low, high)
    fault = reader.fault("E_RANGE", "a range that runs backwards", pieces[0][1], "write the smaller number first")
    reader.mend_or_raise("range turned round", fault)
    return Span(high, low)


def _number_of(reader: Reader, piece: tuple[str, Token]) -> float:
    number = parse_number(piece[0])
    if number is None:
        raise reader.fault("E_NUMBER", f"{piece[0][:40]} is no number", piece[1], "write digits")
    return number


def _write_value(value: Value) -> str:
    if isinstance(value, float | int):
        return write_number(value)
    return f"({' '.join(_write_items(value))})"


def _write_items(items: Iterable[float | Span]) -> Iterator[str]:
    for item in items:
        yield f"{write_number(item.low)}:{write_number(item.high)}" if isinstance(item, Span) else write_number(item)


def _checked(name: str) -> str:
    if not name or not name.isprintable() or any(char in ' ()"' for char in name):
        raise LabelError("E_RATINGS", f"{name[:40]!r} cannot name a category", None, "use letters and digits")
    return name.lower()
