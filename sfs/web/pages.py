"""The pages a reader sees: values in, a `PageAnswer` out. No clock, no socket, no cookie, no script, nothing loaded.

Each page is one template on `base.html`. What comes from outside (host, addresses, entries of lists) is cut to length,
freed of hidden characters and escaped. One style sheet stands in every page; the policy (CSP) names its hash, so
nothing else that looks like a style or a script would run even if it got in.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sfs.web.answer import HELP_URL, PageAnswer, blocked_status, clean, link_url, plain_headers
from sfs.web.device import certificate_answer, pac_file
from sfs.web.helplines import OPEN_LINES, HelpLine, HelpLineFields, ShownLine, shown_lines
from sfs.web.reasons import REASONS, ask_key, ask_title_key, is_adult, reason_key, title_key
from sfs.web.small import AnswerKind, kind_of_answer, small_answer
from sfs.web.texts import Language, Texts, texts_for

__all__ = [
    "ERRORS",
    "HELP_URL",
    "REASONS",
    "AnswerKind",
    "Blocked",
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
    "pac_file",
    "small_answer",
    "why_page",
]

MAX_BYTES: Final = 30_000  # design.md section 7
MAX_HOST: Final = 100
MAX_REFUSED: Final = 10
MAX_PROTECTS: Final = 24
LEVELS: Final = range(5)  # SafetyOnline2: 0 to 4

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
    """What a verdict says to a reader. `host` as sent; `code` the ten characters of the log record, or None."""

    check: str
    reason: str
    host: str = ""
    rating: int | None = None
    level: int | None = None
    code: str | None = None
    kind: AnswerKind = "page"


@dataclass(frozen=True, slots=True)
class Protection:
    """One thing that protects now: a key of the catalogue's `protects`, and its figures."""

    key: str
    count: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class FilterState:
    """The filter as one device meets it. `proxy` is HOST:PORT; `level` None where only mandatory lists hold."""

    through_proxy: bool
    level: int | None
    proxy: str
    https: Literal["sni", "inspect", "auto"] = "sni"
    protects: Sequence[Protection | str] = ()
    record: Literal["blocked", "visits", "nothing"] = "blocked"
    retention_days: int = 7
    details_recorded: bool = False
    certificate: bool = False


def block_page(
    language: Language,
    blocked: Blocked,
    helplines: Sequence[HelpLineFields] = (),
    *,
    back_url: str | None = None,
    today: date | None = None,
    country: str | None = None,
    blocked_by: str = HELP_URL,
) -> PageAnswer:
    """403 with the reason, or 451 for a mandatory list: then the same bytes for all its entries, since a page that
    differs would tell what is listed. For a picture, a script and so on the small answer of that kind.
    `back_url`: the Referer, for a way back without a script. `today`: to say that a help line's check is old;
    `country`: two letters, whose help lines are meant (see `shown_lines`)."""
    mandatory = blocked.check == "mandatory"
    if blocked.kind != "page":
        return small_answer(blocked.kind, mandatory=mandatory, blocked_by=blocked_by)
    texts = texts_for(language)
    lines = shown_lines(helplines, texts, today, country)
    status, more = blocked_status(mandatory, blocked_by)
    if mandatory:
        return _page("mandatory.html", status, texts, lines, more)
    values: dict[str, Any] = {
        "title": title_key(blocked.reason),
        "reason": reason_key(blocked.reason, blocked.level, texts),
        "host": clean(blocked.host, MAX_HOST),
        # A word only suggests a rating; to name it as the page's would say more than anybody knows.
        "rating": None if blocked.check.endswith("-words") else _on_scale(blocked.rating),
        "level": _on_scale(blocked.level),
        "adult": is_adult(blocked.level),
        "ask_title": ask_title_key(blocked.reason),
        "ask": ask_key(blocked.reason, blocked.level),
        "code": blocked.code if blocked.code and _CODE.fullmatch(blocked.code) else None,
        "back_url": link_url(back_url),
    }
    return _page("block.html", status, texts, lines, more, **values)


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
    return _page("help_words.html", 200, texts, lines, go_on_url=link_url(go_on_url))


