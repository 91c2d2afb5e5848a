"""Which format a list is written in, by the look of its first lines."""

import re
from typing import Final

from sfs.lists.formats.comma import is_head
from sfs.lists.lines import NAME

MAX_START: Final = 65_536  # bytes that are looked at
_MOST: Final = 0.6  # of the lines that say something must look like it
_LONGEST: Final = 1000  # bytes of a line
_SINKS: Final = (b"0.0.0.0", b"127.0.0.1", b"::", b"::1", b"0")
_RECORDS: Final = frozenset({b"cname", b"soa", b"ns", b"a", b"aaaa"})
_HTML: Final = (b"<!doctype", b"<html", b"<head", b"<body", b"<script", b"<?xml", b"<!--")
_BARE: Final = re.compile(rb"\*?+\.?+(?:" + NAME + rb"|(?:[0-9]{1,3}+\.){3}[0-9]{1,3})")


# Of a file with no line that tells; the names that e2guardian's own lists have.
_NAMES: Final = (
    ("phrases", re.compile(r"(?:banned|weighted|exception)phraselist|^(?:weighted|banned|exception)(?:_[a-z-]+)?$")),
    ("searches", re.compile(r"searchterm")),
    ("expressions", re.compile(r"regexp|^expressions$")),
    ("e2guardian", re.compile(r"(?:site|siteip|url)list$")),
)
_PHRASE: Final = re.compile(rb"<[^<>]+>(?:,\s*<[^<>]+>)*(?:<-?[0-9]+>)?")
_ADGUARD: Final = frozenset({b"user_rules:", b"whitelist_filters:", b"upstream_dns:", b"schema_version:"})
_V2FLY: Final = (b"full:", b"domain:", b"include:", b"keyword:", b"regexp:")
_UNBOUND: Final = (b"local-zone:", b"local-data:", b"local-data-ptr:")
# A name alone is a line of these formats too.
_WITH_NAMES: Final = {"entries": ("plain",), "v2fly": ("plain",), "e2guardian": ("plain", "entries")}


def guess_format(start: bytes, name: str = "") -> str | None:
    """The name of the format that most lines of `start` look like; None where no format fits, or none is told: a web
    page, something packed, a file of comments. `start`: the first bytes of a list; 64 KiB of them are read. `name`:
    of the file, which tells where its lines do not."""
    if is_web_page(start):
        return None
    whole = _of_whole(start[:MAX_START])
    if whole is not None:
        return whole
    found = _of_lines(_lines(start))
    if found in (None, "plain", "entries"):
        named = next((format_ for format_, look in _NAMES if look.search(name.lower().removesuffix(".txt"))), None)
        return named or found
    return found


def is_web_page(start: bytes) -> bool:
    """Whether the first bytes are those of HTML, or of XML."""
    return start[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")[:20].lower().startswith(_HTML)


def _of_whole(start: bytes) -> str | None:
    """The format of what is more than lines."""
    if start.startswith(b"SQLite format 3\0"):
        return "pihole"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if re.match(rb"(?:\[\s*)?\{", text) and re.search(rb'"(?:domain|address)"\s*:', text):
        return "pihole"
    head = next((line for line in text.splitlines() if line.strip() and line[:1] != b"#"), b"")
    names = {name.strip(b'" ') for name in head.split(b",")}
    if {b"enabled", b"date_added"} <= names and names & {b"domain", b"address"}:
        return "pihole"
    return "csv" if is_head(head[:_LONGEST]) else None


def _lines(start: bytes) -> list[bytes]:
    lines = start[:MAX_START].removeprefix(b"\xef\xbb\xbf").lower().split(b"\n")
    if len(start) > MAX_START:
        lines.pop()  # cut in the middle
    return lines


def _of_lines(lines: list[bytes]) -> str | None:
    if any(line.rstrip() in _ADGUARD or line.startswith(b"schema_version:") for line in lines):
        return "adguard"
    counts: dict[str | None, int] = {}
    for line in lines:
        text = line.strip()[:_LONGEST]
        if text and text[:1] not in b"!;" and text != b"#" and text[:2] not in (b"# ", b"#\t"):
            shape = _shape(text)
            counts[shape] = counts.get(shape, 0) + 1
    said = sum(counts.values())
    for shape in counts:
        if shape is not None:
            counts[shape] += sum(counts[other] for other in _WITH_NAMES.get(shape, ()) if other in counts)
    best = max(counts, key=lambda shape: (counts[shape], shape == "e2guardian"), default=None)
    return best if best is not None and counts[best] >= _MOST * said else None


def _shape(text: bytes) -> str | None:
    """The format that a line without blanks around it, in lower case, looks like."""
    words = text.split()
    if text.startswith((b".include<", b"#listcategory:")) or text in (b"**", b"*ip", b"*ips", b"**s", b"**sh"):
        return "e2guardian"
    if text.startswith((b"||", b"@@", b"[adblock")) or b"##" in text or b"#@#" in text:
        return "adblock"
    if words[0] in _SINKS and len(words) > 1:
        return "hosts"
    if text.startswith((b"address=/", b"server=/", b"local=/")):
        return "dnsmasq"
    if text.startswith(_UNBOUND) or text == b"server:":
        return "unbound"
    if words[0] in (b"$ttl", b"$origin") or (len(words) > 2 and _RECORDS.intersection(words[1:4])):
        return "rpz"
    if text.startswith(_V2FLY) or (len(words) > 1 and words[1][:1] == b"@" and _BARE.fullmatch(words[0])):
        return "v2fly"
    if _BARE.fullmatch(words[0]) and (len(words) == 1 or words[1].startswith(b"#")):
        return "plain"
    if _PHRASE.fullmatch(text):
        return "phrases"
    if len(words) == 1 and (text.startswith(b"/") or b"^" in text):
        return "adblock"
    looks = len(words) == 1 and b"." in text and b"*" not in text and text[:1] not in b"<{(" and text.isascii()
    return "entries" if looks else None
