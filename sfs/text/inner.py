"""A URL out of the text in which it stands: a field of another URL, or what follows in its path."""

import re
from typing import Final

from sfs.text.coded import decode_chain
from sfs.text.url import decode_once

MAX_ROUNDS: Final = 3  # of percent-decoding, until a URL comes to light

_DROPPED = re.compile(r"[\t\n\r]+")  # as the URL parsers of browsers do, wherever it stands
_BEFORE = re.compile(r"(?:(?:view-source|feed|jar):)+", re.I)
_SCHEME = re.compile(r"(https?|ftp):[/\\]*(?=[^/\\\s])", re.I)
_NO_SCHEME = re.compile(r"s?://(?=[^/\\\s])")
_CODED_HOST = re.compile(r"[^/\\?#%]*%")
_SCHEME_AS_FOLDER = re.compile(r"(https?)[/\\]+", re.I)
# What may stand without a scheme: a name with a top level domain, or an address.
_BARE = re.compile(
    r"(?:[^\s/\\?#@%]*@)?"
    r"(?:[^\s/\\?#@%:\[\]<>\"]+\.[^\s/\\?#@%:\[\]<>\".\d][^\s/\\?#@%:\[\]<>\".]+\.?|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\])"
    r"(?::\d*)?(?=[/\\?#]|\Z)"
)
_FILE = re.compile(
    r"[^/?#]*\.(?:ico|css|js|mjs|json|xml|txt|png|jpe?g|gif|svg|webp|html?|php|aspx?|jsp|woff2?|map|pdf)(?=[?#]|\Z)",
    re.I,
)


def url_in(text: str, scheme: str, bare: bool = True) -> str | None:
    """A URL with a scheme out of what stands there, decoded no more than it takes to see one. `bare`: a name alone
    is one too."""
    for _ in range(MAX_ROUNDS + 1):
        text = _DROPPED.sub("", text).lstrip("+\x00\f ").rstrip("\x00\f ")
        before = _BEFORE.match(text)
        text = text[before.end() :] if before else text
        schemed = _SCHEME.match(text)
        if schemed and not _CODED_HOST.match(text, schemed.end()):
            return f"{schemed[1].lower()}://{text[schemed.end() :]}"
        folder = _SCHEME_AS_FOLDER.match(text)
        if folder and _BARE.match(text, folder.end()):
            return f"{folder[1].lower()}://{text[folder.end() :]}"
        name = text.lstrip("/\\")
        if bare and _BARE.match(name) and not _FILE.match(name):
            return f"{scheme}://{name}"
        decoded = decode_once(text)
        if decoded == text:
            return None
        text = decoded
    return None


def coded_url(text: str, chain: str, literal: bool) -> str | None:
    """The URL that a text in an encoding stands for. It was percent-encoded on top of it, so that is taken off first,
    but from an encoding that leaves the percent signs of the URL as they are (`literal`)."""
    texts = [text]
    while len(texts) <= MAX_ROUNDS and (decoded := decode_once(texts[-1])) != texts[-1]:
        texts.append(decoded)
    for coded in texts if literal or len(texts) == 1 else (*texts[1:], text):
        inner = decode_chain(coded, chain)
        if inner:
            short = _NO_SCHEME.match(inner)  # some leave the letters away that a filter looks for
            url = url_in(f"http{inner}" if short else inner, "http", bare=False)
            if url:
                return url
    return None
