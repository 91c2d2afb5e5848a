"""The state of the filter in one glance: on, paused, or on with something to mend."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sfs.admin.pages.common import clock, paused_until
from sfs.sources.filter import Filter
from sfs.sources.protection import OLD_DAYS, protection
from sfs.web.texts import Texts

type Light = Literal["green", "orange", "paused"]

# Warnings of protection(), with the sentence that says what each means here.
_WARNINGS: Final = {
    "no_lists": "admin-home.no_lists",
    "no_adult_lists": "admin-home.no_adult_lists",
    "old_lists": "admin-home.lists_old",
    "failed_lists": "admin-home.lists_failed",
    "missing_lists": "admin-home.lists_empty",
}

_FETCH: Final = ("no_lists", "no_adult_lists")  # fetching mends them


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence under the state: its key and values, and which button mends it."""

    key: str
    values: Mapping[str, object]
    button: Literal["fetch", "look", ""] = ""


@dataclass(frozen=True, slots=True)
class State:
    """`light`, `title` and `notes` say how it stands; `until`: when a pause ends. `level` is None where none holds.
    `protects`: keys of the catalogue's `protects` with figures."""

    light: Light
    title: str
    until: str
    level: int | None
    only_allowed: bool
    notes: tuple[Note, ...]
    protects: tuple[tuple[str, int, int], ...]


def state_of(filter_: Filter, now: datetime, texts: Texts, *, updating: bool, broken: str) -> State:
    """What the first page says. `updating`: lists are being fetched; `broken`: why the last change is not in force;
    "" where it is."""
    policy = filter_.policies.default
    shield = protection(filter_, policy, now)
    mandatory_only = policy.checks is not None
    until = None if mandatory_only else paused_until(filter_, now)
    warned = [key for key, _, _ in shield.warnings]
    notes = [Note("admin-home.reload_failed", {"what": broken})] if broken else []
    if updating:
        notes.append(Note("admin-home.fetching", {}))
    else:
        notes += _notes(shield.warnings)
    light, title = _light(until, shield.state == "orange" or bool(broken), warned == ["no_lists"] and not broken)
    return State(
        light,
        "admin-home.mandatory" if mandatory_only and not broken else title,
        "" if until is None else clock(until),
        None if mandatory_only else policy.level,
        policy.only_allowed,
        tuple(notes),
        tuple(line for line in shield.lines if texts.has(f"protects.{line[0]}")),
    )


def _light(until: datetime | None, orange: bool, bare: bool) -> tuple[Light, str]:
    if until is not None:
        return "paused", "admin-home.paused"
    if orange:
        return "orange", "admin-home.on_lists" if bare else "admin-home.on_trouble"
    return "green", "admin-home.on"


def _notes(warnings: tuple[tuple[str, int, int], ...]) -> list[Note]:
    """One sentence a warning; a button under the last one that needs it."""
    notes: list[Note] = []
    for key, count, _ in warnings:
        sentence = _WARNINGS.get(key, "admin-home.trouble")
        last = key == warnings[-1][0]
        button: Literal["fetch", "look", ""] = "fetch" if key in _FETCH else "look" if last else ""
        notes.append(Note(sentence, {"count": count, "days": OLD_DAYS}, button))
    return notes
