"""`/why`: one field, a web address or a code; the answer in a sentence, and the way to it."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from starlette.responses import Response

from sfs.admin.pages.chosen import MAX_TYPED, Unreadable, people_read, read_typed
from sfs.admin.pages.common import (
    MAX_NAME,
    clock,
    closed,
    local_now,
    paused_until,
    reason_key,
    site_of,
    source_words,
    way,
)
from sfs.core.decide import CHECKS, Step
from sfs.core.facts import Https
from sfs.core.identity import Group
from sfs.sources.explained import Asked, Explained, explain_url
from sfs.sources.filter import Filter
from sfs.sources.settings import HttpsMode
from sfs.web.answer import clean
from sfs.web.permissions import Permission
from sfs.web.route import Page, Visit
from sfs.web.texts import Texts

_CODE: Final = re.compile(r"[A-Z2-7]{10}")  # RFC 4648 base32, as the block page shows it
_LETTERS: Final = str.maketrans("01", "OI")  # base32 has neither figure, so that either reading is the letter
_SAID: Final = {"allow": "allow", "block": "block", "no opinion": "none", "not asked": "not_asked", "off": "off"}
_ALWAYS_OPEN: Final = frozenset(("own", "help", "help-words"))


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer on an address. `way`: what can be done about it: allow, danger, search, fixed, none; block where it
    is open."""

    site: str
    url: str
    blocked: bool
    reason: str
    source: str
    rating: int | None
    level: int
    way: str
    paused: str
    unseen: bool
    trace: tuple[tuple[str, str, str, str], ...]


async def show(visit: Visit) -> Response:
    """GET q=what is asked, group=whose settings."""
    typed, group = visit.query.get("q", "").strip(), visit.query.get("group", "")
    values: dict[str, Any] = {"answer": None, "record": None, "fault": None}
    if typed:
        values |= await visit.run(_answered, visit, typed, group)
    groups = [clean(one.name, MAX_NAME) for one in _groups(visit.control.live.filter)]
    status = 422 if values["fault"] else 200
    return visit.render("why.html", status, typed=clean(typed, MAX_TYPED), groups=groups, group=group, **values)


def _answered(visit: Visit, typed: str, group: str) -> dict[str, Any]:
    code = _code(typed)
    if code is not None:
        return _of_code(visit, code)
    filter_, now = visit.control.live.filter, local_now()
    try:
        host = read_typed(typed).host
    except Unreadable as fault:
        return {"fault": visit.texts.html(f"admin-fault.{fault.key}", **fault.values)}
    https = Https.SNI if filter_.config.https is HttpsMode.SNI else Https.INSPECT
    result = explain_url(typed.lstrip("=|"), filter_, Asked(now, https, client=_client(filter_, group)))
    return {"answer": answer_of(result, host, paused_until(filter_, now), https, visit.texts)}


def _code(typed: str) -> str | None:
    """The code in what was typed: small or wide letters, blanks and dashes are no difference, nor is 0 for O and 1 for
    I; None for an address."""
    text = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", typed[:40])).upper().translate(_LETTERS)
    return text if _CODE.fullmatch(text) else None


def _of_code(visit: Visit, code: str) -> dict[str, Any]:
    found = visit.control.journal.find(code) if visit.may("blocked") else None
    if found is None:
        days = max(1, visit.control.live.filter.config.retention.days)
        return {"fault": visit.texts.html("admin-fault.code", days=days)}
    return {"record": closed(found, visit.texts), "way": _record_way(found.reason, found.check)}


def _record_way(reason: str | None, check: str) -> str:
    """What can be done about a record; where its reason is gone, only what is sure."""
    return way(reason or check)


def answer_of(result: Explained, host: str, paused: datetime | None, https: Https, texts: Texts) -> Answer:
    """An explanation for the page. Of a mandatory list nothing is told but that it is one (design, section 5)."""
    verdict = result.verdict
    mandatory = verdict.check == "mandatory"
    shown = "none" if verdict.reason in _ALWAYS_OPEN else "block"
    return Answer(
        site=clean(people_read(site_of(host)), MAX_NAME),
        url=clean(result.canonical or result.text, MAX_TYPED),
        blocked=verdict.blocked,
        reason=reason_key(verdict.reason, texts),
        source="" if mandatory else source_words(verdict.source, texts),
        rating=verdict.rating,
        level=result.policy.level,
        way=way(verdict.reason) if verdict.blocked else shown,
        paused="" if paused is None else clock(paused),
        unseen=https is Https.INSPECT and any(step.said == "not asked" for step in result.trace),
        trace=tuple(_step(step, texts) for step in result.trace),
    )


def _step(step: Step, texts: Texts) -> tuple[str, str, str, str]:
    """Key of the check, key of what it said, the word that marks the row, and what it rests on."""
    check = step.check if step.check in CHECKS else "error"
    said = _SAID.get(step.said, "needs")
    source = "" if step.check == "mandatory" else source_words(step.source, texts)
    return f"admin-check.{check}", f"admin-said.{said}", said, source


def _groups(filter_: Filter) -> list[Group]:
    return [group for group in filter_.policies.groups if group.networks]


def _client(filter_: Filter, name: str) -> str | None:
    """An address whose reader is in the group; None for everybody. Another group may hold a part of its network."""
    for group in _groups(filter_):
        if group.name != name:
            continue
        for network in group.networks:
            for address in (network.network_address, network.broadcast_address):
                if filter_.policies.group_for(str(address)) is group:
                    return str(address)
    return None


PAGES = (Page("/why", show, needs=Permission.STATE, menu="admin-nav.why"),)
