"""Help lines as a page shows them: in the reader's language, with the day each was checked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol
from urllib.parse import quote

from markupsafe import Markup

from sfs.web.answer import clean, link_url
from sfs.web.texts import Texts

MAX_LINES: Final = 24
OPEN_LINES: Final = 3  # a block page shows these at once, the others on a click
EVERYWHERE: Final = (None, "", "INT")  # countries of a line that answers in all of them
OLD_AFTER_DAYS: Final = 180  # isp.md section 6: numbers change
_NUMBER: Final = re.compile(r"[0-9#*+() -]{2,30}")


@dataclass(frozen=True, slots=True)
class HelpLine:
    """One place that helps. `checked` is the day somebody looked that it still holds, None where nobody did.
    `fallback_number` is for telephones that cannot dial `number` (a # number from an IP telephone)."""

    name_ja: str
    name_en: str
    number: str | None = None
    fallback_number: str | None = None
    url: str | None = None
    hours_ja: str | None = None
    hours_en: str | None = None
    for_ja: str | None = None
    for_en: str | None = None
    checked: date | None = None
    country: str | None = None


class HelpLineFields(Protocol):
    """What a page reads of a help line: the room of sources may keep a class of its own, it cannot import this one."""

    @property
    def name_ja(self) -> str: ...
    @property
    def name_en(self) -> str: ...
    @property
    def number(self) -> str | None: ...
    @property
    def fallback_number(self) -> str | None: ...
    @property
    def url(self) -> str | None: ...
    @property
    def hours_ja(self) -> str | None: ...
    @property
    def hours_en(self) -> str | None: ...
    @property
    def for_ja(self) -> str | None: ...
    @property
    def for_en(self) -> str | None: ...
    @property
    def checked(self) -> date | None: ...
    @property
    def country(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A help line in one language, ready for a template. Empty text: leave it out."""

    name: str
    number: str
    tel: str | None
    fallback: str
    fallback_tel: str | None
    url: str | None
    site: str
    country: str
    hours: str
    for_whom: str
    checked: Markup
    unchecked: bool = False


def shown_lines(
    lines: Sequence[HelpLineFields], texts: Texts, today: date | None, country: str | None = None
) -> tuple[ShownLine, ...]:
    """At most MAX_LINES lines for the reader of `texts`, in their order. `today` None: no word on how old a check is.

    `country`: two letters; its lines and those for every country stand alone, if it has any. A reader of Japanese is
    taken to be in Japan; English is read everywhere, and `en-US` is what most browsers send, so it tells no country:
    then all lines stand, each with its country."""
    country = country or ("JP" if texts.language == "ja" else None)
    near = [line for line in lines if line.country in (country, *EVERYWHERE)]
    chosen = near if any(line.country == country for line in near) else lines
    return tuple(_shown(line, texts, today, country) for line in chosen[:MAX_LINES])


def _shown(line: HelpLineFields, texts: Texts, today: date | None, country: str | None) -> ShownLine:
    japanese = texts.language == "ja"
    url = link_url(line.url)
    return ShownLine(
        name=clean(line.name_ja if japanese else line.name_en, 80),
        number=clean(line.number or "", 30),
        tel=tel_link(line.number),
        fallback=clean(line.fallback_number or "", 30),
        fallback_tel=tel_link(line.fallback_number),
        url=url,
        site=clean((url or "").partition("://")[2].partition("/")[0], 60),
        country="" if line.country in (country, *EVERYWHERE) else _country(line.country or "", texts),
        hours=clean((line.hours_ja if japanese else line.hours_en) or "", 80),
        for_whom=clean((line.for_ja if japanese else line.for_en) or "", 80),
        checked=_checked(line.checked, texts, today),
        unchecked=line.checked is None,
    )


def _country(code: str, texts: Texts) -> str:
    """The name of a country, its letters where the catalogue has none."""
    key = f"country.{code}"
    return texts.text(key) if texts.has(key) else clean(code, 3)


def tel_link(number: str | None) -> str | None:
    """`tel:` and what a telephone dials, None where the text is no number. `#` is escaped, RFC 3986 section 3.5."""
    if not number or not _NUMBER.fullmatch(number):
        return None
    return "tel:" + quote(re.sub("[() -]", "", number), safe="+*")


def day_text(day: date, texts: Texts) -> str:
    """A day in words."""
    return texts.text("lines.day", year=day.year, month=texts.lines("lines.months")[day.month - 1], day=day.day)


def _checked(day: date | None, texts: Texts, today: date | None) -> Markup:
    if day is None:
        return texts.html("lines.unchecked")
    old = today is not None and (today - day).days > OLD_AFTER_DAYS
    return texts.html("lines.old" if old else "lines.checked", day=day_text(day, texts))
