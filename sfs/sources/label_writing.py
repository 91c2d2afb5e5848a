"""What is written into the store of labels: one transaction, its history with it."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final

from sfs.errors import LabelError, SfsError
from sfs.pics.keys import LabelKey
from sfs.pics.safetyonline import service_key
from sfs.pics.stored import Counts, StoredLabel
from sfs.sources import label_driver as sql
from sfs.sources.label_driver import Row, Writing
from sfs.sources.label_rows import MAX_NAME, LabelRow, Said, checked_text, number_texts, said_of

CHUNK: Final = 2000  # labels that are looked up and written at once
type _Place = tuple[int, int, str]  # service, generic, key: one label


class Pen:
    """Writes inside one transaction. `services`: their numbers by service_key; `now`: seconds since 1970."""

    def __init__(self, writing: Writing, services: Mapping[str, int], who: str, now: float) -> None:
        self._writing = writing
        self._services = services
        self._by_uri: dict[str, int] = {}
        self._now = int(now)
        self._serial: int = writing.read(sql.SERIAL)[0][0]
        checked = checked_text(who, "the name of who writes", MAX_NAME)
        self._who = number_texts(writing, [checked or "unknown"])[checked or "unknown"]

    def rate(self, labels: Iterable[StoredLabel]) -> Counts:
        """Put labels in place of those of the same service and URL. SfsError names the label that cannot be kept."""
        counts = [0, 0, 0]
        each = iter(labels)
        while chunk := list(islice(each, CHUNK)):
            for number, count in enumerate(self._chunk([self._said(label) for label in chunk])):
                counts[number] += count
        return Counts(*counts)

    def withdraw(self, service: int, key: LabelKey, generic: bool) -> bool:
        """Take a label back; whether there was one."""
        place = (service, int(generic), key.key)
        row = self._kept([place]).get(place)
        if row is None or row.ratings is None:
            return False
        made = max(self._now, row.made or self._now)
        gone = row._replace(ratings=None, rater=None, made=made, ends=None, comment=None, source=None)
        self._write([(gone._replace(serial=self._serial + 1), row.serial)])
        return True

    def _said(self, label: StoredLabel) -> tuple[int, Said]:
        number = self._by_uri.get(label.service)
        if number is None:
            number = self._services.get(service_key(label.service))
            if number is None:
                raise SfsError(f"no service {label.service[:80]!r} is kept here", mend="add the service first")
            self._by_uri[label.service] = number
        try:
            return number, said_of(label)
        except LabelError as fault:
            raise LabelError(fault.code, f"label for {label.for_[:80]!r}: {fault.what}", None, fault.mend) from None

    def _chunk(self, labels: list[tuple[int, Said]]) -> tuple[int, int, int]:
        words = {w for _, said in labels for w in (said.ratings, said.rater, said.source) if w is not None}
        numbers = number_texts(self._writing, words)
        kept = self._kept([(service, said.generic, said.key) for service, said in labels])
        rows: list[tuple[LabelRow, int | None]] = []
        spellings: list[Row] = []
        new = 0
        for service, said in labels:
            place = (service, said.generic, said.key)
            old = kept.get(place)
            row = self._row(service, said, numbers, old)
            if row is None:
                continue
            kept[place] = row = row._replace(serial=self._serial + len(rows) + 1)
            rows.append((row, None if old is None else old.serial))
            new += old is None or old.ratings is None
            spellings += [(service, said.generic, spelling, said.key) for spelling in said.spellings]
        self._write(rows)
        if spellings:
            self._writing.many(sql.ADD_SPELLING, spellings)
        return new, len(rows) - new, len(labels) - len(rows)

    def _row(self, service: int, said: Said, numbers: Mapping[str, int], old: LabelRow | None) -> LabelRow | None:
        """The row to write; None where `old` says the same. A label's time never goes back, whatever the clock does."""
        rater = None if said.rater is None else numbers[said.rater]
        source = None if said.source is None else numbers[said.source]
        made = self._now if said.made is None else said.made
        row = LabelRow(
            service, said.generic, said.key, said.scheme, said.below, numbers[said.ratings], rater, made, said.ends,
            said.comment, source, 0,
        )  # fmt: skip
        if old is None or old.made is None:
            return row
        if row._replace(scheme=old.scheme, made=old.made, serial=old.serial) == old:
            return row if said.made is not None and said.made > old.made else None
        return row._replace(made=max(made, old.made))

    def _kept(self, places: list[_Place]) -> dict[_Place, LabelRow]:
        """What stands at these places now, withdrawn labels too."""
        groups: dict[tuple[int, int], list[str]] = {}
        for service, generic, key in places:
            groups.setdefault((service, generic), []).append(key)
        array, read = self._writing.array, self._writing.read
        return {
            (service, generic, row[2]): LabelRow._make(row)
            for (service, generic), keys in groups.items()
            for row in read(sql.AT, (array(keys), service, generic))
        }

    def _write(self, rows: list[tuple[LabelRow, int | None]]) -> None:
        if rows:
            who, now = self._who, self._now
            self._writing.many(sql.ADD_CHANGE, [(row.serial, now, who, *row[:11], before) for row, before in rows])
            last = {row[:3]: row for row, _ in rows}  # a label that was given twice
            self._writing.many(sql.PUT_LABEL, list(last.values()))
            self._serial += len(rows)
