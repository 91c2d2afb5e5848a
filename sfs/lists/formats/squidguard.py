"""A folder as squidGuard reads it, and as the university of Toulouse (UT1) keeps its categories:

    domains       one name a line: the name and all below it
    urls          host/path a line: the page and all below it
    expressions   regular expressions: counted, since one of somebody else can make every page slow

squidGuard takes a leading www. off what is asked for, so example.com/a stands for www.example.com/a too.
The lines of urls count on where those of domains end.
"""

import re
from dataclasses import replace
from typing import Final

from sfs.errors import RuleError, Where
from sfs.lists.formats.expressions import expression_line
from sfs.lists.formats.names import PLAIN
from sfs.lists.lines import NOTHING, Lines, Said
from sfs.match.entry import Entry, Unit, parse_entry
from sfs.text.url import is_address

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def url_line(line: bytes, where: Where | None) -> Said:
    """What a line of urls says: pages, at the host and at www. of it. RuleError for what is no address."""
    # Old lists hold paths in charsets that nobody noted: such bytes are matched as %XX, as they are sent.
    text = line.decode("utf-8", errors="surrogateescape").strip()
    if not text or text[0] == "#":
        return NOTHING
    entry = parse_entry(_as_entry(_SCHEME.sub("", text, count=1)), where)
    if entry is None:
        raise RuleError(f"{text[:80]!r} is no address", where, "a line is host/path")
    return Said((entry, *at_www(entry)))


def _as_entry(text: str) -> str:
    host, slash, path = text.partition("/")
    if not slash or not path:
        return f"={host}"
    return text if "?" in path or path.endswith("/") else f"{text}/"


def at_www(entry: Entry) -> tuple[Entry, ...]:
    """The same below www. of its host, where that is another host."""
    if entry.host.startswith("www.") or is_address(entry.host) or len(entry.host) > 249 or entry.unit is Unit.TREE:
        return ()
    return (replace(entry, host=f"www.{entry.host}"),)


DOMAINS: Final = PLAIN
FILES: Final[dict[str, Lines]] = {
    "domains": DOMAINS,
    "urls": Lines(None, str.split, url_line),
    "expressions": Lines(None, str.split, expression_line),
}
