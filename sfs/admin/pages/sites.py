"""`/sites`: allow or block a site, and the sites of one's own that hold now."""

from contextlib import suppress
from functools import partial
from typing import Any, Final

from starlette.responses import Response

from sfs.admin.pages.chosen import MAX_TYPED, Own, Unreadable, own_sites, people_read, read_typed
from sfs.admin.pages.common import (
    MAX_NAME,
    back_path,
    changed,
    fault_words,
    local_now,
    paused_until,
    reason_key,
    refused,
    undo_of,
)
from sfs.errors import SfsError
from sfs.sources import changes
from sfs.sources.explained import Asked, explain_url
from sfs.web.answer import clean
from sfs.web.permissions import Permission
from sfs.web.route import Page, Visit

MAX_SHOWN: Final = 200  # entries of each kind on the page
ACTIONS: Final = ("allow", "block")


async def show(visit: Visit) -> Response:
    """The form and all entries."""
    return await _page(visit, {})


async def _page(visit: Visit, values: dict[str, Any], status: int = 200) -> Response:
    known = {"typed": "", "fault": None, "choice": None, "action": "", "back": "/sites", "report": ""}
    shown = await visit.run(_values, visit)
    return visit.render("sites.html", status, **(known | shown | values | {"path": "/sites"}))


def _values(visit: Visit) -> dict[str, Any]:
    control = visit.control
    try:
        page, trouble = control.changes.values(), None
    except SfsError as fault:
        page, trouble = {}, fault_words(fault)
    sites = own_sites(control.live.filter.config, page)
    return {
        "trouble": trouble,
        "lists": [
            ("allow", [_shown(own) for own in sites.allow[:MAX_SHOWN]], max(0, len(sites.allow) - MAX_SHOWN)),
            ("block", [_shown(own) for own in sites.block[:MAX_SHOWN]], max(0, len(sites.block) - MAX_SHOWN)),
        ],
    }


def _shown(own: Own) -> dict[str, Any]:
    return {
        "text": own.text,
        "name": clean(people_read(own.text), MAX_NAME),
        "unit": own.unit,
        "origin": own.origin,
        "group": clean(own.group, MAX_NAME),
        "final": own.final,
        "removable": own.removable,
    }


async def choose(visit: Visit) -> Response:
    """POST site=..., action=allow or block, scope=whole or part; back=the page to return to, report=one to close.

    Where a page was pasted and no scope is said, the answer asks which is meant."""
    text, action, scope = visit.field("site", MAX_TYPED + 1), visit.field("action", 10), visit.field("scope", 10)
    again = {"typed": clean(text, MAX_TYPED), "back": back_path(visit, "/sites"), "report": visit.field("report", 32)}
    if action not in ACTIONS:
        return await _page(visit, again | {"fault": visit.texts.html("admin-fault.choose")}, 422)
    try:
        typed = read_typed(text)
    except Unreadable as fault:
        sentence = visit.texts.html(f"admin-fault.{fault.key}", **fault.values)
        return await _page(visit, again | {"fault": sentence}, 422)
    if typed.part is not None and scope not in ("whole", "part"):
        choice = {"host": clean(people_read(typed.whole), MAX_NAME), "part": clean(typed.part, MAX_NAME)}
        return await _page(visit, again | {"action": action, "choice": choice})
    return await _choose(visit, action, typed.part if scope == "part" and typed.part else typed.whole)


async def _choose(visit: Visit, action: str, entry: str) -> Response:
    back, control = back_path(visit, "/sites"), visit.control
    act = control.changes.allow if action == "allow" else control.changes.block
    try:
        change = await changed(visit, partial(act, entry, by=visit.by))
    except SfsError as fault:
        return refused(visit, back, fault)
    if report := visit.field("report", 32):
        with suppress(SfsError):  # the site is changed all the same; the report waits on
            await visit.run(control.reports.done, report)
    key, values = await visit.run(_outcome, visit, action, entry)
    return visit.redirect(back, key, undo_of(change), entry=clean(people_read(entry), MAX_NAME), **values)


def _outcome(visit: Visit, action: str, entry: str) -> tuple[str, dict[str, str]]:
    """What to say of the change: whether it does what was asked for, or what stands against it."""
    filter_, now = visit.control.live.filter, local_now()
    if paused_until(filter_, now) is not None:
        return "admin-done.saved_paused", {}
    verdict = explain_url(entry.lstrip("=|"), filter_, Asked(now), with_trace=False).verdict
    done = "allowed" if action == "allow" else "blocked"
    if verdict.blocked == (action == "block"):
        return f"admin-done.{done}", {}
    return f"admin-done.{done}_not", {"reason": visit.texts.text(reason_key(verdict.reason, visit.texts))}


async def forget(visit: Visit) -> Response:
    """POST site=an entry that was chosen here: it is taken off."""
    text = visit.field("site", MAX_TYPED)
    try:
        change = await changed(visit, partial(visit.control.changes.forget, text, by=visit.by))
    except SfsError as fault:
        last = await visit.run(visit.control.changes.history, 1)
        if last and (last[0].what, last[0].value) == ("forget", text[: changes.MAX_SHOWN]):
            return visit.redirect("/sites")  # by the first press of a double click: its message still stands
        return refused(visit, "/sites", fault)
    return visit.redirect("/sites", "admin-done.forgotten", undo_of(change), entry=clean(people_read(text), MAX_NAME))


PAGES = (
    Page("/sites", show, needs=Permission.SITES, menu="admin-nav.sites"),
    Page("/sites/choose", choose, methods=("POST",), needs=Permission.SITES),
    Page("/sites/forget", forget, methods=("POST",), needs=Permission.SITES),
)
