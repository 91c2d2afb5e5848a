"""`/blocked`: what was blocked today, site by site, the newest first."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from sfs.admin.pages.common import Closed, closed, is_off
from sfs.sources.decisions import Decision
from sfs.web.permissions import Permission
from sfs.web.route import Page, Visit

MAX_SITES: Final = 100
MAX_CODES: Final = 20  # of one site


@dataclass(frozen=True, slots=True)
class Site:
    """A host with its blocks of one day: `last` is the newest, `codes` of all, the newest first."""

    last: Closed
    count: int
    codes: tuple[tuple[str, str], ...]


async def show(visit: Visit) -> Response:
    """The blocked requests of today."""
    return visit.render("blocked.html", **await visit.run(_values, visit))


def _values(visit: Visit) -> dict[str, Any]:
    filter_ = visit.control.live.filter
    by_host = _by_host(visit.control.journal.today())
    sites = []
    for decisions in by_host[:MAX_SITES]:
        rows = [closed(decision, visit.texts) for decision in decisions[:MAX_CODES]]
        sites.append(Site(rows[0], len(decisions), tuple((row.code, row.time) for row in rows)))
    return {
        "sites": sites,
        "more": max(0, len(by_host) - MAX_SITES),
        "off": is_off(filter_),
        "days": max(1, filter_.config.retention.days),
    }


def _by_host(decisions: Iterable[Decision]) -> list[list[Decision]]:
    """The decisions of each host together, in the order in which the hosts come first."""
    found: dict[str, list[Decision]] = {}
    for decision in decisions:
        found.setdefault(decision.host, []).append(decision)
    return list(found.values())


PAGES = (Page("/blocked", show, needs=Permission.BLOCKED, menu="admin-nav.blocked"),)
