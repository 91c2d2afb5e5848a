"""What a page says of itself in words, at a glance: from the bytes of a plain head in UTF-8, which the look for its end
has taken apart already (plain_head.py). Most pages are such; of any other metadata.py reads text and head.

All that HTML is made of is ASCII, and no byte of another UTF-8 character is: the tags of the bytes are those of the
text, and of a page nothing need be decoded but its title and the METAs with words. tests/text/test_glance.py holds it
against the whole way."""

import re
from collections.abc import Set
from itertools import product
from typing import Final

from sfs.text.metadata import CODED, MAX_CONTENT, MAX_METAS, WORD_PLACES, Head, Meta, meta_values
from sfs.text.plain_head import PlainHead
from sfs.text.tags import MAX_VALUE_NAME

try:
    import ahocorasick_rs
except ImportError:  # the extra [fast] is not installed
    ahocorasick_rs = None  # type: ignore[assignment]

# What may add to a head behind its end, by whether its title is known.
_ADDS: Final = {True: re.compile(rb"<meta", re.I), False: re.compile(rb"<meta|<title", re.I)}
# An expression stops at each "<" of a page. The library looks at many bytes at a time for "meta" in any case: 40 KB of
# Japanese HTML 15.6 to 6.2 us, 17 KB of English 21 to 4.8. It makes a list of what it finds, so it gets no more than
# this at once, which is all that most heads come with.
_AT_ONCE: Final = 65_536  # bytes
_META: Final = (
    None
    if ahocorasick_rs is None
    else ahocorasick_rs.BytesAhoCorasick(
        [bytes(spelling) for spelling in product(*zip(b"meta", b"META", strict=True))],
        matchkind=ahocorasick_rs.MatchKind.LeftmostFirst,
    )
)


class _Unsure(Exception):
    """It takes more than a glance."""


def glance(plain: PlainHead, data: bytes, others: Set[str]) -> Head | None:
    """Title and METAs with words, so that `texts` are those of the whole head; None where it takes more than a glance.

    `data`: a page in UTF-8 without a byte order mark, at most MAX_TEXT bytes, that begins with what `plain` was read
    from. `others`: names of METAs, in lower case, that say more than words; a page with one of them is no glance's."""
    if len(plain.parts) > MAX_METAS:
        return None
    title, metas = "", []
    try:
        for tag, inside in plain.parts:
            if tag == "meta":
                metas += _metas(inside, others)
            elif tag == "title" and not title:
                title = " ".join(_decoded(inside).split())
    except (_Unsure, UnicodeDecodeError):
        return None
    return None if _adds(data, plain.end, has_title=bool(title)) else Head(title, tuple(metas))


def _adds(data: bytes, end: int, *, has_title: bool) -> bool:
    """Whether a page may say more of itself behind the end of its head."""
    if _META is not None and has_title and len(data) - end <= _AT_ONCE:
        found = _META.find_matches_as_indexes(memoryview(data)[end:])
        if not found:
            return False  # as of nearly every page
    return _ADDS[has_title].search(data, end) is not None


def _metas(inside: str, others: Set[str]) -> list[Meta]:
    """Those of one tag that hold words: one that has both name= and property= counts as both."""
    if "content" not in inside.lower():
        return []
    values, metas = meta_values(inside), []
    for attribute in ("name", "http-equiv", "property"):
        name = values.get(attribute)
        if not name:
            continue
        if not name.isascii() or CODED.search(name) or len(name) > MAX_VALUE_NAME:
            raise _Unsure
        bare = name.strip().lower()
        if bare in others:
            raise _Unsure
        if bare in WORD_PLACES and "content" in values:
            metas.append(Meta(attribute, bare, _decoded(values["content"])))
    return metas


def _decoded(sent: str) -> str:
    """A text whose bytes stand in `sent`, one a character."""
    if len(sent) > MAX_CONTENT or CODED.search(sent):
        raise _Unsure
    return sent if sent.isascii() else sent.encode("latin-1").decode()
