"""Shift_JIS, EUC-JP and ISO-2022-JP as browsers decode them, which Python's codecs of these names do not.

Python's tables lack the vendor characters of JIS rows 13 and 89 to 92 (circled digits, the old forms in many names)
and read six symbols differently. cp932 has all of them, so what EUC-JP does not know goes there.
Spec: WHATWG Encoding, sections 12.1 to 12.3. Checked against the whole index in tests/text/test_charset.py."""

import codecs
import re
from collections.abc import Callable

_BAD = "\ufffd"
# The single bytes A0 and FD to FF are no characters on the web; cp932 gives them these of private use.
_NO_SINGLES = dict.fromkeys([0xF8F0, 0xF8F1, 0xF8F2, 0xF8F3], _BAD)
_WEB_SYMBOLS = {0x301C: 0xFF5E, 0x2016: 0x2225, 0x2212: 0xFF0D, 0xA2: 0xFFE0, 0xA3: 0xFFE1, 0xAC: 0xFFE2}

_ESCAPES = re.compile(rb"\x1b(\$[@B]|\([BIJ])")
_CUT_ESCAPE = re.compile(rb"\x1b[$(]?\Z")
_PAIRS = re.compile(rb"([\x21-\x7e]{2})|[\x21-\x7e](?=\x1b)|[\x21-\x7e]?[^\x21-\x7e]|[\x21-\x7e]")
_NOT_ASCII = dict.fromkeys((14, 15, 27, *range(128, 256)), _BAD)
_NOT_ROMAN = _NOT_ASCII | {0x5C: "\u00a5", 0x7E: "\u203e"}
_KATAKANA = {code: chr(code + 0xFF40) if 0x21 <= code <= 0x5F else _BAD for code in range(0x100)}
_TO_HIGH = bytes(code | 0x80 for code in range(0x100))


def decode_shift_jis(data: bytes, final: bool = False) -> str:
    """Never raises: U+FFFD for what is no character. A character cut at the end is dropped unless `final`."""
    return _incremental("cp932", "sfs.shift_jis", data, final).translate(_NO_SINGLES)


def decode_euc_jp(data: bytes, final: bool = False) -> str:
    """As decode_shift_jis."""
    return _incremental("euc_jp", "sfs.euc_jp", data, final).translate(_WEB_SYMBOLS)


def decode_iso_2022_jp(data: bytes, final: bool = False) -> str:
    """As decode_shift_jis. Two escapes with nothing between them give U+FFFD, as in browsers."""
    cut = _CUT_ESCAPE.search(data)
    body = data[: cut.start()] if cut else data
    first, *rest = _ESCAPES.split(body)
    parts = [first.decode("latin-1").translate(_NOT_ASCII)]
    for at in range(0, len(rest), 2):
        last = at + 2 == len(rest)
        run = rest[at + 1]
        parts.append(_DECODERS[rest[at]](run, final or not last) if run or last else _BAD)
    return "".join(parts) + (_BAD if cut and final else "")


def _two_byte_run(run: bytes, final: bool) -> str:
    """JIS X 0208 in seven bits; with the high bits set it is EUC-JP."""
    if all(0x21 <= byte <= 0x7E for byte in set(run)):
        even = len(run) & ~1
        return decode_euc_jp(run[:even].translate(_TO_HIGH), True) + (_BAD if final and even < len(run) else "")
    return "".join(_pair(found, final) for found in _PAIRS.finditer(run))


def _pair(found: re.Match[bytes], final: bool) -> str:
    if found[1]:
        return decode_euc_jp(found[1].translate(_TO_HIGH), True)
    cut = found.end() == len(found.string) and len(found[0]) == 1 and 0x21 <= found[0][0] <= 0x7E
    return "" if cut and not final else _BAD


_DECODERS: dict[bytes, Callable[[bytes, bool], str]] = {
    b"$@": _two_byte_run,
    b"$B": _two_byte_run,
    b"(B": lambda run, final: run.decode("latin-1").translate(_NOT_ASCII),
    b"(I": lambda run, final: run.decode("latin-1").translate(_KATAKANA),
    b"(J": lambda run, final: run.decode("latin-1").translate(_NOT_ROMAN),
}


def _incremental(codec: str, errors: str, data: bytes, final: bool) -> str:
    return codecs.getincrementaldecoder(codec)(errors).decode(data, final)


def _shift_jis_error(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    pair = error.object[error.start : error.start + 2]
    return _BAD, error.start + _width(pair)


def _euc_jp_error(error: UnicodeError) -> tuple[str, int]:
    """A pair of rows 13 or 89 to 92 is in cp932; the arithmetic is that between the two codes of one table."""
    assert isinstance(error, UnicodeDecodeError)
    pair = error.object[error.start : error.start + 2]
    if pair[0] == 0x8F and len(pair) == 2 and 0xA1 <= pair[1] <= 0xFE:
        return _BAD, error.start + 1 + _width(error.object[error.start + 1 : error.start + 3])
    if len(pair) < 2 or not (0xA1 <= pair[0] <= 0xFE and 0xA1 <= pair[1] <= 0xFE):
        return _BAD, error.start + _width(pair)
    row, cell = divmod((pair[0] - 0xA1) * 94 + pair[1] - 0xA1, 188)
    shifted = bytes([row + (0x81 if row < 0x1F else 0xC1), cell + (0x40 if cell < 0x3F else 0x41)])
    text = shifted.decode("cp932", "replace")
    return text if len(text) == 1 else _BAD, error.start + 2


def _width(pair: bytes) -> int:
    """How many bytes a bad character takes: its second byte stays if it is ASCII, so a bad lead swallows no tag."""
    return 1 if len(pair) < 2 or pair[1] < 0x80 or pair[0] in (0xA0, 0xFD, 0xFE, 0xFF) else 2


codecs.register_error("sfs.shift_jis", _shift_jis_error)
codecs.register_error("sfs.euc_jp", _euc_jp_error)
