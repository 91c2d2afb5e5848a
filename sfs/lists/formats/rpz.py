"""A response policy zone, as BIND, Unbound and others load it.

    example.com      CNAME .              this host        *.example.com   CNAME .   all below it
    example.com      CNAME rpz-passthru.  an exception     rpz-drop. and local data (A, AAAA, a CNAME) close a name too
    32.1.2.0.192.rpz-ip  CNAME .          addresses and name servers: counted, a proxy sees neither

*.example.com is taken with example.com itself: the two stand together in all lists, and a zone has no other word for
a whole site. Own reader: a parser of whole zones takes 100 times as long.
Spec: "DNS Response Policy Zones (RPZ)", draft-vixie-dnsop-dns-rpz; RFC 1035, section 5.1.
"""

import re
from typing import Final

from sfs.errors import RuleError, Where
from sfs.lists.lines import END, NAME, NOTHING, Said, left_out, text_of, tree_name
from sfs.match.entry import Entry, parse_entry

MAX_INSIDE: Final = 20  # lines inside one pair of parentheses; an SOA has 7
_RUN: Final = re.compile(
    rb"(?:(?:\*\.)?+" + NAME + rb"[ \t]++(?:[0-9]{1,10}[ \t]++)?+(?:in[ \t]++)?+cname[ \t]++\." + END + rb")++"
)
_OWNERS: Final = re.compile(r"^[^ \t\n]++", re.MULTILINE)
_TTL: Final = re.compile(r"[0-9]{1,10}[smhdw]?", re.IGNORECASE)
_TRIGGERS: Final = {
    "rpz-ip": "rpz-ip: an address in an answer",
    "rpz-client-ip": "rpz-client-ip: who asks",
    "rpz-nsdname": "rpz-nsdname: the name of a name server",
    "rpz-nsip": "rpz-nsip: the address of a name server",
}
_OF_THE_ZONE: Final = frozenset({"SOA", "NS", "RRSIG", "DNSKEY", "NSEC", "NSEC3", "NSEC3PARAM", "ZONEMD"})
_OTHER_DATA: Final = frozenset({"TXT", "MX", "SRV", "PTR", "DNAME", "HTTPS", "SVCB", "CAA", "NAPTR", "SPF"})


class Zone:
    """A zone while it is read: its lines lean on those above."""

    __slots__ = ("_inside", "_origin", "_owner", "_zone")

    def __init__(self) -> None:
        self._zone: str | None = None  # the name of the zone, without final dot
        self._origin = ""  # what relative names stand below, relative to the zone
        self._owner: str | None = None  # of a record whose line begins with a blank
        self._inside = 0  # lines since a parenthesis was opened

    def run(self, block: bytes, at: int) -> tuple[list[str], int]:
        """As LineFormat says."""
        found = None if self._inside or self._origin else _RUN.match(block, at)
        if found is None:
            return [], at
        self._owner = None
        owners: list[str] = _OWNERS.findall(found[0].decode("ascii"))
        return [owner[2:] if owner[0] == "*" else f"={owner}" for owner in owners], found.end()

    def line(self, line: bytes, where: Where | None) -> Said:
        """What a line of the zone says. RuleError for what is no record."""
        text = text_of(line, where).partition(";")[0].rstrip()
        if self._inside:
            return self._in_parentheses(text, where)
        if not text:
            return NOTHING
        if text[0] == "$":
            return self._directive(text.split(), where)
        words = text.split()
        if text[0] not in " \t":
            self._owner = words.pop(0)
        owner = self._owner
        if owner is None:
            raise RuleError("a record without a name", where, "begin the line with its name")
        kind, data = _kind_and_data(words, where)
        if kind == "CNAME":
            self._owner = None  # no other record may stand beside it
        said = self._record(owner, kind, data, where)
        self._inside = int("(" in text and ")" not in text)
        return said

    def _in_parentheses(self, text: str, where: Where | None) -> Said:
        self._inside = 0 if ")" in text else self._inside + 1
        if self._inside > MAX_INSIDE:
            self._inside = 0
            raise RuleError("a parenthesis that is not closed", where, "close it with )")
        return NOTHING

    def _directive(self, words: list[str], where: Where | None) -> Said:
        name = words[0].upper()
        if name == "$TTL":
            return NOTHING
        if name != "$ORIGIN" or len(words) != 2:
            raise RuleError(f"{words[0][:20]!r} is not read", where, "write the records into this file")
        origin = words[1].lower()
        if self._zone is None and origin.endswith("."):
            self._zone, self._origin = origin[:-1], ""
        else:
            self._origin = self._relative(origin, where)
        return NOTHING

    def _record(self, written: str, kind: str, data: list[str], where: Where | None) -> Said:
        if kind == "SOA" and self._zone is None and written.endswith("."):
            self._zone = written[:-1].lower()
        if kind in _OF_THE_ZONE:
            return NOTHING
        name = self._relative(written.lower(), where)
        trigger = _TRIGGERS.get(name.rpartition(".")[2])
        if not name or trigger is not None or kind in _OTHER_DATA:
            return left_out(
                trigger or ("a record of the zone itself" if not name else f"{kind}: not asked for by a page")
            )
        target = data[0].lower() if kind == "CNAME" and len(data) == 1 else ""
        if kind == "CNAME" and not target:
            raise RuleError("a CNAME without its one target", where, "write: name CNAME .")
        if target == "rpz-tcp-only.":
            return left_out("rpz-tcp-only: closes nothing")
        entry = _entry(name, where)
        spared = target in ("rpz-passthru.", f"{name}.")  # a name that leads to itself: as it was first written
        return Said(spared=(entry,)) if spared else Said((entry,))

    def _relative(self, written: str, where: Where | None) -> str:
        """A name as it stands below the zone: '' for the zone's own."""
        if written == "@":
            return self._origin
        if not written.endswith("."):
            return f"{written}.{self._origin}" if self._origin else written
        name = written[:-1]
        if self._zone is None:
            return name
        if name == self._zone:
            return ""
        if not name.endswith(f".{self._zone}"):
            raise RuleError(f"{written[:80]!r} is outside of the zone", where, "leave the final dot out")
        return name[: -len(self._zone) - 1]


def _entry(name: str, where: Where | None) -> Entry:
    if name.startswith("*."):
        return tree_name(name, where)
    entry = parse_entry(f"={name}", where)
    if entry is None or entry.forms or entry.port is not None or entry.scheme is not None:
        raise RuleError(f"{name[:80]!r} is no name", where, "a line is: name CNAME .")
    return entry


def _kind_and_data(words: list[str], where: Where | None) -> tuple[str, list[str]]:
    """The type of a record and its data, behind TTL and class in either order."""
    for place, word in enumerate(words[:3]):
        kind = word.upper()
        if kind in ("A", "AAAA", "CNAME") or kind in _OF_THE_ZONE or kind in _OTHER_DATA:
            return kind, words[place + 1 :]
        if kind not in ("IN", "CH", "HS") and not _TTL.fullmatch(word):
            break
    raise RuleError(f"{' '.join(words)[:80]!r} is no record of a policy", where, "a line is: name CNAME .")