def help_page(
    language: Language,
    state: FilterState,
    helplines: Sequence[HelpLineFields] = (),
    *,
    today: date | None = None,
    country: str | None = None,
) -> PageAnswer:
    """200: `http://sfs.home.arpa/`, and `/` of the proxy's own port."""
    texts = texts_for(language)
    protects = tuple(_protection(item, texts) for item in state.protects[:MAX_PROTECTS])
    values: dict[str, Any] = {
        "state": state,
        "level": _on_scale(state.level),
        "levels": LEVELS,
        "proxy": clean(state.proxy, MAX_HOST),
        "protects": tuple(line for line in protects if line),
    }
    return _page("help.html", 200, texts, shown_lines(helplines, texts, today, country), **values)


def why_page(language: Language, refused: Sequence[tuple[str, str, str]]) -> PageAnswer:
    """200: the names refused to this client, newest first, as (time in words, host, reason key); ten at most."""
    texts = texts_for(language)
    rows = [
        (clean(time, 20), clean(host, MAX_HOST), texts.html(reason_key(reason, None, texts)))
        for time, host, reason in refused[:MAX_REFUSED]
    ]
    return _page("why.html", 200, texts, (), rows=rows)


def error_page(language: Language, problem: str, host: str = "") -> PageAnswer:
    """The status of ERRORS and a page in plain words; a problem that is not listed there is `internal`, 500."""
    known = problem if problem in ERRORS else "internal"
    texts = texts_for(language)
    return _page("error.html", ERRORS[known], texts, (), problem=known, host=clean(host, MAX_HOST), japanese=None)


def connection_page(fixed: Language | None, problem: str) -> PageAnswer:
    """As error_page, where nobody knows the reader's language: in both, unless one is `fixed`."""
    if fixed is not None:
        return error_page(fixed, problem)
    known = problem if problem in ERRORS else "internal"
    other = texts_for("ja")
    values = {"title": other.html(f"error.{known}"), "text": other.html(f"error.{known}_text")}
    return _page("error.html", ERRORS[known], texts_for("en"), (), problem=known, host="", japanese=values)


def _page(
    template: str,
    status: int,
    texts: Texts,
    lines: Sequence[ShownLine],
    more: tuple[tuple[str, str], ...] = (),
    **values: object,
) -> PageAnswer:
    body = b""
    # Entries of helplines.yaml can be long: fewer of them rather than a page that is too heavy for a slow line.
    for count in (len(lines), len(lines) // 2, OPEN_LINES, 0):
        body = _render(template, texts, lines=lines[:count], **values)
        if len(body) < MAX_BYTES:
            break
    return PageAnswer(status, _page_headers(texts.language) + more, body)


def _render(template: str, texts: Texts, **values: object) -> bytes:
    page = _environment().get_template(template)
    html = page.render(t=texts.html, p=texts.text, ls=texts.lines, lang=texts.language, help_url=HELP_URL, **values)
    return html.encode()


@cache
def _page_headers(language: Language) -> tuple[tuple[str, str], ...]:
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        *plain_headers("text/html; charset=utf-8"),
        ("Content-Language", language),
        ("Vary", "Accept-Language"),
        ("Content-Security-Policy", policy),
    )


@cache
def _style() -> str:
    return files("sfs.web").joinpath("templates/style.css").read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    """Built at the first page, so that the start does not wait for it."""
    environment = Environment(
        loader=PackageLoader("sfs.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = Markup(_style())  # noqa: S704 - our own file
    environment.globals["open_lines"] = OPEN_LINES
    return environment


def _on_scale(value: int | None) -> int | None:
    return value if value in LEVELS else None


def _protection(item: Protection | str, texts: Texts) -> str:
    """The line for a page; a text is shown as it is, a key without a sentence is left out."""
    if isinstance(item, str):
        return clean(item, 160)
    key = f"protects.{item.key}"
    return texts.html(key, count=f"{item.count:,}", total=f"{item.total:,}") if texts.has(key) else ""
