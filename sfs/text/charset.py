"""Bytes to text as browsers do it: which charset an HTML page has, and decoding that never fails.

The order is that of browsers: byte order mark, HTTP header, META (and XML declaration), then a guess. The guess is
our own and made for Japanese: legacy pages without a declaration are mostly Shift_JIS, EUC-JP or ISO-2022-JP here.
Charsets are named as the WHATWG names them, in lower case: "utf-8", "shift_jis", "euc-jp", "windows-1252".
Spec: WHATWG Encoding; HTML, "Determining the character encoding" (13.2.3.2)."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import html5prescan
import webencodings

from sfs.text.japanese import decode_euc_jp, decode_iso_2022_jp, decode_shift_jis
from sfs.text.plain_head import plain_charset
from sfs.text.tags import TagScan, attributes

PRESCAN: Final = 1024  # bytes; HTML 13.2.3.2
LATE_META: Final = 64 * 1024  # bytes; a browser that meets a META later than that of the prescan starts again with it
GUESS: Final = 64 * 1024  # bytes
SAMPLE: Final = 8 * 1024  # bytes from the first that is not ASCII: enough to tell Shift_JIS from EUC-JP
MAX_HEADER: Final = 1024  # characters of Content-Type

_HEADER_CHARSET = re.compile(r"(?:^|[;,\s])charset\s{0,9}=\s{0,9}[\"']?([^\s\"';,]{1,64})", re.I)
_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+")  # MIME Sniffing 4.4: what else is none
_ONE_TYPE = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*+"?)++', re.S)  # a comma in quotes is part of a value
_QUOTED = re.compile(r'(charset\s{0,9}=\s{0,9})?"(?:[^"\\]|\\.)*+"?', re.I | re.S)
_META_CHARSET = re.compile(
    r"charset[\t\n\f\r ]{0,9}=[\t\n\f\r ]{0,9}"
    r"(?:\"([^\"]{1,64})\"|'([^']{1,64})'|([^\t\n\f\r ;\"'][^\t\n\f\r ;]{0,63}))",
    re.I,
)
_XML_ENCODING = re.compile(rb"<\?xml[^>]{0,200}?\bencoding\s{0,9}=\s{0,9}[\"']([A-Za-z0-9._:-]{1,64})[\"']")
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xfe\xff", "utf-16be"), (b"\xff\xfe", "utf-16le"))
_OWN = {"shift_jis": decode_shift_jis, "euc-jp": decode_euc_jp, "iso-2022-jp": decode_iso_2022_jp}
_SUPERSETS = {"gbk": "gb18030"}  # one decoder on the web
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_ASCII = re.compile(r"[\x00-\x7f]+")
_JIS_ESCAPE = re.compile(rb"\x1b(?:\$[@B]|\([IJ])")


@dataclass(frozen=True, slots=True)
class Decoded:
    """`how` the charset was found: "bom", "header", "meta", "detected" or "default"."""

    text: str
    charset: str
    how: str


def canonical(label: str) -> str | None:
    """The WHATWG name of a charset label, in lower case; None for a label no browser knows."""
    return _known(label) if len(label) <= MAX_HEADER else _looked_up(label)


def _looked_up(label: str) -> str | None:
    encoding = webencodings.lookup(label)
    return str(encoding.name) if encoding else None


_known = lru_cache(maxsize=256)(_looked_up)


def decode_html(data: bytes, content_type: str | None = None) -> Decoded:
    """The text of an HTML page or its first part, without a byte order mark. Never raises.

    `content_type`: the HTTP field's value. A character cut at the end of `data` is dropped."""
    charset, how = html_charset(data, content_type)
    return Decoded(decode(data, charset).removeprefix("\ufeff"), charset, how)


def html_charset(data: bytes, content_type: str | None = None) -> tuple[str, str]:
    """Charset and how it was found, as in Decoded."""
    for bom, charset in _BOMS:
        if data.startswith(bom):
            return charset, "bom"
    declared = header_charset(content_type)
    if declared:
        return declared, "header"
    declared = _meta(data)
    if declared:
        return declared, "meta"
    guessed = detect(data)
    if guessed:
        return guessed, "detected"
    return ("utf-8" if data.isascii() else "windows-1252"), "default"


def decode(data: bytes, charset: str) -> str:
    """Text as a browser shows it, U+FFFD for what is no character; a character cut at the end is dropped.

    Never raises: an unknown charset counts as windows-1252."""
    return _decode(data, charset, False)


def decode_bytes(data: bytes, label: str) -> str:
    """As decode, for bytes that are whole (a query string): a character cut at the end gives U+FFFD."""
    return _decode(data, label, True)


def decode_strict(data: bytes, label: str) -> str | None:
    """The text, or None where some byte is no character of this charset."""
    text = _decode(data, label, True)
    return None if "\ufffd" in text else text


def detect(data: bytes) -> str | None:
    """A guess from the first 64 KiB: UTF-16, UTF-8, or a Japanese charset; None: no sign of any (or plain ASCII)."""
    data = data[:GUESS]
    wide = _utf16(data)
    if wide:
        return wide
    if data.isascii():
        return "iso-2022-jp" if _JIS_ESCAPE.search(data) else None
    if _is_utf8(data):
        return "utf-8"
    start = _NOT_ASCII.search(data)
    sample = data[start.start() : start.start() + SAMPLE] if start else data
    scores = {charset: _plausible(sample, charset) for charset in ("utf-8", "euc-jp", "shift_jis")}
    best = max(scores, key=lambda charset: scores[charset])
    return best if scores[best] > 0 else None


