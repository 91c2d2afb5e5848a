"""What the pages share: a change put in force, times and sites in words, why something was blocked."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import PurePath
from typing import Final, Literal

from starlette.responses import Response

from sfs.errors import ConfigError, SfsError, Where
from sfs.sources.changes import Change
from sfs.sources.config import CHANGES
from sfs.sources.control import Control
from sfs.sources.decisions import Decision
from sfs.sources.filter import Filter
from sfs.web.answer import clean
from sfs.web.route import MAX_VALUE, Button, Visit
from sfs.web.texts import Texts

MAX_NAME: Final = 120  # characters of a host or entry on a page; a longer one is cut
MAX_TEXT: Final = 300  # characters of a reason, a source or a fault
BACK: Final = frozenset(("/", "/blocked", "/sites", "/why", "/reports"))  # where a form may ask to come back to

# Reasons that an entry of one's own overrules. Not `security`: that is looked at first.
_OPENABLE: Final = frozenset(
    (
        "own-block",
        "circumvention",
        "wrapper",
        "only-allowed",
        "rating",
        "own-rating",
        "label-rating",
        "engine-rating",
        "category-rating",
        "bureau-away",
        "url-words",
        "self-label",
        "metadata-words",
        "body-words",
        "unrated",
        "cut",
    )
)
_PLACE: Final = re.compile(r":[0-9]+\Z")  # file:line
_CLOSED_FOR_GOOD: Final = frozenset(("own-final", "mandatory"))


@dataclass(frozen=True, slots=True)
class Closed:
    """A blocked request for a page. `reason`: key of a sentence; `openable`: whether allowing its site helps;
    `known`: whether memory still has why."""

    time: str
    moment: str
    host: str
    site: str
    group: str
    reason: str
    source: str
    code: str
    openable: bool
    known: bool


def local_now() -> datetime:
    """Now, in the zone of this machine: the household's."""
    return datetime.now().astimezone()


def clock(time: datetime) -> str:
    """The time of day: 14:05."""
    return f"{time.astimezone():%H:%M}"


def moment(time: datetime, texts: Texts) -> str:
    """The time of day, with the day where that is not today."""
    day = time.astimezone().date()
    return clock(time) if day == local_now().date() else f"{day_words(day, texts)} {clock(time)}"


def day_words(day: date, texts: Texts) -> str:
    """A day as one writes it: 1 Apr 2026."""
    return texts.text("lines.day", year=day.year, month=texts.lines("lines.months")[day.month - 1], day=day.day)


def site_of(host: str) -> str:
    """The name that a person means by a host: without www."""
    return host.removeprefix("www.") if host.count(".") > 1 else host


def source_words(source: str | None, texts: Texts) -> str:
    """What a verdict rests on, for a person: of a file its name alone, of a site chosen on the page that it was."""
    text = source or ""
    place, blank, entry = text.partition(" ")
    name = re.split(r"[/\\\\]", place)[-1] if _PLACE.search(place) else place
    if name.partition(":")[0] == CHANGES:
        return texts.text("admin-why.here", entry=clean(entry, MAX_TEXT))
    return clean(name + blank + entry, MAX_TEXT)


def reason_key(reason: str | None, texts: Texts, check: str = "other") -> str:
    """Key of the sentence for a reason; for the check alone where the reason is no longer known."""
    if reason is None and check == "entry":
        return "admin-reason.own-block"
    for word in (reason, check):
        if word is not None and texts.has(f"admin-reason.{word}"):
            return f"admin-reason.{word}"
    return "admin-reason.other"


def way(reason: str) -> Literal["allow", "danger", "search", "fixed", "none"]:
    """What whoever looks after the filter can do about a block."""
    if reason in _OPENABLE:
        return "allow"
    if reason == "security":
        return "danger"
    if reason == "search-words":
        return "search"
    return "fixed" if reason in _CLOSED_FOR_GOOD else "none"


def closed(decision: Decision, texts: Texts) -> Closed:
    """A record of the log for a page."""
    reason = decision.reason or decision.check
    return Closed(
        clock(decision.time),
        moment(decision.time, texts),
        clean(decision.host, MAX_NAME),
        clean(site_of(decision.host), MAX_NAME),
        "" if decision.group == "default" else clean(decision.group, MAX_NAME),
        reason_key(decision.reason, texts, decision.check),
        source_words(decision.source, texts),
        clean(decision.code, 10),
        way(reason) == "allow",
        decision.reason is not None,
    )


def fault_words(fault: SfsError) -> str:
    """A fault for a sentence on a page, the first of several: the name of the file and the line, and what is wrong.
    Where the file lies is told on its machine alone; one that begins with a dot is ours, and is gone already."""
    first = fault.faults[0] if isinstance(fault, ConfigError) else fault
    said, place = first.what.partition("\n")[0], first.where
    name = "" if place is None else PurePath(place.file).name
    if place is not None and name and not name.startswith("."):
        said = f"{Where(name, place.line, place.column)}: {said}"
    return clean(said, MAX_VALUE)


def undo_of(change: Change) -> Button:
    """The button that undoes a change, and no other one."""
    return Button("/undo", "admin-home.undo", change.mark)


def paused_until(filter_: Filter, now: datetime) -> datetime | None:
    """When the pause for everybody ends; None where there is none."""
    ends = [pause.until for pause in filter_.config.pauses if pause.group is None and pause.until > now]
    return max(ends, default=None)


def is_off(filter_: Filter) -> bool:
    """Whether nothing is recorded for anybody, so that a page has nothing to show."""
    return all(policy.record == "nothing" for policy in filter_.policies.policies())


class NotInForce(SfsError):
    """A change is saved, but no filter could be made with it: the old one holds."""


def put[T](control: Control, act: Callable[[], T]) -> T:
    """Make a change and put it in force. SfsError: nothing was changed; NotInForce: saved, but it does not hold."""
    result = act()
    try:
        control.live.reload()
    except SfsError as fault:
        raise NotInForce(fault_words(fault)) from None
    return result


async def changed[T](visit: Visit, act: Callable[[], T]) -> T:
    """`put` in a thread."""
    return await visit.run(partial(put, visit.control, act))


def refused(visit: Visit, path: str, fault: SfsError) -> Response:
    """Back to `path` with a sentence that the change was not made, or does not hold."""
    key = "admin-done.unsaved" if isinstance(fault, NotInForce) else "admin-done.refused"
    return visit.redirect(path, key, what=fault_words(fault))


def back_path(visit: Visit, default: str) -> str:
    """The page that a form asks to come back to, if it is one of ours."""
    path = visit.field("back", 40)
    return path if path in BACK else default
