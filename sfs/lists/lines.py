"""What one line of a list means, in each of the formats.

    entries  as a person writes them (design, section 4)
    plain    one domain a line
    hosts    0.0.0.0 name, as in /etc/hosts

A name in a list of plain names or of hosts means the name and all below it: those who keep such lists write the
name that was seen, and what stands below is the same site.

Almost all lines of a long list are plain lower case names. Those are told by a pattern and a look at the public
suffixes, 40 times faster than parsing each as a URL; the result is the same, which a test compares.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from sfs.errors import RuleError, Where
from sfs.match.entry import Entry, Unit, parse_entry
from sfs.text import suffix

type LineParser = Callable[[bytes, Where], tuple[Entry, ...]]

# Labels without a hyphen in front, the last one no number: what every reader of names takes the same way.
_NAME: Final = rb"((?:[a-z0-9_][a-z0-9_-]{0,62}\.)+[a-z][a-z0-9-]{0,62})"
_PLAIN: Final = re.compile(_NAME + rb"[ \t\r]*")
_HOSTS: Final = re.compile(rb"(?:0\.0\.0\.0|127\.0\.0\.1)[ \t]+" + _NAME + rb"[ \t\r]*")
_SINKS: Final = frozenset({"0.0.0.0", "127.0.0.1", "::", "::1", "0"})  # noqa: S104 - read, not bound
_OF_THE_MACHINE: Final = frozenset(  # lines that every hosts file has
    (
        *("localhost", "localhost.localdomain", "local", "broadcasthost", "0.0.0.0"),
        *("ip6-localhost", "ip6-loopback", "ip6-localnet", "ip6-mcastprefix"),
        *("ip6-allnodes", "ip6-allrouters", "ip6-allhosts"),
    )
)


def fast_name(line: bytes, hosts: bool) -> str | None:
    """The name that a line holds and nothing else, where it is plainly one; None leaves it to the parsers below."""
    match = (_HOSTS if hosts else _PLAIN).fullmatch(line)
    if match is None or len(match[1]) > 253 or b"xn--" in line:
        return None
    name = match[1].decode("ascii")
    return None if _may_be_suffix(name) else name


def entry_line(line: bytes, where: Where) -> tuple[Entry, ...]:
    """A line in the format entries; () for a blank one or a comment. RuleError for what is neither."""
    entry = parse_entry(_text(line, where), where)
    return () if entry is None else (entry,)


def plain_line(line: bytes, where: Where) -> tuple[Entry, ...]:
    """A line in the format plain: a name or an address; a scheme, port or path is a RuleError."""
    text = _text(line, where).partition("#")[0].strip()
    return (_bare(text, where),) if text else ()


def hosts_line(line: bytes, where: Where) -> tuple[Entry, ...]:
    """A line in the format hosts: an address that leads nowhere, and names."""
    words = _text(line, where).partition("#")[0].split()
    if not words:
        return ()
    if words[0] not in _SINKS or len(words) < 2:
        what = f"{words[0][:80]!r} is not an address that leads nowhere"
        raise RuleError(what, where, "a line is 0.0.0.0 and a name; for bare names use format: plain")
    return tuple(_bare(word, where) for word in words[1:] if word.lower() not in _OF_THE_MACHINE)


PARSERS: Final[dict[str, LineParser]] = {"entries": entry_line, "plain": plain_line, "hosts": hosts_line}


def _bare(text: str, where: Where) -> Entry:
    entry = parse_entry(text, where)
    if entry is None or entry.unit > Unit.HOST or entry.scheme or entry.port or text.startswith("="):
        raise RuleError(f"{text[:80]!r} is more than a name", where, "use format: entries for such lines")
    return entry


def _text(line: bytes, where: Where) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as fault:
        place = Where(where.file, where.line, fault.start + 1)
        raise RuleError("a byte that is not UTF-8", place, "save the list as UTF-8") from None


@lru_cache(maxsize=1)
def _suffix_rules() -> frozenset[str] | None:
    # The set itself: asking for the suffix of each of a million names takes 4 s, a look into the set 0.2 s.
    rules = getattr(suffix._suffixes(), "_publicsuffix", None)
    return rules if isinstance(rules, frozenset) else None


def _may_be_suffix(name: str) -> bool:
    """False only where `name`, which has a dot, is surely no public suffix: no rule names it or all beside it."""
    rules = _suffix_rules()
    return rules is None or name in rules or "*" + name[name.index(".") :] in rules
