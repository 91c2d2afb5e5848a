"""`/reports`: what readers say of pages, each to be allowed, blocked or dismissed."""

from typing import Any, Final

from starlette.responses import Response

from sfs.admin.pages.common import MAX_NAME, fault_words, moment
from sfs.errors import SfsError
from sfs.sources.reports import MAX_ADDRESS, MAX_NOTE, Report
from sfs.web.answer import clean
from sfs.web.permissions import Permission
from sfs.web.route import Page, Visit

MAX_SHOWN: Final = 50


async def show(visit: Visit) -> Response:
    """The reports that wait, the oldest first."""
    return visit.render("reports.html", **await visit.run(_values, visit))


def _values(visit: Visit) -> dict[str, Any]:
    try:
        waiting, trouble = visit.control.reports.waiting(), None
    except SfsError as fault:
        waiting, trouble = (), fault_words(fault)
    return {
        "trouble": trouble,
        "rows": [_shown(report, visit) for report in waiting[:MAX_SHOWN]],
        "more": max(0, len(waiting) - MAX_SHOWN),
    }


def _shown(report: Report, visit: Visit) -> dict[str, str]:
    return {
        "id": report.id,
        "address": report.address,
        "name": clean(report.address, MAX_ADDRESS),
        "kind": f"admin-reports.{report.kind}",
        "wants": "allow" if report.kind == "blocked" else "block",
        "time": moment(report.time, visit.texts),
        "group": "" if report.group == "default" else clean(report.group, MAX_NAME),
        "note": clean(report.note, MAX_NOTE),
        "code": clean(report.code or "", 10),
    }


async def dismiss(visit: Visit) -> Response:
    """POST report=ID: it is done with, and nothing changes."""
    try:
        await visit.run(visit.control.reports.done, visit.field("report", 32))
    except SfsError as fault:
        return visit.redirect("/reports", "admin-done.refused", what=fault_words(fault))
    return visit.redirect("/reports", "admin-done.dismissed")


PAGES = (
    Page("/reports", show, needs=Permission.REPORTS, menu="admin-nav.reports"),
    Page("/reports/dismiss", dismiss, methods=("POST",), needs=Permission.REPORTS),
)
