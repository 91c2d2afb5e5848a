"""Which format a list is written in, by the look of its first lines."""

import re
from typing import Final

from sfs.lists.lines import NAME

MAX_START: Final = 65_536  # bytes that are looked at
_MOST: Final = 0.6  # of the lines that say something must look like it
_LONGEST: Final = 1000  # bytes of a line
_SINKS: Final = (b"0.0.0.0", b"127.0.0.1", b"::", b"::1", b"0")
_RECORDS: Final = frozenset({b"cname", b"soa", b"ns", b"a", b"aaaa"})
_BARE: Final = re.compile(rb"\*?+\.?+(?:" + NAME + rb"|(?:[0-9]{1,3}+\.){3}[0-9]{1,3})")


def guess_format(start: bytes) -> str | None:
    """The name of the format that most lines of `start` look like; None where no format fits, or none is told: a web
    page, something packed, a file of comments. `start`: the first bytes of a list; 64 KiB of them are read."""
    lines = start[:MAX_START].removeprefix(b"\xef\xbb\xbf").lower().split(b"\n")
    if len(start) > MAX_START:
        lines.pop()  # cut in the middle
    counts: dict[str | None, int] = {}
    for line in lines:
        text = line.strip()[:_LONGEST]
        if text and text[:1] not in b"!;" and text != b"#" and text[:2] not in (b"# ", b"#\t"):
            shape = _shape(text)
            counts[shape] = counts.get(shape, 0) + 1
    if "entries" in counts:
        counts["entries"] += counts.get("plain", 0)  # a name is an entry as well
    best = max(counts, key=lambda shape: counts[shape], default=None)
    return best if best is not None and counts[best] >= _MOST * _said(counts) else None


def _said(counts: dict[str | None, int]) -> int:
    return sum(counts.values()) - (counts.get("plain", 0) if "entries" in counts else 0)


def _shape(text: bytes) -> str | None:
    """The format that a line without blanks around it, in lower case, looks like."""
    words = text.split()
    if text.startswith((b"||", b"@@", b"[adblock")) or b"##" in text or b"#@#" in text:
        return "adblock"
    if words[0] in _SINKS and len(words) > 1:
        return "hosts"
    if text.startswith((b"address=/", b"server=/", b"local=/")):
        return "dnsmasq"
    if words[0] in (b"$ttl", b"$origin") or (len(words) > 2 and _RECORDS.intersection(words[1:4])):
        return "rpz"
    if _BARE.fullmatch(words[0]) and (len(words) == 1 or words[1].startswith(b"#")):
        return "plain"
    if len(words) == 1 and (text.startswith(b"/") or b"^" in text):
        return "adblock"
    looks = len(words) == 1 and b"." in text and b"*" not in text and text[:1] not in b"<{(" and text.isascii()
    return "entries" if looks else None
