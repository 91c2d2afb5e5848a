"""What some servers read in a path or a query beyond the two forms of url.py. A browser sends these spellings as they
stand; the server behind them may answer for the page that is listed. They count as forms: a block entry matches if
any of them does, an allow entry only if all do.

    /a;x=1/b       path parameters, which servlet containers take out, before decoding or after it      /a/b
    /%93%FA%8B%4C  one path in the charsets of Japan: Shift_JIS, EUC-JP                                   /日記
    /%c0%ae        overlong UTF-8, which old decoders take (RFC 3629, section 3)                          /.
    /%u0061        escapes of JScript's escape(), which IIS and Jetty took                                /a
    /a%00b         what a C string keeps                                                                  /a
    か + ゙         letters that only decompose apart, as some file systems write them                     が
    ?q=a+b         a form's blank                                                                         ?q=a b
"""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

from sfs.errors import UrlError
from sfs.text.url import MAX_DECODING_ROUNDS, Form, clean_path, decode_percent

CHARSETS: Final = ("cp932", "euc_jp")  # Shift_JIS as browsers of Japan write it, and EUC-JP
MAX_NAME: Final = 512  # characters; a name of a file has 255 bytes at most
MAX_PAIRS: Final = 10_000  # of a query, as many as servers read (Tomcat's maxParameterCount)

_PARAMETERS = re.compile(r";[^/]*")
_OVERLONG = re.compile(r"(?:%F0%80%8[01]|%E0%8[01]|%C[01])%[89AB][0-9A-F]")
_LEAD: Final = {"0": 0x00, "1": 0x40}
_U_ESCAPE = re.compile(r"%u([0-9A-Fa-f]{4})", re.ASCII | re.IGNORECASE)
_BYTE = re.compile(r"%[89A-F][0-9A-F]")  # a byte that is no UTF-8, as decode_percent leaves it


def further_readings(forms: tuple[Form, ...]) -> tuple[Form, ...]:
    """The readings of a URL beyond its own `forms`; () for nearly every URL. Each once."""
    path, query = forms[-1].path, forms[-1].query
    plain_path = path.isascii() and not (";" in path or "%" in path or "\0" in path)
    if plain_path and (query is None or (query.isascii() and not ("+" in query or "%" in query))):
        return ()
    return _further(forms)


@lru_cache(maxsize=1024)
def _further(forms: tuple[Form, ...]) -> tuple[Form, ...]:
    # At most 96: two ways to cut parameters, three charsets and four endings of a path, four readings of a query.
    paths = dict.fromkeys(path for start in _starts(forms) for path in _paths(start))
    found = dict.fromkeys(Form(path, query) for path in paths for query in _queries(forms[-1].query))
    return tuple(form for form in found if form not in forms)


def _starts(forms: tuple[Form, ...]) -> Iterator[str]:
    """The decoded path, and what is left where a server cuts parameters out before it decodes."""
    yield forms[-1].path
    if ";" in forms[0].path:
        with suppress(UrlError):  # what is left may be encoded for ever; no server gets to the end of that either
            yield clean_path(decode_percent(_PARAMETERS.sub("", forms[0].path)))


def _paths(path: str) -> Iterator[str]:
    """One decoded path, and what other decoders make of it."""
    texts = [path]
    if not path.isascii() or has_bytes(path):
        texts += in_charsets(path)
    for text in texts:
        plain = _composed(_without_escapes(text))
        whole = clean_path(plain)
        yield from (text, whole)
        if ";" in plain:
            whole = clean_path(_PARAMETERS.sub("", plain))
            yield whole
        if "\0" in plain:
            yield whole.partition("\0")[0]


def _composed(path: str) -> str:
    """A path with its letters put together, name by name. Longer names than file systems have stay as they are: marks
    are sorted in time that grows with the square of their number."""
    if path.isascii():
        return path
    return "/".join(unicodedata.normalize("NFC", name) if len(name) <= MAX_NAME else name for name in path.split("/"))


def _queries(query: str | None) -> Iterator[str | None]:
    yield query
    if query is None:
        return
    blanks = query.replace("+", " ")
    yield _without_escapes(blanks)
    if not blanks.isascii() or has_bytes(blanks):
        yield from in_charsets(blanks)


def pairs_of_query(query: str) -> Iterator[tuple[str, ...]]:
    """The pairs name=value of a query as it was sent, each decoded, then in its further readings. It is cut at & first:
    an & that is encoded belongs to a value. What stands behind MAX_PAIRS is read by nobody."""
    for piece in query.split("&", MAX_PAIRS)[:MAX_PAIRS]:
        try:
            decoded = decode_percent(piece)
        except UrlError:  # no server gets to the end of that either
            decoded = piece
        forms = (Form("/", piece), Form("/", decoded))
        yield (decoded, *(form.query or "" for form in further_readings(forms)))


def _without_escapes(text: str) -> str:
    """Decoded `text` without the escapes that no browser undoes, and without what they bring to light."""
    for _ in range(MAX_DECODING_ROUNDS):
        plain = _U_ESCAPE.sub(_from_u, _OVERLONG.sub(_from_overlong, text)) if "%" in text else text
        if plain == text:
            break
        try:
            text = decode_percent(plain)
        except UrlError:
            return plain
    return text


def in_charsets(text: str) -> Iterator[str]:
    """Decoded `text` read in the charsets of Japan, for each of them in which all of its bytes are text. Bytes that are
    UTF-8 as well (one short word in EUC-JP may be) are read again: nobody can know which was meant."""
    data = unquote_to_bytes(text)
    for charset in CHARSETS:
        with suppress(UnicodeDecodeError):
            yield data.decode(charset)


def readings_of_bytes(forms: tuple[Form, ...]) -> tuple[Form, ...]:
    """The further readings of a URL that holds bytes in another charset or escapes that no browser undoes: what a
    person would read there. () for every other URL, so that no text is made up of what is plain already."""
    path, query = forms[-1].path, forms[-1].query or ""
    if "%" not in path and "%" not in query:
        return ()
    odd = any("%" in text and (_BYTE.search(text) or _U_ESCAPE.search(text)) for text in (path, query))
    return further_readings(forms) if odd else ()


def has_bytes(text: str) -> bool:
    """Whether decoded `text` holds bytes that are no UTF-8."""
    return "%" in text and _BYTE.search(text) is not None


def _from_u(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    char = chr(code - 0xFEE0 if 0xFF01 <= code <= 0xFF5E else code)  # IIS takes full-width letters for ASCII
    return match[0] if "\ud800" <= char <= "\udfff" else char


def _from_overlong(match: re.Match[str]) -> str:
    """The ASCII character in a sequence of two to four bytes that should have been one."""
    lead, last = match[0][-4], int(match[0][-2:], 16) & 0x3F
    return chr(_LEAD[lead] | last)
