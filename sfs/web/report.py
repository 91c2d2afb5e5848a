"""The reader's report: the page with its form, the form as values, and what keeps the form from being misused."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qsl, quote, urlencode

from cachetools import TTLCache

from sfs.web.answer import HELP_URL, PageAnswer, clean
from sfs.web.helplines import HelpLineFields, shown_lines
from sfs.web.render import page
from sfs.web.texts import Language, texts_for

Kind = Literal["blocked", "shown"]
Problem = Literal[
    "kind", "address_missing", "address_bad", "note_long", "token", "many", "full", "not_kept", "not_saved", "off"
]

PATH: Final = "/report"
SENT: Final = "/report/sent"
MAX_ADDRESS: Final = 500  # characters
MAX_NOTE: Final = 500  # characters
MAX_FORM: Final = 16_384  # bytes; both texts at their longest, each character escaped, have under 13,000
MAX_FIELDS: Final = 16
AN_HOUR: Final = 3600  # seconds a form may be open, and over which reports are counted
PER_HOUR: Final = 10  # reports of one client
MAX_CLIENTS: Final = 4096
_CODE: Final = re.compile(r"[0-9A-Z]{10}")
_STATUS: Final[dict[Problem, int]] = {
    "token": 403,
    "many": 429,
    "full": 503,
    "not_saved": 503,
    "not_kept": 200,
    "off": 404,
}


@dataclass(frozen=True, slots=True)
class Form:
    """What a reader wrote, or what a link to the form filled in. `kind` None: not chosen yet."""

    kind: Kind | None = None
    address: str = ""
    note: str = ""
    code: str | None = None
    token: str = ""


class Desk:
    """Who may send: a form is good for the client it was given to, for one hour, in this run alone; and no client
    sends more than PER_HOUR. Times are seconds of one clock, which the caller reads. Used from one thread."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)
        self._sent: TTLCache[str, list[float]] = TTLCache(MAX_CLIENTS, AN_HOUR)

    def token(self, client: str, now: float) -> str:
        """What the form of this client carries."""
        return f"{int(now)}-{self._mac(client, int(now))}"

    def holds(self, token: str, client: str, now: float) -> bool:
        """Whether `token` was given to this client within the hour."""
        time, _, mac = token.partition("-")
        if not (time.isascii() and time.isdigit() and len(time) < 16 and 0 <= now - int(time) <= AN_HOUR):
            return False
        return hmac.compare_digest(mac.encode("utf-8", "replace"), self._mac(client, int(time)).encode())

    def take_turn(self, client: str, now: float) -> bool:
        """Count one report of this client; False where it has sent as many as it may."""
        times = [time for time in self._sent.get(client, []) if now - time < AN_HOUR]
        free = len(times) < PER_HOUR
        self._sent[client] = [*times, now] if free else times
        return free

    def _mac(self, client: str, time: int) -> str:
        return hmac.new(self._key, f"{time} {client}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]


def read_form(data: bytes | str) -> Form:
    """The fields of a form's body, or of a link's query. Any bytes give a form: what is too long or unknown in it is
    as if it were not there, and only the first value of a name counts."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    try:
        pairs = parse_qsl(text[:MAX_FORM], keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="replace")
    except ValueError:
        return Form()
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    kind, code = fields.get("kind"), fields.get("code", "")
    return Form(
        kind="blocked" if kind == "blocked" else "shown" if kind == "shown" else None,
        address=_one_line(fields.get("address") or fields.get("host", ""), MAX_ADDRESS),
        note=_one_line(fields.get("note", ""), MAX_NOTE + 1),  # one more, to know that it was too long
        code=code if _CODE.fullmatch(code) else None,
        token=fields.get("token", "")[:64],
    )


def report_path(kind: Kind, host: str = "", code: str | None = None) -> str:
    """Path and query of the form with what is known filled in. The host alone: a path may hold what was searched."""
    fields = {"kind": kind, "code": code or "", "host": host[:253]}
    return PATH + "?" + urlencode({key: value for key, value in fields.items() if value}, quote_via=quote)


def report_url(kind: Kind, host: str = "", code: str | None = None) -> str:
    """The address of the form for a page that stands elsewhere than ours do."""
    return HELP_URL + report_path(kind, host, code)[1:]


def report_page(
    language: Language,
    form: Form,
    token: str,
    hotlines: Sequence[HelpLineFields] = (),
    problem: Problem | None = None,
    *,
    orange: bool = False,
) -> PageAnswer:
    """The form as it stands, with a sentence on what is wrong. `token` empty: no form at all, only where else to turn.
    `hotlines`: who takes reports of pictures of children being hurt; no address of such is asked for here."""
    texts = texts_for(language)
    more: tuple[tuple[str, str], ...] = (("Retry-After", str(AN_HOUR)),) if problem == "many" else ()
    return page(
        "report.html",
        200 if problem is None else _STATUS.get(problem, 400),
        texts,
        shown_lines(hotlines, texts, None),
        more,
        form=bool(token),
        orange=orange,
        values=form,
        note=form.note[:MAX_NOTE],
        token=token,
        problem=problem,
        max_note=MAX_NOTE,
        max_address=MAX_ADDRESS,
        path=PATH,
        sent=False,
    )


def sent_page(language: Language, hotlines: Sequence[HelpLineFields] = ()) -> PageAnswer:
    """200: the report is kept."""
    texts = texts_for(language)
    lines = shown_lines(hotlines, texts, None)
    return page("report.html", 200, texts, lines, token="", problem=None, sent=True)


def sent_answer() -> PageAnswer:
    """303 to that page, so that a page loaded again sends nothing twice."""
    return PageAnswer(303, (("Location", SENT), ("Cache-Control", "no-store"), ("Content-Length", "0")), b"")


def _one_line(text: str, limit: int) -> str:
    """Line ends and runs of spaces as one space; hidden characters as `clean` makes them."""
    words = " ".join(text[: 4 * limit].split())
    return clean(words[:limit], limit)
