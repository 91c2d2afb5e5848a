"""Names and values of a query, a form or a Cookie field, settled: a name that is asked for has a right value, once.

Nothing else changes, byte for byte; what is right already is left alone, so doing it twice is doing it once. A name
counts in every spelling that some server takes for it (%6Bp, KP, kp[], "; kp=-2"), a value only as it is written.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

MAX_PAIRS: Final = 2000  # of one query; more are cut off: what is not looked at must not leave
_ROUNDS: Final = 3  # of decoding a name (a page's own script may decode what the server did not), of taking out words
_UNICODE: Final = re.compile(rb"%u00([0-9A-Fa-f]{2})")  # as servers of Microsoft take it
_EDGES: Final = b" \t\r\n\x0b\x0c\x00"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A pair that has to be there. `right`: values that are left as they are, `value` among them. `added`: whether it
    is put there where the name is missing; otherwise only a wrong value is replaced."""

    name: bytes
    value: bytes
    right: frozenset[bytes]
    added: bool = True

    @property
    def written(self) -> bytes:
        """name=value."""
        return self.name + b"=" + self.value

    def is_right(self, piece: bytes) -> bool:
        """Whether this piece of a query says it, spelled as it should be."""
        name, equals, value = piece.partition(b"=")
        return name == self.name and bool(equals) and value in self.right


def settle_query(raw: bytes | None, wanted: Sequence[Wanted]) -> bytes | None:
    """A query (without its question mark) or an urlencoded form with every pair of `wanted`; `raw` itself where it is
    right already. None stands for no query at all."""
    if raw is None and not any(one.added for one in wanted):
        return None
    pieces = raw.split(b"&") if raw else []
    if len(pieces) > MAX_PAIRS:
        pieces = pieces[:MAX_PAIRS]
    for one in wanted:
        pieces = _settled([_without_inner(piece, one) for piece in pieces], one, name_of)
    return b"&".join(pieces) if pieces or raw is not None else None


def without_words(raw: bytes | None, words: Sequence[bytes]) -> bytes | None:
    """A query or form without these words (lower case) in any value; `raw` itself where there are none."""
    if not raw:
        return raw
    return b"&".join(_without_words(piece, words) for piece in raw.split(b"&"))


def settle_cookie(fields: Sequence[bytes], wanted: Sequence[Wanted]) -> list[bytes]:
    """The Cookie fields of a request with every pair of `wanted`; the same where they are right already."""
    settled = list(fields)
    for one in wanted:
        settled = _settle_cookie(settled, one)
    return settled


def name_of(piece: bytes) -> bytes:
    """The name in one piece of a query as a server may read it: decoded, lower case, without blanks and brackets."""
    name = piece.partition(b"=")[0].replace(b"+", b" ")
    for _ in range(_ROUNDS):
        if b"%" not in name:
            break
        name = unquote_to_bytes(_UNICODE.sub(rb"%\1", name))
    return name.split(b"\x00")[0].strip(_EDGES).partition(b"[")[0].lower()


def _settled(pieces: list[bytes], one: Wanted, name: Callable[[bytes], bytes]) -> list[bytes]:
    key = one.name.lower()
    places = [at for at, piece in enumerate(pieces) if name(piece) == key]
    if not places:
        return [*pieces, one.written] if one.added else pieces
    if all(one.is_right(pieces[at]) for at in places):
        return pieces
    kept = pieces.copy()
    kept[places[0]] = one.written
    return [piece for at, piece in enumerate(kept) if at not in places[1:]]


def _without_inner(piece: bytes, one: Wanted) -> bytes:
    """Some servers take ";" for "&": what only they would read is taken out."""
    if b";" not in piece:
        return piece
    first, *others = piece.split(b";")
    key = one.name.lower()
    return b";".join([first, *(other for other in others if name_of(other) != key)])


def _without_words(piece: bytes, words: Sequence[bytes]) -> bytes:
    name, equals, value = piece.partition(b"=")
    text = unquote_to_bytes(value.replace(b"+", b" "))
    bare = text
    for _ in range(_ROUNDS):  # taking one out may join another
        for word in words:
            bare = re.sub(re.escape(word), b"", bare, flags=re.I)
    if any(word in bare.lower() for word in words):
        bare = b""  # nobody searches for that
    return piece if bare == text else name + equals + quote_from_bytes(bare).replace("%20", "+").encode()


def _settle_cookie(fields: list[bytes], one: Wanted) -> list[bytes]:
    key = one.name.lower()
    split = [[crumb.strip() for crumb in field.split(b";")] for field in fields]
    found = [crumb for crumbs in split for crumb in crumbs if _cookie_name(crumb) == key]
    if (found or not one.added) and all(one.is_right(crumb) for crumb in found):
        return fields
    kept = [[crumb for crumb in crumbs if crumb and _cookie_name(crumb) != key] for crumbs in split]
    if kept:
        kept[0].append(one.written)
    else:
        kept.append([one.written])
    return [b"; ".join(crumbs) for crumbs in kept if crumbs]


def _cookie_name(crumb: bytes) -> bytes:
    return crumb.partition(b"=")[0].strip().lower()
