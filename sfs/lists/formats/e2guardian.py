"""The lists of e2guardian and DansGuardian. Sites, addresses and URLs stand in files of one look:

    example.com             bannedsitelist, exceptionsitelist, greysitelist: the name and all below it
    example.com/a           bannedurllist and others: what lies below a path, at the host and at www. of it
    192.0.2.1               bannedsiteiplist; ranges of addresses are counted
    .Include</path/file>    the lines of another file; it is looked for in the folder of the list alone
    #listcategory: "name"   what the list is called on a page
    **  **s  *ip  *ips      blanket flags: all sites, all HTTPS, all addresses: counted, with what says the same here

What a list does (closes, opens, is looked into) its name tells, not its lines: who takes one into use says it.

Words stand in other files. A phrase of several parts is found where all of them stand in a page:

    <phrase>  <a>,< b >     bannedphraselist; in an exceptionphraselist the page is shown
    <phrase><50>            weightedphraselist: the weights of what is found are added up; below 0 they speak for a page
    a+b                     bannedsearchtermlist: the words of a search

A blank inside < > at the end of a part is the border of a word; without one it is found inside words too.
Spec: "WeightedPhrase lists" and "Search term lists" in e2guardian's notes; FuzzyMatch.
"""

import re
from typing import Final

from sfs.errors import RuleError, Where
from sfs.lists.formats.names import PLAIN
from sfs.lists.formats.squidguard import url_line
from sfs.lists.lines import NOTHING, Include, LineFormat, Lines, Said, WeightedPhrase, left_out, text_of, tree_name

DECIDES: Final = 1000  # the weight of a phrase without one, and the most: more than any limit in use (50 to 200)
MAX_PHRASE: Final = 400  # characters of all parts
MAX_PARTS: Final = 12
_FLAGS: Final = {
    "**": "blanket flag **: all sites; here the profile only-allowed",
    "**s": "blanket flag **s: all HTTPS sites; here the profile only-allowed",
    "**sh": "blanket flag **sh: all HTTPS sites that are opened",
    "*ip": "blanket flag *ip: all addresses written as numbers",
    "*ips": "blanket flag *ips: all addresses written as numbers, by HTTPS",
}
_INCLUDE: Final = re.compile(r"\.Include<([^<>\0]{1,500})>", re.IGNORECASE)
_CATEGORY: Final = re.compile(r"#listcategory:\s*\"?([^\"]*)\"?", re.IGNORECASE)
_RANGE: Final = re.compile(r"[0-9.]+(?:/[0-9.]+|\s*-\s*[0-9.]+)")
_PHRASE: Final = re.compile(r"(<[^<>]*>(?:,\s*<[^<>]*>)*)(?:<(-?[0-9]{1,6})>)?")
_COMMENT: Final = re.compile(r"\s#.*")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PART: Final = re.compile(r"<([^<>]*)>")


def site_line(line: bytes, where: Where | None) -> Said:
    """A line of a list of sites or URLs."""
    written = text_of(line, where).strip()
    text = _COMMENT.sub("", written).strip()
    include = _include(text, SITES)
    if include is not None:
        return include
    if not text or text[0] == "#":
        return NOTHING
    if text.lower() in _FLAGS:
        return left_out(_FLAGS[text.lower()])
    if text.lower().startswith(".time:"):
        return left_out("a time of the day for the whole list; here the schedule of a group")
    if _RANGE.fullmatch(text):
        return left_out("a range of addresses")
    name = _SCHEME.sub("", text, count=1)
    return url_line(text.encode(), where) if "/" in name.rstrip("/") else Said((tree_name(name.rstrip("/"), where),))


class Phrases:
    """A list of phrases while it is read: its category stands above them."""

    __slots__ = ("_category", "_weight")

    def __init__(self, weight: int = DECIDES) -> None:
        self._weight = weight  # of a phrase without one
        self._category: str | None = None

    def run(self, block: bytes, at: int) -> tuple[list[str], int]:
        """As LineFormat says."""
        return [], at

    def line(self, line: bytes, where: Where | None) -> Said:
        """As LineFormat says."""
        text = text_of(line, where).strip()
        include = _include(text, Phrases(self._weight))
        if include is not None:
            return include
        if not text or text[0] == "#":
            named = _CATEGORY.fullmatch(text)
            self._category = named[1].strip()[:80] or None if named else self._category
            return NOTHING
        text = text if text.endswith(">") else re.sub(r">\s*#.*", ">", text)
        return Said(phrases=(_phrase(text, self._category, self._weight, where),))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Phrases) and other._weight == self._weight

    def __hash__(self) -> int:
        return hash(self._weight)


def search_line(line: bytes, where: Where | None) -> Said:
    """A line of a list of search terms: words with + between, all of them in one search."""
    text = text_of(line, where).strip()
    include = _include(text, SEARCHES)
    if include is not None:
        return include
    if not text or text[0] == "#":
        return NOTHING
    # A weight in < > behind the words, as lists of phrases have it, says nothing in a search.
    words = tuple(f" {word.strip().lower()} " for word in re.split(r"[+\t]", text) if word.strip())
    if not words or len(words) > MAX_PARTS or len(text) > MAX_PHRASE or "<" in text:
        raise RuleError(f"{text[:80]!r} is no search term", where, "a line is words with + between them")
    return Said(phrases=(WeightedPhrase(words, DECIDES, None),))


def _include(text: str, lines: LineFormat) -> Said | None:
    found = _INCLUDE.fullmatch(text)
    return None if found is None else Said(include=Include(found[1], lines))


def _phrase(text: str, category: str | None, weight: int, where: Where | None) -> WeightedPhrase:
    found = _PHRASE.fullmatch(text)
    parts = () if found is None else tuple(part.lower() for part in _PART.findall(found[1]))
    if found is None or not parts or not all(part.strip() for part in parts):
        raise RuleError(f"{text[:80]!r} is no phrase", where, "a line is <phrase>, <a>,<b> or <phrase><50>")
    if len(parts) > MAX_PARTS or sum(map(len, parts)) > MAX_PHRASE:
        raise RuleError(f"a phrase of {len(text)} characters", where, f"at most {MAX_PARTS} parts, {MAX_PHRASE} long")
    number = weight if found[2] is None else max(-DECIDES, min(DECIDES, int(found[2])))
    return WeightedPhrase(parts, number, category)


SITES: Final = Lines(PLAIN.pattern, PLAIN.names, site_line)
SEARCHES: Final = Lines(None, str.split, search_line)
