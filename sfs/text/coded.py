"""How a URL is written inside another one where it is more than percent-encoded: one small function an encoding.

None of them is secret; they keep a URL from a filter that looks for "http". Each gives text or None where the text is
not written so, never raises, and takes time in proportion to its input. What comes out need not be a URL: the caller
looks."""

import binascii
import re
from codecs import encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote_from_bytes, unquote

_ASCII: Final = bytes(range(0x80))
_BASE64 = re.compile(r"[A-Za-z0-9+/]+")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_FILE_ENDING = re.compile(r"[.@][A-Za-z0-9]{1,5}\Z")
_STARS = re.compile(r"\*(?:\*([A-Za-z0-9_-]))?")
_RUNS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _base64(text: str) -> str | None:
    """Both alphabets, with and without padding. Up to three letters behind the last whole byte are left out."""
    found = _BASE64.match(text.replace("-", "+").replace("_", "/"))
    if found is None:
        return None
    letters = found[0]
    letters = letters[:-1] if len(letters) % 4 == 1 else letters
    return _text(binascii.a2b_base64(letters + "=" * (-len(letters) % 4)))


def _base64_folders(text: str) -> str | None:
    """As picture relays write it: cut into folders of 16 letters so that no name is too long, and with a file
    ending."""
    if not 0 <= text.find("/") <= 16:
        return None
    return _base64(_FILE_ENDING.sub("", text.replace("/", "")))


def _hex(text: str) -> str | None:
    found = _HEX.match(text)
    return None if found is None else _text(bytes.fromhex(found[0]))


def _rot13(text: str) -> str:
    return encode(text, "rot13")


def _xor2(text: str) -> str:
    """Ultraviolet and its kin: every second character with its second bit turned."""
    turned = list(text)
    turned[1::2] = [chr(ord(char) ^ 2) for char in turned[1::2]]
    return "".join(turned)


def _urldefense2(text: str) -> str:
    """Proofpoint URL Defense, second form: - for %, _ for /."""
    return unquote(text.replace("-", "%").replace("_", "/"))


def _urldefense3(text: str) -> str:
    """Proofpoint URL Defense, third form: URL__;LETTERS!!... where each * of the URL is the next of the letters, which
    are base64, and **X is as many of them as X says (A: 2)."""
    url, end, rest = text.partition("__;")
    if not end:
        return text.partition("__")[0]
    letters = _base64(rest.partition("!")[0]) or ""
    kept = iter(unquote(letters))
    return _STARS.sub(lambda star: "".join(next(kept, "") for _ in range(_run(star[1]))), url)


def _run(length: str | None) -> int:
    return 1 if length is None else _RUNS.index(length) + 2


def _text(data: bytes) -> str:
    """Bytes above ASCII become %XX: no charset is guessed, and the URL parser reads them as a browser does."""
    return quote_from_bytes(data, safe=_ASCII)


@dataclass(frozen=True, slots=True)
class Encoding:
    """`part`: how much of what follows in a path is written so: one "segment", the "path", or "all" with the query.
    `literal`: a percent sign in it is one of the URL."""

    decode: Callable[[str], str | None]
    part: str = "path"
    literal: bool = False


ENCODINGS: Final[Mapping[str, Encoding]] = {
    "base64": Encoding(_base64, "segment"),
    "base64-folders": Encoding(_base64_folders),
    "hex": Encoding(_hex, "segment"),
    "rot13": Encoding(_rot13),
    "xor2": Encoding(_xor2),
    "urldefense2": Encoding(_urldefense2),
    "urldefense3": Encoding(_urldefense3, "all", literal=True),
}


def decode_chain(text: str, chain: str) -> str | None:
    """`text` out of the encodings that `chain` names, the outermost first ("hex rot13"); None where it is not so."""
    decoded: str | None = text
    for name in chain.split():
        decoded = ENCODINGS[name].decode(decoded) if decoded else None
    return decoded
