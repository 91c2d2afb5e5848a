"""The labels of a store as a table (CSV) or as PICS label lists. What is written reads back as the same labels."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from sfs.bureau.importing.table_rows import write_cell
from sfs.bureau.kept import to_pics
from sfs.errors import LabelError
from sfs.pics.labels import LabelList, PicsLabel, ServiceInfo, write_label_list
from sfs.pics.safetyonline import CATEGORY, MAX_RATING, SERVICE
from sfs.pics.stored import StoredLabel
from sfs.pics.values import Ratings, write_ratings

COLUMNS: Final = ("url", "rating", "generic", "below", "by", "on", "until", "comment", "service", "source")
_LEVELS: Final = tuple(((CATEGORY, rating),) for rating in range(MAX_RATING + 1))
_LABELS: Final = 100  # in one list
_SIZE: Final = 24_000  # characters of one list; readers take 65,536
_ROWS: Final = 1000  # that are made at once


def write_table(labels: Iterable[StoredLabel]) -> Iterator[str]:
    """The table in pieces. It begins with the mark by which spreadsheets know UTF-8; no cell is a formula to them."""
    yield "\ufeff"
    out = io.StringIO()
    writer = csv.writer(out, skipinitialspace=True)
    writer.writerow(COLUMNS)
    for number, label in enumerate(labels, 1):
        writer.writerow([write_cell(cell) for cell in _cells(label)])
        if number % _ROWS == 0:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def write_lists(labels: Iterable[StoredLabel]) -> Iterator[str]:
    """PICS label lists, each on a line of its own."""
    service, size = "", 0
    waiting: list[PicsLabel] = []
    for label in labels:
        if waiting and (label.service != service or len(waiting) >= _LABELS or size > _SIZE):
            yield _list(service, waiting)
            waiting, size = [], 0
        service = label.service
        waiting.append(PicsLabel(label.ratings, to_pics(label)))
        size += len(label.for_) + 3 * len(label.comment or "") + 400
    if waiting:
        yield _list(service, waiting)


def _list(service: str, labels: list[PicsLabel]) -> str:
    return f"{write_label_list(LabelList((ServiceInfo(service, labels=tuple(labels)),)))}\n"


def _cells(label: StoredLabel) -> tuple[str, ...]:
    return (
        label.for_,
        _ratings(label.service, label.ratings),
        "yes" if label.generic else "no",
        "yes" if label.below else "no",
        label.by or "",
        _date(label.on),
        _date(label.until),
        label.comment or "",
        label.service,
        label.source or "",
    )


def _ratings(service: str, ratings: Ratings) -> str:
    """One number for SafetyOnline2, else n=0 s=2."""
    if (
        service == SERVICE
        and len(ratings) == 1
        and ratings[0][0] == CATEGORY
        and ratings[0][1] in range(MAX_RATING + 1)
    ):
        return write_ratings(ratings).removeprefix(f"({CATEGORY} ").removesuffix(")")
    if any("=" in name for name, _ in ratings):
        raise LabelError("E_RATINGS", "a category with = in its name", None, "export it as PICS")
    return " ".join(write_ratings(((name, value),))[1:-1].replace(" ", "=", 1) for name, value in ratings)


def _date(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()
