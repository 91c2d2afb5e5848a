"""Help lines and image-removal schemes: rules/helplines.yaml as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest

from sfs.errors import SfsError

LISTENING_FIRST = 10  # of those that listen stand before those that remove pictures; a page shows 24 in all


@dataclass(frozen=True, slots=True)
class HelpLine:
    """One line of help. `hosts` are entries that are open to everybody; `checked` is the day somebody called or
    looked it up, None where nobody has yet."""

    id: str
    country: str
    name_ja: str
    name_en: str
    number: str | None
    fallback_number: str | None
    url: str | None
    hours_ja: str
    hours_en: str
    for_ja: str
    for_en: str
    checked: date | None
    hosts: tuple[str, ...]
    images: bool = False  # helps to get pictures removed
    reports: bool = False  # takes reports of pictures of children being hurt


def helplines_from(rows: object) -> tuple[HelpLine, ...]:
    """The help lines of the parsed file. SfsError names the line of help that cannot be used."""
    if not isinstance(rows, list):
        raise SfsError("rules/helplines.yaml is not a list", mend="each help line starts with - id:")
    return tuple(_helpline(row) for row in rows)


def helplines_for(lines: Sequence[HelpLine], language: str, *, images_first: bool = False) -> tuple[HelpLine, ...]:
    """The lines for readers of a language, in an order that helps most of them first: in Japanese those of Japan and
    those for everybody, as the file has them; in English those for everybody, then one of each country in turn, since
    nobody knows where the reader is. Those that remove pictures come first on the page of a law's list, which may
    concern pictures of the reader; elsewhere they come after the places that listen."""
    if language == "ja":
        kept = [line for line in lines if line.country in ("JP", "INT")]
    else:
        by_country: dict[str, list[HelpLine]] = {}
        for line in lines:
            by_country.setdefault(line.country, []).append(line)
        worldwide = by_country.pop("INT", [])
        turns = zip_longest(*by_country.values())
        kept = [*worldwide, *(line for turn in turns for line in turn if line is not None)]
    removal, listening = [x for x in kept if x.images], [x for x in kept if not x.images]
    if images_first:
        return (*removal, *listening)
    return (*listening[:LISTENING_FIRST], *removal, *listening[LISTENING_FIRST:])


def _helpline(row: object) -> HelpLine:
    if not isinstance(row, Mapping) or not row.get("id"):
        raise SfsError("rules/helplines.yaml: a help line without id", mend="give it an id in lower case")
    text = {key: str(row[key]) if row.get(key) is not None else "" for key in row}
    checked = text.get("checked") or None
    try:
        day = date.fromisoformat(checked) if checked else None
    except ValueError:
        raise SfsError(
            f"rules/helplines.yaml: {text['id']}: checked: {checked!r} is no date", mend="write 2026-01-31, or null"
        ) from None
    return HelpLine(
        text["id"],
        text.get("country", ""),
        text.get("name_ja", ""),
        text.get("name_en", ""),
        text.get("number") or None,
        text.get("fallback_number") or None,
        text.get("url") or None,
        text.get("hours_ja", ""),
        text.get("hours_en", ""),
        text.get("for_ja", ""),
        text.get("for_en", ""),
        day,
        tuple(str(host) for host in row.get("hosts") or ()),
        row.get("images") is True,
        row.get("reports") is True,
    )