def _is_utf8(data: bytes) -> bool:
    """Whether all of it is UTF-8, but for a character cut at the end."""
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(data, False)
    except UnicodeDecodeError:
        return False
    return True


def header_charset(content_type: str | None) -> str | None:
    """The charset that a Content-Type names; None where it names none that a browser knows."""
    return _in_header(content_type[:MAX_HEADER]) if content_type else None


@lru_cache(maxsize=256)
def _in_header(content_type: str) -> str | None:
    # The last type counts, and keeps the charset of one before it that is the same.
    last, charset = "", None
    for essence, whole in types_in(content_type):
        found = _HEADER_CHARSET.search(_QUOTED.sub(_charset_alone, whole))
        if found or essence != last:
            charset = canonical(found[1]) if found else None
        last = essence
    if last:
        return charset
    found = _HEADER_CHARSET.search(content_type)
    return canonical(found[1]) if found else None


def _charset_alone(quoted: re.Match[str]) -> str:
    return quoted[0] if quoted[1] else ""


def types_in(content_type: str) -> Iterator[tuple[str, str]]:
    """Each type that a Content-Type names, of one field or of several joined by commas: type and subtype, in small
    letters, and all of it with its parameters. Spec: Fetch, "extract a MIME type"."""
    for whole in _ONE_TYPE.findall(content_type):
        essence = whole.partition(";")[0].strip().lower()
        if _TYPE.fullmatch(essence) and essence != "*/*":
            yield essence, whole


def _meta(data: bytes) -> str | None:
    label = plain_charset(data[:PRESCAN].decode("latin-1"))  # of nearly every page; else the whole prescan
    if label and (declared := _declared(label)):
        return declared
    name = html5prescan.get(data[:PRESCAN])[0].name
    if name:
        return str(name).lower()
    xml = _XML_ENCODING.match(data)
    if xml:
        return _declared(xml[1].decode("ascii"))
    return _late_meta(data[:LATE_META].decode("latin-1"))


def _late_meta(text: str) -> str | None:
    for tag in TagScan().feed(text):
        if tag.name == "meta" and not tag.closing:
            values = attributes(text, tag)
            charset = _declared(values.get("charset", ""))
            if not charset and values.get("http-equiv", "").lower() == "content-type":
                found = _META_CHARSET.search(values.get("content", "")[:MAX_HEADER])
                charset = _declared(found[1] or found[2] or found[3]) if found else None
            if charset:
                return charset
    return None


def _declared(label: str) -> str | None:
    """A page that can be read as ASCII is not in UTF-16, whatever it says. HTML 13.2.3.2, prescan."""
    name = canonical(label)
    return {"utf-16le": "utf-8", "utf-16be": "utf-8", "x-user-defined": "windows-1252"}.get(name or "", name)


def _utf16(data: bytes) -> str | None:
    """UTF-16 without its mark: tags and spaces put NULs at every second byte, and only there."""
    even, odd = data[0:4096:2].count(0), data[1:4096:2].count(0)
    few = min(len(data), 4096) // 20
    if max(even, odd) <= few or len(data) < 4:
        return None
    if min(even, odd) * 20 > max(even, odd):
        return None
    return "utf-16be" if even > odd else "utf-16le"


def _plausible(data: bytes, charset: str) -> float:
    """Above 0 if the bytes look like text in this charset, and the higher the more they do."""
    text = _ASCII.sub("", decode(data, charset))
    if not text:
        return 0.0
    bad = text.count("\ufffd") + sum("\ue000" <= char <= "\uf8ff" for char in text)
    if bad * 20 > len(text):
        return 0.0
    if charset == "utf-8":
        return 1.0 - bad / len(text)
    kana = sum("\u3041" <= char <= "\u30fc" for char in text)
    half = sum("\uff61" <= char <= "\uff9f" for char in text)
    marks = sum(char in "、。・「」（）！？　" for char in text)
    return (kana + marks / 2 - half - 10 * bad) / len(text) - 0.1


def _decode(data: bytes, charset: str, final: bool) -> str:
    name = canonical(charset) or "windows-1252"
    if name == "utf-8":
        try:
            return data.decode()  # as nearly every page: all of it is UTF-8
        except UnicodeDecodeError:
            pass
    own = _OWN.get(name)
    if own:
        return own(data, final)
    if name == "replacement":
        return "\ufffd" if data else ""
    codec = _SUPERSETS.get(name) or webencodings.lookup(name).codec_info.name
    if name == "x-user-defined":
        return "".join(chr(byte if byte < 0x80 else byte + 0xF700) for byte in data)
    return codecs.getincrementaldecoder(codec)("sfs.web").decode(data, final)


def _web_error(error: UnicodeError) -> tuple[str, int]:
    """Bytes 80 to 9F that a one-byte charset leaves free are controls on the web; all else is U+FFFD."""
    assert isinstance(error, UnicodeDecodeError)
    byte = error.object[error.start]
    if error.encoding == "charmap" and 0x80 <= byte <= 0x9F:
        return chr(byte), error.start + 1
    return "\ufffd", error.end


codecs.register_error("sfs.web", _web_error)
