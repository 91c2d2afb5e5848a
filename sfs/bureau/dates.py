"""Days and moments as raters type them and spreadsheets write them: one reading for commands and tables."""

import re
from datetime import UTC, datetime, time
from typing import Final

from sfs.pics.options import parse_date

_DAY: Final = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})", re.ASCII)


def read_moment(text: str, *, end: bool = False) -> datetime | None:
    """The moment in `text`, in UTC and whole seconds: `2027-03-31T18:00+09:00`, a PICS date, or a day, which means its
    start, and with `end` its last second. What names no zone is of the zone of this machine. None for no date."""
    day = _DAY.fullmatch(text)
    try:
        if day is not None:
            found = datetime(int(day[1]), int(day[3]), int(day[4]))
            found = datetime.combine(found, time(23, 59, 59)) if end else found
        else:
            found = parse_date(text) or datetime.fromisoformat(text if {"T", " "} & set(text) else "")
        return found.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        return None
