"""One spelling of what a label is about, and the key it is found by.

A key is the site, a blank and the beginning of path and query: `example.com /a/b`. A prefix that ends with the host
has nothing behind the blank. So the labels of a site stand together in the order of their keys, a generic label covers
the URLs whose keys begin with its own, and none covers another host: a blank is in no host and sorts before all else.
http and https are one site and have one key. A port stands in the site where it is not the scheme's own.

    http://example.com         generic   example.com          every port, as sfs/pics/coverage.py reads it
    http://example.com/        generic   example.com /
    https://example.com:8443/a           example.com:8443 /a
    ftp://example.com/a                  ftp://example.com /a
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sfs.errors import LabelError
from sfs.pics.coverage import Prefix, form_text, forms_of, parse_prefix
from sfs.text.url import MAX_HOST, Form, Url, parents

MAX_FOR: Final = 2000  # bytes; PostgreSQL takes no index row over 2,704, and links that people write are shorter
SCHEMES: Final = ("http", "https", "ftp")


@dataclass(frozen=True, slots=True)
class LabelKey:
    """What a label is about. `for_`: the canonical spelling; `key` as above, of the URL as it is sent. `spellings`: the
    further keys by which URLs that some server may take for this one are found (decoded, parameters, charsets)."""

    for_: str
    key: str
    spellings: tuple[str, ...]


# A whole host as it is kept already: lists of names hold them by the million, and a parser takes 20 times as long.
_PLAIN_SITE: Final = re.compile(r"https?://((?:[a-z0-9_-]++\.)++[a-z][a-z0-9_-]*+)")


@lru_cache(maxsize=8192)  # who looks a label up before it is written asks twice
def label_key(for_: str, generic: bool, below: bool = False) -> LabelKey:
    """The key of a label for `for_`. LabelError E_FOR where no browser would open it, where it is longer than MAX_FOR,
    and where a label for the hosts below (`below`) is not generic or names less than a whole host."""
    if generic and len(for_) <= MAX_HOST and "xn--" not in for_ and (plain := _PLAIN_SITE.fullmatch(for_)) is not None:
        return LabelKey(for_, f"{plain[1]} ", ())
    return parsed_key(for_, generic, below)


def parsed_key(for_: str, generic: bool, below: bool = False) -> LabelKey:
    """As `label_key`, without its short way for whole hosts."""
    prefix = parse_prefix(for_) if len(for_) <= MAX_FOR else None
    if prefix is None:
        what = f"no URL: {for_[:80]!r}" if len(for_) <= MAX_FOR else f"a URL of {len(for_)} characters"
        raise LabelError("E_FOR", what, None, f"write http://host/path, {MAX_FOR} characters at most")
    site = site_of(prefix.url)
    starts = ("",) if prefix.site and prefix.any_port and generic else _starts(prefix, generic)
    if below and (not generic or starts[0] not in ("", "/") or prefix.url.port is not None):
        what = f"{for_[:80]!r} is no whole host, so it has no hosts below"
        raise LabelError("E_FOR", what, None, "write http://host, or leave the hosts below out")
    spelled = f"{_scheme(prefix.url)}{site}{starts[0]}"
    if len(spelled.encode()) > MAX_FOR:
        raise LabelError("E_FOR", f"a URL of {len(spelled)} characters", None, f"{MAX_FOR} bytes at most are kept")
    keys = tuple(dict.fromkeys(f"{site} {_plain(start)}" for start in starts))
    return LabelKey(spelled, keys[0], tuple(key for key in keys[1:] if len(key.encode()) <= MAX_FOR))


def for_of(scheme: str, key: str) -> str:
    """The canonical spelling that has this key."""
    site, _, start = key.partition(" ")
    return f"{site}{start}" if scheme == "ftp" else f"{scheme}://{site}{start}"


def site_of(url: Url) -> str:
    """The site in the keys of a URL."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    if url.port is not None:
        host = f"{host}:{url.port}"
    return f"ftp://{host}" if url.scheme == "ftp" else host


def keys_of(url: Url) -> list[tuple[str, str]]:
    """For each reading of a URL (sfs/pics/coverage.py, forms_of), the one as sent first: the key of a specific label
    for it ("" where only the name is known), and what the keys of generic labels begin. A question mark closes the
    latter where there is no query, since a prefix may end with one. Cut where no label is longer."""
    site = site_of(url)
    if url.name_only:
        return [("", f"{site} /?")]
    return [_search_keys(site, form) for form in forms_of(url)]


def names_above(url: Url) -> list[str]:
    """The keys of the whole sites that may speak of this URL besides its own, nearest first: its host at every port,
    where it names one, and its parent domains."""
    host = url.host
    if url.port is None and url.scheme != "ftp" and host[-1].isalpha():  # nearly every URL
        names, dot = [], host.find(".")
        while dot >= 0:
            names.append(f"{host[dot + 1 :]} ")
            dot = host.find(".", dot + 1)
        return names
    first = 0 if url.port is not None else 1
    start = "ftp://" if url.scheme == "ftp" else ""
    return [f"{start}{f'[{name}]' if ':' in name else name} " for name in parents(host)[first:]]


def _search_keys(site: str, form: Form) -> tuple[str, str]:
    exact = f"{site} {_plain(form_text(form))}"[: MAX_FOR + 1]
    return exact, exact if form.query is not None else f"{exact}?"


def _starts(prefix: Prefix, generic: bool) -> tuple[str, ...]:
    mark = prefix.mark if generic else ""
    return tuple(start + mark for start in (*prefix.starts, *prefix.readings))


def _scheme(url: Url) -> str:
    return "" if url.scheme == "ftp" else f"{url.scheme}://"


def _plain(text: str) -> str:
    """Without the one character that PostgreSQL cannot keep."""
    return text.replace("\0", "%00")
