"""age-de.xml and age.xml: what a site says of its hosts under German youth protection law (JMStV).

A file from a stranger: no document type (so no entity to expand), bounded size and depth, and anything malformed is
no information. Nothing here fetches it.
"""

import re
import xml.parsers.expat as expat
from dataclasses import dataclass, field

from sfs.pics.safetyonline import rating_of_age

MAX_SIZE = 256 * 1024  # bytes; real files have 2 or 3 KiB
MAX_DEPTH = 32
MAX_LABELS = 1000

_AGE = re.compile(r"[0-9]{1,3}")
_HOST = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(\*\.)?([^/*:\s]+)(?:/\*?)?", re.IGNORECASE)


@dataclass(slots=True)
class _Label:
    kind: str = ""
    age: int | None = None
    default_age: int | None = None
    scopes: list[str] = field(default_factory=list)

    @property
    def years(self) -> int | None:
        return self.default_age if self.age is None else self.age


def parse_age_xml(data: bytes, host: str) -> int | None:
    """The SafetyOnline2 rating, 0 to 3, that the file gives `host` (lower case); None where it gives none or is
    malformed. The most specific scope decides, then the class "default", then the default of the whole file; a scope
    that names a path is passed over, since a host is asked. Format: pages of age-label.com."""
    reader = _AgeReader()
    try:
        reader.read(data)
    except (expat.ExpatError, ValueError, LookupError):
        return None
    years = reader.years(host)
    return None if years is None else rating_of_age(years)


class _AgeReader:
    def __init__(self) -> None:
        self.default: int | None = None
        self.labels: list[_Label] = []
        self._path: list[str] = []
        self._text = ""

    def read(self, data: bytes) -> None:
        if len(data) > MAX_SIZE:
            raise ValueError("age file too long")
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.Parse(data, True)

    def years(self, host: str) -> int | None:
        ranked = [(rank, label.years) for label in self.labels if (rank := _rank(label, host)) is not None]
        if ranked:
            best = max(rank for rank, _ in ranked)
            found = [years for rank, years in ranked if rank == best and years is not None]
        else:
            found = [label.years for label in self.labels if label.kind == "default" and label.years is not None]
        return max(found, default=self.default)

    def _doctype(self, *_: object) -> None:
        raise ValueError("age file with a document type")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name.lower())
        self._text = ""
        if len(self._path) > MAX_DEPTH or len(self.labels) > MAX_LABELS:
            raise ValueError("age file too deep or too long")
        if self._path[-2:] == ["labeltype-xmlfile", "label"]:
            self.labels.append(_Label(attributes.get("class", "").strip().lower()))

    def _characters(self, text: str) -> None:
        if len(self._text) < 300:  # a host name has 253 characters at most
            self._text += text[:300]

    def _end(self, _: str) -> None:
        name, text = self._path.pop(), self._text.strip()
        self._text = ""
        if self._path[-2:] == ["labeltype-xmlfile", "label"]:
            self._fill(self.labels[-1], name, text)
        elif name == "default-age" and self._path[-1:] == ["ageblock-labeltype"]:
            self.default = _age(text)

    def _fill(self, label: _Label, name: str, text: str) -> None:
        if name == "age":
            label.age = _age(text)
        elif name == "default-age":
            label.default_age = _age(text)
        elif name == "scope":
            label.scopes.append(text.lower())


def _age(text: str) -> int | None:
    return int(text) if _AGE.fullmatch(text) else None


def _rank(label: _Label, host: str) -> tuple[bool, int] | None:
    """How closely the label's scopes name `host`: exact before wildcard, long before short; None where none does."""
    ranks = []
    for scope in label.scopes:
        match = _HOST.fullmatch(scope)
        if match and (host.endswith(f".{match[2]}") if match[1] else host == match[2]):
            ranks.append((not match[1], len(match[2])))
    return max(ranks, default=None)
