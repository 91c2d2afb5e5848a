"""What one line of a list means, in each of the formats.

    entries  as a person writes them (design, section 4)
    plain    one domain a line
    hosts    0.0.0.0 name, as in /etc/hosts

A name in a list of plain names or of hosts means the name and all below it: those who keep such lists write the
name that was seen, and what stands below is the same site.

Almost all lines of a long list are plain lower case names, and stand in long runs. A run is told by one pattern and
checked against the public suffixes as a set: 50 times faster than parsing each name as a URL, with the same result,
which a test compares.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from sfs.errors import RuleError, Where
from sfs.match.entry import Entry, Unit, parse_entry
from sfs.text import suffix
from sfs.text.suffix import is_public_suffix

type LineParser = Callable[[bytes, Where], tuple[Entry, ...]]

# Labels without a hyphen in front, the last one no number: what every reader of names takes the same way. Possessive
# (++), so that a run that ends is not tried again shorter.
_NAME: Final = rb"(?:[a-z0-9_][a-z0-9_-]{0,62}+\.)++[a-z][a-z0-9-]{0,62}+"
_END: Final = rb"[ \t]*+\r?\n"
_SINK: Final = rb"(?:0\.0\.0\.0|127\.0\.0\.1)[ \t]++"
_RUNS: Final = {
    "entries": re.compile(rb"(?:" + _NAME + _END + rb")++"),
    "plain": re.compile(rb"(?:" + _NAME + _END + rb")++"),
    "hosts": re.compile(rb"(?:" + _SINK + _NAME + _END + rb")++"),
}
_SINKS: Final = frozenset({"0.0.0.0", "127.0.0.1", "::", "::1", "0"})  # noqa: S104 - read, not bound
_OF_THE_MACHINE: Final = frozenset(  # lines that every hosts file has
    (
        *("localhost", "localhost.localdomain", "local", "broadcasthost", "0.0.0.0"),  # noqa: S104 - read, not bound
        *("ip6-localhost", "ip6-loopback", "ip6-localnet", "ip6-mcastprefix"),
        *("ip6-allnodes", "ip6-allrouters", "ip6-allhosts"),
    )
)


def names_at(block: bytes, at: int, format: str) -> tuple[list[str], int]:
    """The names of the run of lines that begins at `at`, one a line, and where the run ends; ([], at) for no run.

    `block`: whole lines in lower case. `odd_names` says which of the names are not to be taken unseen."""
    run = _RUNS[format].match(block, at)
    if run is None:
        return [], at
    words = run[0].decode("ascii").split()
    return (words[1::2] if format == "hosts" else words), run.end()


def odd_names(names: list[str]) -> set[str]:
    """Those of `names` that only the parsers below can judge: public suffixes, encoded and overlong names."""
    rules, wild = _suffix_rules()
    odd = set(rules.intersection(names)) | _OF_THE_MACHINE.intersection(names)
    odd.update(name for name in names if name.partition(".")[2] in wild or len(name) > 253 or "xn--" in name)
    return odd


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
    try:
        entry = parse_entry(text, where)
    except RuleError:
        # A public suffix stands on a list of names for the one host of that name, never for all below it.
        entry = None if text.startswith("=") else parse_entry(f"={text}", where)
        if entry is None or not is_public_suffix(entry.host):
            raise
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
def _suffix_rules() -> tuple[frozenset[str], frozenset[str]]:
    """The names that are public suffixes, and those whose children are. Asking for the suffix of each of a million
    names takes 4 s, sets 0.3 s. A rule !name makes an exception; then the parser finds nothing wrong."""
    rules: frozenset[str] = suffix._suffixes()._publicsuffix
    return rules, frozenset(rule[2:] for rule in rules if rule.startswith("*."))
