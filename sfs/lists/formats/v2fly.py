"""The files of v2fly's domain-list-community, and lists that are written like them.

    example.com  domain:example.com    the name and all below it
    full:www.example.com               this name alone
    keyword:example  regexp:...        counted: a part of a name closes what nobody meant, an expression is never run
    include:other  include:other @ads  the lines of another file of the same folder, those with an attribute alone
    ... @ads @cn                       attributes of a line; `--only @ads` takes those, `--only @-cn` the others
    ... &other                         the line stands in that list too: read there

Spec: README of domain-list-community, "Structure of data".
"""

import re
from dataclasses import dataclass
from typing import Final

from sfs.errors import RuleError, Where
from sfs.lists.formats.expressions import left_expression
from sfs.lists.lines import END, NAME, NOTHING, Include, Said, bare_name, left_out, text_of
from sfs.match.entry import Entry, parse_entry

_RUN: Final = re.compile(rb"(?:" + NAME + END + rb")++")
_ATTRIBUTE: Final = re.compile(r"-?[a-z0-9!-]{1,40}")
_LIST: Final = re.compile(r"[A-Za-z0-9!._-]{1,100}")
_JOINED: Final = re.compile(r"[:,](?=@)")  # as exported: full:example.com:@ads,@cn
_MEND: Final = "a line is a name, or full:, domain:, keyword:, regexp: or include: and what it is about"


@dataclass(frozen=True, slots=True)
class V2fly:
    """How such a file is read. Only lines with all attributes of `wanted` and none of `unwanted` are taken."""

    wanted: frozenset[str] = frozenset()
    unwanted: frozenset[str] = frozenset()

    def run(self, block: bytes, at: int) -> tuple[list[str], int]:
        """As LineFormat says."""
        found = None if self.wanted else _RUN.match(block, at)
        return ([], at) if found is None else (found[0].decode("ascii").split(), found.end())

    def line(self, line: bytes, where: Where | None) -> Said:
        """As LineFormat says."""
        text = text_of(line, where).partition("#")[0].strip()
        if not text:
            return NOTHING
        rule, *marks = _JOINED.sub(" ", text).split()
        attributes = _attributes([mark for mark in marks if not mark.startswith("&")], where)
        kind, colon, value = rule.partition(":")
        if kind.lower() == "include" and colon:
            return self._include(value, attributes, where)
        if not (self.wanted <= attributes and attributes.isdisjoint(self.unwanted)):
            return left_out("a line with other attributes than those asked for")
        return _rule(kind.lower() if colon else "domain", value if colon else rule, where)

    def _include(self, name: str, attributes: frozenset[str], where: Where | None) -> Said:
        if not _LIST.fullmatch(name) or name.startswith("."):
            raise RuleError(f"{name[:80]!r} is no list of the folder", where, "write include: and the name of a file")
        unwanted = {attribute[1:] for attribute in attributes if attribute.startswith("-")}
        wanted = {attribute for attribute in attributes if not attribute.startswith("-")}
        return Said(include=Include(name, V2fly(self.wanted | wanted, self.unwanted | unwanted)))


def with_attributes(only: tuple[str, ...]) -> V2fly:
    """The reader of a file of which only lines with these attributes are taken: @ads, and @-ads for those without."""
    found = _attributes([f"@{one.removeprefix('@')}" for one in only], None)
    unwanted = frozenset(one[1:] for one in found if one.startswith("-"))
    return V2fly(frozenset(one for one in found if not one.startswith("-")), unwanted)


def _attributes(marks: list[str], where: Where | None) -> frozenset[str]:
    for mark in marks:
        if mark[0] != "@" or not _ATTRIBUTE.fullmatch(mark[1:].lower()):
            raise RuleError(f"{mark[:40]!r} is no attribute", where, "an attribute is @ and a name")
    return frozenset(mark[1:].lower() for mark in marks)


def _rule(kind: str, value: str, where: Where | None) -> Said:
    if kind == "domain":
        return Said((bare_name(value, where),))
    if kind == "full":
        return Said((_host(value, where),))
    if kind == "keyword":
        return left_out("keyword: a part of a name", means=f"words: {value}")
    if kind == "regexp":
        return left_expression(value)
    raise RuleError(f"{kind[:20]!r} is no kind of rule", where, _MEND)


def _host(name: str, where: Where | None) -> Entry:
    entry = parse_entry(f"={name}", where)
    if entry is None or entry.forms or entry.port is not None or entry.scheme is not None:
        raise RuleError(f"{name[:80]!r} is no name", where, _MEND)
    return entry
