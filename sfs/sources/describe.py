"""The configuration in words: every key with its value and where that came from, for `sfs check`."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from sfs.sources.config import Config
from sfs.sources.settings import SETTINGS, Kind, Setting

MAX_ITEMS: Final = 5  # of a list that are written out; more are counted
_ITEMS: Final[Mapping[str, Callable[[Any], str]]] = {
    "allow": lambda item: item.entry.text + (" (search words skipped)" if item.mark else ""),
    "block": lambda item: item.entry.text + (" (final)" if item.mark else ""),
    "companions": lambda item: item.entry.text,
    "never_decrypt": lambda item: item.entry.text,
    "ratings": lambda item: f"{item.entry.text}: {item.rating}",
    "lists": lambda item: item.name,
    "groups": lambda item: item.name,
    "bureaus": lambda item: f"{item.url} ({item.ask})",
    "reach": str,
    "front": str,
}


def describe(config: Config) -> list[tuple[str, str, str]]:
    """(key, value in words, origin) of every key in the order of the table. Keywords are counted, never shown."""
    return [(one.name, _shown(one, config.effective(one.name)), config.origin(one.name)) for one in SETTINGS]


def duration_text(time: timedelta) -> str:
    """A time in the largest unit that holds it a whole number of times, as it can be written in a configuration."""
    seconds = int(time.total_seconds())
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds and seconds % size == 0:
            number = seconds // size
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def _shown(one: Setting, value: Any) -> str:
    if value is None:
        return "by level" if one.by_level else "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return duration_text(value)
    if not isinstance(value, tuple):
        return str(value)
    shipped = " and rules/never-decrypt.txt" if one.name == "never_decrypt" else ""
    if one.kind is Kind.KEYWORDS and value:
        return f"{sum(not rule.guard for rule in value)} words"
    return _list_text(one, value) + shipped


def _list_text(one: Setting, items: tuple[Any, ...]) -> str:
    if not items:
        return "none"
    text = ", ".join(map(_ITEMS[one.name], items[:MAX_ITEMS]))
    more = len(items) - MAX_ITEMS
    return f"{text} and {more} more" if more > 0 else text
