"""Which labels an import has given, for millions of them: hashes in a file that nobody else sees and that goes with the
program."""

import sqlite3
from collections.abc import Iterator
from typing import Self

from sfs.pics.keys import label_key
from sfs.pics.safetyonline import service_key
from sfs.pics.stored import StoredLabel


def place_of(label: StoredLabel) -> int:
    """A number for what a label is about: the same for every spelling of its service and URL, as long as the program
    runs. Of a million labels two share one with a chance of one in forty million."""
    key = label_key(label.for_, label.generic, label.below)
    return hash((service_key(label.service), label.generic, key.key))


class Seen:
    """A set of places on the disk; a context manager."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)  # a name of "" is a file of its own that is deleted
        self._file.execute("CREATE TABLE seen (place INTEGER PRIMARY KEY)")
        self._file.execute("CREATE TABLE gone (service TEXT, prefix TEXT, generic INTEGER)")
        self._file.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, place: int) -> bool:
        """Put a place in; False where it was in already."""
        return self._file.execute("INSERT OR IGNORE INTO seen VALUES (?)", (place,)).rowcount == 1

    def __contains__(self, place: int) -> bool:
        return self._file.execute("SELECT 1 FROM seen WHERE place = ?", (place,)).fetchone() is not None

    def note_gone(self, label: StoredLabel) -> None:
        """Remember a label that is to be withdrawn."""
        self._file.execute("INSERT INTO gone VALUES (?, ?, ?)", (label.service, label.for_, label.generic))

    def gone(self) -> Iterator[tuple[str, str, bool]]:
        """Those, by service, `for` and generic."""
        for service, for_, generic in self._file.execute("SELECT service, prefix, generic FROM gone"):
            yield service, for_, bool(generic)
