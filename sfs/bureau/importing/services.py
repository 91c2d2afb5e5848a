"""Descriptions of rating services (.rat files): a bureau that keeps one answers the labels of that service, and takes
no label that it does not allow."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from sfs.bureau.importing.meaning import Noting
from sfs.errors import SfsError, Where
from sfs.lists.notes import LEFT, Note
from sfs.pics.reader import decode_text
from sfs.pics.safetyonline import service_key
from sfs.pics.service_reader import MAX_RAT, parse_service
from sfs.pics.services import RatingService, faults_of_ratings
from sfs.pics.stored import StoredLabel, StoredService
from sfs.sources.labels import LabelStore

_START: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*\(\s*\(\s*PICS-version", re.IGNORECASE)


def is_description(start: bytes) -> bool:
    """Whether a file begins as a .rat."""
    return _START.match(start) is not None


def read_description(path: Path, name: str) -> tuple[RatingService, str]:
    """A service and its description as it was given. LabelError with line and column where it cannot be read."""
    with path.open("rb") as file:
        text = decode_text(file.read(MAX_RAT * 4 + 1))
    return parse_service(text, name), text


def add_description(store: LabelStore, service: RatingService, text: str, where: Where, noting: Noting) -> None:
    """Keep the description of a service. SfsError as `LabelStore.add_service`."""
    old = store.service(service.service)
    if old is not None and old.rat not in (None, text):
        noting(Note(LEFT, "the description that was kept before, which this one replaces", where, old.uri[:200]))
    store.add_service(service.service, text, service.name)


class Scales:
    """What the services of a store allow, as far as they say it."""

    def __init__(self, services: Iterable[StoredService]) -> None:
        self._known: Mapping[str, RatingService] = dict(self._read(services))

    def fault_of(self, label: StoredLabel) -> str | None:
        """Why a label is none of its service; None where it is one, or where the service has no description."""
        service = self._known.get(label.service) or self._known.get(service_key(label.service))
        return None if service is None else next(iter(faults_of_ratings(service, label.ratings)), None)

    def _read(self, services: Iterable[StoredService]) -> Iterable[tuple[str, RatingService]]:
        for kept in services:
            if kept.rat is None:
                continue
            try:
                described = parse_service(kept.rat, kept.uri)
            except SfsError:  # written by another program into the store: its labels are taken as they are
                continue
            yield service_key(kept.uri), described
