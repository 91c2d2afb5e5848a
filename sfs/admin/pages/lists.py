"""`/lists`: the lists that protect now, how old they are, what went wrong, and a button that fetches them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from starlette.responses import Response

from sfs.admin.pages.common import MAX_NAME, MAX_TEXT, day_words, local_now, moment
from sfs.core.levels import LEVELS
from sfs.core.ruleset import Axis
from sfs.errors import SfsError
from sfs.lists.store import ListState
from sfs.sources import places
from sfs.sources.categories import load_categories
from sfs.sources.public_lists import catalogue
from sfs.web.answer import clean
from sfs.web.permissions import Permission
from sfs.web.route import Page, Visit
from sfs.web.texts import Texts


@dataclass(frozen=True, slots=True)
class Row:
    """A list on the page. `about`: what its sites are; `effect`: key of where it closes them; `age`: in words, "" for
    one that never came; `fault`: what went wrong, "" for nothing; `holds`: the day of the copy in force."""

    name: str
    about: str
    effect: str
    idle: bool
    names: str
    age: str
    keeper: str
    local: bool
    fault: str
    failed: str
    holds: str


async def show(visit: Visit) -> Response:
    """All lists, those with a fault first."""
    return visit.render("lists.html", **await visit.run(_values, visit))


def _values(visit: Visit) -> dict[str, Any]:
    control, texts, now = visit.control, visit.texts, local_now()
    level = control.live.filter.policies.default.level
    states = control.lists()
    rows = [row_of(state, level, now, texts) for state in states]
    rows.sort(key=lambda row: (not row.fault, bool(row.age), row.idle))
    there = [state for state in states if state.version is not None]
    return {
        "rows": rows,
        "updating": control.updating(),
        "level": level,
        "total": figure(sum(state.count for state in there)),
        "lists": len(there),
        "failed": sum(bool(row.fault) for row in rows),
        "good": bool(rows) and all(row.age and not row.fault for row in rows),
    }


def row_of(state: ListState, level: int, now: datetime, texts: Texts) -> Row:
    """A list in words."""
    effect, idle = _effect(state, level)
    days = state.days(now)
    failed = state.failed
    return Row(
        name=clean(state.name, MAX_NAME),
        about=_about(state, texts),
        effect=f"admin-lists.{effect}",
        idle=idle,
        names=figure(state.count) if state.version is not None else "",
        age="" if days is None else _age(days, texts),
        keeper=clean(_keeper(state.name), MAX_NAME),
        local=state.url is None,
        fault=_fault(state, texts),
        failed="" if failed is None else moment(failed, texts),
        holds="" if state.fetched is None or days is None else day_words(state.fetched.astimezone().date(), texts),
    )


def figure(number: int) -> str:
    """A number with its thousands apart: 1,234,567."""
    return f"{number:,}"


def _effect(state: ListState, level: int) -> tuple[str, bool]:
    """Key of what the list does, and whether it does nothing at this level."""
    if state.axis is not None:
        idle = state.axis == Axis.CIRCUMVENTION and not LEVELS[level].circumvention
        return f"axis_{state.axis}", idle
    category = _categories().get(state.category or "")
    if category is not None and category.opens:
        return "opens", level > 0
    if state.rating is not None and 0 <= state.rating < len(LEVELS):
        return f"rating_{state.rating}", state.rating <= level
    return "plain", True


def _about(state: ListState, texts: Texts) -> str:
    key = f"admin-category.{state.category}"
    if texts.has(key):
        return texts.text(key)
    return clean(state.category, MAX_NAME) if state.category else texts.text("admin-lists.axis_name")


def _age(days: int, texts: Texts) -> str:
    return texts.text(f"admin-lists.age_{days}") if days in (0, 1) else texts.text("admin-lists.age", days=days)


def _fault(state: ListState, texts: Texts) -> str:
    if state.failure is None:
        return ""
    key = f"list_faults.{state.reason}"
    return texts.text(key) if texts.has(key) else clean(state.failure.partition("\n")[0], MAX_TEXT)


@cache
def _categories() -> Mapping[str, Any]:
    return load_categories(places.rules_dir() / "ratings" / "categories.yaml")


def _keeper(name: str) -> str:
    """Who keeps a list of the catalogue; "" for a list that is not in it."""
    try:
        row = catalogue().get(name)
    except SfsError:
        return ""  # a catalogue that somebody broke: the lists themselves hold
    return "" if row is None else row.keeper


async def fetch(visit: Visit) -> Response:
    """POST: the lists are fetched in the background."""
    begun = await visit.run(visit.control.update_lists)
    return visit.redirect("/lists", "admin-done.fetching" if begun else "admin-done.fetching_already")


PAGES = (
    Page("/lists", show, needs=Permission.STATE, menu="admin-nav.lists"),
    Page("/lists/fetch", fetch, methods=("POST",), needs=Permission.LISTS),
)
