"""`/`: the state in one glance, the level, a pause, undo, what was blocked today."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from starlette.responses import Response

from sfs.admin.address import is_loopback
from sfs.admin.pages.common import (
    MAX_NAME,
    changed,
    clock,
    closed,
    fault_words,
    is_off,
    local_now,
    moment,
    paused_until,
    refused,
    undo_of,
)
from sfs.admin.pages.state import state_of
from sfs.core.levels import LEVELS
from sfs.errors import SfsError
from sfs.sources.changes import KEPT, Change, OtherChange
from sfs.sources.control import Control
from sfs.sources.decisions import Decision
from sfs.web.answer import clean
from sfs.web.permissions import Permission
from sfs.web.route import Button, Page, Visit
from sfs.web.texts import Texts

SHOWN: Final = 5  # sites on the first page
LOOKED_AT: Final = 200  # blocked requests that they are taken from: one page can ask a host a hundred times
PAUSE: Final = 15  # minutes
PAUSES: Final = range(1, 61)  # minutes that the form may say
_CHANGES: Final = ("level", "allow", "block", "forget")


@dataclass(frozen=True, slots=True)
class Undoable:
    """The last change in words, and when it was made."""

    mark: str
    what: str
    time: str


async def show(visit: Visit) -> Response:
    """The first page."""
    return visit.render("home.html", **await visit.run(_values, visit))


def _values(visit: Visit) -> dict[str, Any]:
    control, texts, now = visit.control, visit.texts, local_now()
    filter_ = control.live.filter
    fault = control.live.fault
    broken = "" if fault is None else fault_words(fault)
    state = state_of(filter_, now, texts, updating=control.updating(), broken=broken)
    decisions = control.journal.recent(LOOKED_AT) if visit.may("blocked") else ()
    proxy = control.proxy()
    return {
        "state": state,
        "levels": [row.level for row in LEVELS],
        "groups": [(clean(group.name, MAX_NAME), group.policy.level) for group in filter_.policies.groups],
        "undoable": _undoable(control, texts) if visit.may("level") else None,
        "closed": [closed(decision, texts) for decision in _newest_of_each(decisions)],
        "off": is_off(filter_),
        "reports": _waiting(control) if visit.may("reports") else 0,
        "proxy": clean(proxy, MAX_NAME),
        "here_only": is_loopback(proxy.rpartition(":")[0].strip("[]")),
        # Until a device was set up, as far as can be seen, that is the next thing to do.
        "fresh": not decisions and not control.trust.devices(),
        "pause": PAUSE,
    }


def _undoable(control: Control, texts: Texts) -> Undoable | None:
    history = control.changes.history(1)
    if not history:
        return None
    return Undoable(history[0].mark, change_words(history[0], texts), moment(history[0].time, texts))


def _newest_of_each(decisions: Iterable[Decision]) -> list[Decision]:
    """The newest block of each of the hosts that were blocked last."""
    found: dict[str, Decision] = {}
    for decision in decisions:
        found.setdefault(decision.host, decision)
    return list(found.values())[:SHOWN]


def _waiting(control: Control) -> int:
    try:
        return len(control.reports.waiting())
    except SfsError:
        return 0  # the page of reports says what is wrong


def change_words(change: Change, texts: Texts) -> str:
    """What was changed, for "undo"."""
    value = clean(change.value, MAX_NAME)
    if change.what in _CHANGES:
        return texts.text(f"admin-change.{change.what}", value=value)
    return texts.text("admin-change.other", what=clean(change.what, MAX_NAME), value=value)


async def set_level(visit: Visit) -> Response:
    """POST level=0 to 4."""
    text = visit.field("level", 2)
    if text not in [str(row.level) for row in LEVELS]:
        return visit.redirect("/", "admin-fault.choose")
    level = int(text)
    try:
        change = await changed(visit, partial(visit.control.changes.set_level, level, by=visit.by))
    except SfsError as fault:
        return refused(visit, "/", fault)
    holds = visit.control.live.filter.policies.default.level
    if holds != level:
        return visit.redirect("/", "admin-done.level_not", level=level, now=holds)
    return visit.redirect("/", "admin-done.level", undo_of(change), level=level)


async def pause(visit: Visit) -> Response:
    """POST: nothing but what is dangerous or closed for good is blocked for a quarter of an hour, or as the form says,
    an hour at most."""
    said = visit.field("minutes", 3)
    minutes = int(said) if said.isascii() and said.isdigit() and int(said) in PAUSES else PAUSE
    act = partial(visit.control.changes.pause, minutes, now=local_now(), by=visit.by)
    try:
        until = await changed(visit, act)
    except SfsError as fault:
        return refused(visit, "/", fault)
    return visit.redirect("/", "admin-done.paused", Button("/resume", "admin-home.end_pause"), time=clock(until))


async def resume(visit: Visit) -> Response:
    """POST: the pause ends now."""
    try:
        await changed(visit, partial(visit.control.changes.end_pause, now=local_now(), by=visit.by))
    except SfsError as fault:
        return refused(visit, "/", fault)
    still = paused_until(visit.control.live.filter, local_now())
    if still is not None:
        return visit.redirect("/", "admin-home.paused", time=clock(still))
    return visit.redirect("/", "admin-done.resumed")


async def undo(visit: Visit) -> Response:
    """POST: what held before the last change holds again. change: the one that was shown; another one in the meantime
    is not undone unseen."""
    mark, changes = visit.field("change", 40) or None, visit.control.changes
    try:
        change = await changed(visit, partial(changes.undo, by=visit.by, mark=mark))
    except OtherChange:
        if any(kept.mark == mark for kept in await visit.run(changes.history, KEPT)):
            return visit.redirect("/", "admin-fault.stale")
        return visit.redirect("/")  # undone already, as by the first press of a double click: its message still stands
    except SfsError as fault:
        return refused(visit, "/", fault)
    if change is None:
        return visit.redirect("/", "admin-done.undo_none")
    return visit.redirect("/", "admin-done.undone", what=change_words(change, visit.texts))


PAGES = (
    Page("/", show, needs=Permission.STATE, menu="admin-nav.home"),
    Page("/level", set_level, methods=("POST",), needs=Permission.LEVEL),
    Page("/pause", pause, methods=("POST",), needs=Permission.LEVEL),
    Page("/resume", resume, methods=("POST",), needs=Permission.LEVEL),
    Page("/undo", undo, methods=("POST",), needs=Permission.LEVEL),
)
