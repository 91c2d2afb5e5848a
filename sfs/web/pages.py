"""The pages a reader sees: values in, a `PageAnswer` out. No clock, no socket, no cookie, no script, nothing loaded.

Each page is one template on `base.html`. What comes from outside (host, addresses, entries of lists) is cut to length,
freed of hidden characters and escaped. One style sheet stands in every page; the policy (CSP) names its hash, so
nothing else that looks like a style or a script would run even if it got in.

Here stand the pages on what was asked for; the help page is in helppage.py, the reader's report in report.py.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sfs.lists.mandatory import Purpose
from sfs.sources.stop_page import StopPage
from sfs.web.answer import HELP_URL, PageAnswer, blocked_status, clean, link_url
from sfs.web.device import DeviceState, certificate_answer, on_image, pac_file, proof_image
from sfs.web.helplines import HelpLine, HelpLineFields, shown_lines
from sfs.web.helppage import MAX_HELP_BYTES, FilterState, Protection, help_page
from sfs.web.reasons import REASONS, ask_key, ask_title_key, is_adult, on_scale, reason_key, title_key
from sfs.web.render import MAX_BYTES, page
from sfs.web.report import report_path
from sfs.web.small import AnswerKind, kind_of_answer, small_answer
from sfs.web.stop import stop_page
from sfs.web.texts import Language, texts_for

__all__ = [
    "ERRORS",
    "HELP_URL",
    "MAX_BYTES",
    "MAX_HELP_BYTES",
    "REASONS",
    "AnswerKind",
    "Blocked",
    "DeviceState",
    "FilterState",
    "HelpLine",
    "HelpLineFields",
    "PageAnswer",
    "Protection",
    "block_page",
    "certificate_answer",
    "connection_page",
    "error_page",
    "help_page",
    "help_words_page",
    "kind_of_answer",
    "on_image",
    "pac_file",
    "proof_image",
    "small_answer",
    "why_page",
]

MAX_HOST: Final = 100
MAX_REFUSED: Final = 10

# Ten base32 characters; either alphabet in use (RFC 4648, Crockford).
_CODE: Final = re.compile(r"[0-9A-Z]{10}")

ERRORS: Final[dict[str, int]] = {
    "bad-request": 400,
    "too-long": 414,
    "headers": 431,
    "unreachable": 502,
    "no-answer": 504,
    "certificate": 502,
    "address": 403,
    "port": 403,
    "loop": 508,
    "not-found": 404,
    "internal": 500,
}


@dataclass(frozen=True, slots=True)
class Blocked:
    """What a verdict says to a reader. `host` as sent; `code` the ten characters of the log record, or None.
    `report_url`: where a reader says that this is wrong, None where that cannot be said."""

    check: str
    reason: str
    host: str = ""
    rating: int | None = None
    level: int | None = None
    code: str | None = None
    kind: AnswerKind = "page"
    report_url: str | None = None


def block_page(
    language: Language,
    blocked: Blocked,
    helplines: Sequence[HelpLineFields] = (),
    *,
    back_url: str | None = None,
    today: date | None = None,
    country: str | None = None,
    blocked_by: str = HELP_URL,
    orange: bool = False,
    stop: StopPage | None = None,
    purpose: Purpose | None = None,
) -> PageAnswer:
    """403 with the reason, or 451 for a mandatory list: then the same bytes for all its entries, since a page that
    differs would tell what is listed. For a picture, a script and so on the small answer of that kind.
    `back_url`: the Referer, for a way back without a script. `today`: to say that a help line's check is old;
    `country`: two letters, whose help lines are meant (see `shown_lines`); `orange`: say that lists are missing;
    `stop`, `purpose`: of a mandatory list, see `stop_page`."""
    mandatory = blocked.check == "mandatory"
    if blocked.kind != "page":
        return small_answer(blocked.kind, mandatory=mandatory, blocked_by=stop.about if stop else blocked_by)
    if mandatory:
        return stop_page(
            language, stop, helplines, today=today, country=country, blocked_by=blocked_by, purpose=purpose
        )
    texts = texts_for(language)
    lines = shown_lines(helplines, texts, today, country)
    status, more = blocked_status(mandatory=False, blocked_by=blocked_by)
    values: dict[str, Any] = {
        "title": title_key(blocked.reason),
        "reason": reason_key(blocked.reason, blocked.level, texts),
        "host": clean(blocked.host, MAX_HOST),
        # A word only suggests a rating; to name it as the page's would say more than anybody knows.
        "rating": None if blocked.check.endswith("-words") else on_scale(blocked.rating),
        "level": on_scale(blocked.level),
        "adult": is_adult(blocked.level),
        "ask_title": ask_title_key(blocked.reason),
        "ask": ask_key(blocked.reason, blocked.level),
        "code": blocked.code if blocked.code and _CODE.fullmatch(blocked.code) else None,
        "back_url": link_url(back_url),
        "report_url": link_url(blocked.report_url),
        "orange": orange,
    }
    return page("block.html", status, texts, lines, more, **values)


def help_words_page(
    language: Language,
    helplines: Sequence[HelpLineFields],
    go_on_url: str,
    *,
    today: date | None = None,
    country: str | None = None,
) -> PageAnswer:
    """200: shown before a search with help words, at levels 0 to 2. `go_on_url` leads to the search itself; one that
    cannot stand in a link gives a sentence instead."""
    texts = texts_for(language)
    lines = shown_lines(helplines, texts, today, country)
    return page("help_words.html", 200, texts, lines, go_on_url=link_url(go_on_url))


def why_page(
    language: Language, refused: Sequence[tuple[str, str, str]], *, orange: bool = False, reports: bool = False
) -> PageAnswer:
    """200: the names refused to this client, newest first, as (time in words, host, reason key); ten at most.
    `reports`: offer to tell of each that it is a mistake."""
    texts = texts_for(language)
    rows = [
        (
            clean(time, 20),
            clean(host, MAX_HOST),
            texts.html(reason_key(reason, None, texts)),
            report_path("blocked", clean(host, 253)) if reports else None,
        )
        for time, host, reason in refused[:MAX_REFUSED]
    ]
    return page("why.html", 200, texts, (), rows=rows, orange=orange)


def error_page(language: Language, problem: str, host: str = "") -> PageAnswer:
    """The status of ERRORS and a page in plain words; a problem that is not listed there is `internal`, 500."""
    known = problem if problem in ERRORS else "internal"
    texts = texts_for(language)
    return page("error.html", ERRORS[known], texts, (), problem=known, host=clean(host, MAX_HOST), japanese=None)


def connection_page(fixed: Language | None, problem: str) -> PageAnswer:
    """As error_page, where nobody knows the reader's language: in both, unless one is `fixed`."""
    if fixed is not None:
        return error_page(fixed, problem)
    known = problem if problem in ERRORS else "internal"
    other = texts_for("ja")
    values = {"title": other.html(f"error.{known}"), "text": other.html(f"error.{known}_text")}
    return page("error.html", ERRORS[known], texts_for("en"), (), problem=known, host="", japanese=values)
