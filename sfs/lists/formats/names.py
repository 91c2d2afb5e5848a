"""Formats that are little more than names: entries, plain, hosts."""

import re
from typing import Final

from sfs.errors import RuleError, Where
from sfs.lists.lines import END, NAME, NOTHING, OF_THE_MACHINE, Lines, Said, bare_name, text_of, tree_name
from sfs.match.entry import Entry, parse_entry

_SINK: Final = rb"(?:0\.0\.0\.0|127\.0\.0\.1)[ \t]++"
_SINKS: Final = frozenset({"0.0.0.0", "127.0.0.1", "::", "::1", "0"})  # noqa: S104 - read, not bound


_FRAGMENT: Final = "what stands behind # is never sent: taken without it"


def entry_line(line: bytes, where: Where | None) -> Said:
    """A line in the format entries; nothing for a blank one or a comment. RuleError for what is neither."""
    text = text_of(line, where).strip()
    entry = parse_entry(text.removeprefix("!"), where)
    if entry is None:
        return NOTHING
    if text[0] == "!":
        return _exception(entry, where)
    return Said((entry,), why=(_FRAGMENT,) if "#" in text.partition(" ")[0].partition("\t")[0] else ())


def _exception(entry: Entry, where: Where | None) -> Said:
    if entry.needs_path or entry.port is not None or entry.scheme is not None:
        mend = "an exception is ! and a name"
        raise RuleError(f"{entry.text[:80]!r} is more than a name", where, mend)
    return Said(spared=(entry,))


def plain_line(line: bytes, where: Where | None) -> Said:
    """A line in the format plain: a name or an address; a scheme, port or path is a RuleError."""
    text = text_of(line, where).partition("#")[0].strip()
    return Said((tree_name(text, where),)) if text else NOTHING


def hosts_line(line: bytes, where: Where | None) -> Said:
    """A line in the format hosts: an address that leads nowhere, and names."""
    words = text_of(line, where).partition("#")[0].split()
    if not words:
        return NOTHING
    if not is_sink(words[0]) or len(words) < 2:
        what = f"{words[0][:80]!r} is not an address that leads nowhere"
        raise RuleError(what, where, "a line is 0.0.0.0 and a name; for bare names use format: plain")
    return Said(tuple(bare_name(word, where) for word in words[1:] if word.lower() not in OF_THE_MACHINE))


def is_sink(word: str) -> bool:
    """Whether a word is an address that leads nowhere, as those in front of the names of hosts files."""
    return word in _SINKS


def _without_stars(run: str) -> list[str]:
    return (run.replace("*.", "") if "*" in run else run).split()


ENTRIES: Final = Lines(re.compile(rb"(?:" + NAME + END + rb")++"), str.split, entry_line)
PLAIN: Final = Lines(re.compile(rb"(?:(?:\*\.)?+" + NAME + END + rb")++"), _without_stars, plain_line)
HOSTS: Final = Lines(re.compile(rb"(?:" + _SINK + NAME + END + rb")++"), lambda run: run.split()[1::2], hosts_line)
