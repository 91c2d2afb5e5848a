"""The page of a mandatory list, one for all its entries: what the proxy shows, and what stands at the address where
resolvers send readers. Who reads it may be a child that followed a link, somebody whose pictures are there, or the
owner of a site that is listed by mistake."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from sfs.lists.mandatory import Purpose
from sfs.sources.stop_page import StopPage
from sfs.web.answer import HELP_URL, PageAnswer, blocked_status
from sfs.web.helplines import HelpLineFields, day_text, shown_lines
from sfs.web.render import page
from sfs.web.texts import Language, Texts, texts_for

_OF_PICTURES: Final = frozenset({None, Purpose.CHILD_PROTECTION})


def stop_page(
    language: Language,
    stop: StopPage | None,
    helplines: Sequence[HelpLineFields],
    *,
    today: date | None = None,
    country: str | None = None,
    written: date | None = None,
    blocked_by: str = HELP_URL,
    purpose: Purpose | None = None,
) -> PageAnswer:
    """451 with `Link: rel="blocked-by"` (RFC 7725): the same bytes whatever was asked for, since a page that differs
    would tell what is listed. `stop`: what the provider says of itself; None: the page says no more than that there is
    a list, and `blocked_by` who shows it. `written`: the day of a page that is kept;
    `purpose`: of the list, where it says one, else that of `stop`."""
    texts, other = texts_for(language), texts_for("en" if language == "ja" else "ja")
    lines = shown_lines(helplines, texts, today, country or (stop.country if stop else None))
    status, more = blocked_status(True, stop.about if stop else blocked_by)
    purpose = purpose or (stop.purpose if stop else None)
    return page(
        "mandatory.html",
        status,
        texts,
        lines,
        more,
        stop=stop,
        why=f"mandatory.what_{purpose}" if purpose else "mandatory.what",
        pictures=of_pictures(purpose),
        name=_name(stop, texts),
        other=other,
        other_name=_name(stop, other),
        written=day_text(written, texts) if written else "",
    )


def of_pictures(purpose: Purpose | None) -> bool:
    """Whether a list may concern pictures of the reader: then who removes such stands first."""
    return purpose in _OF_PICTURES


def _name(stop: StopPage | None, texts: Texts) -> str:
    return stop.name.text(texts.language) if stop else texts.text("common.brand")
