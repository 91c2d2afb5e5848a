"""Pauses: times until which nothing is filtered but what is dangerous or forbidden. Written by the page."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sfs.errors import SfsError
from sfs.sources.values import Reader, each, fields_of, name_of, text_of
from sfs.sources.yaml_nodes import MapNode, Node

_KEYS: Final = ("until", "group")


@dataclass(frozen=True, slots=True)
class Pause:
    """`until`: UTC. `group`: whose pause it is; None for everybody."""

    until: datetime
    group: str | None = None


def pauses_of(node: Node, reader: Reader) -> tuple[Pause, ...]:
    """The rows of `pauses`, each {until: 2026-04-01T21:30:00+09:00, group: NAME}."""
    return each(node, reader, "a list of pauses", lambda item: _pause(item, reader))


def _pause(node: Node, reader: Reader) -> Pause:
    mend = 'write {until: "2026-04-01T21:30:00+09:00"}, with the zone'
    if not isinstance(node, MapNode):
        raise SfsError("a pause is a mapping", node.where, mend)
    fields = fields_of(node, reader, _KEYS, "a pause")
    if "until" not in fields:
        raise SfsError("a pause that does not end", node.where, mend)
    text = text_of(fields["until"], "a time")
    try:
        until = datetime.fromisoformat(text)
        if until.tzinfo is None:
            raise ValueError
        until = until.astimezone(UTC)
    except (ValueError, OverflowError):
        raise SfsError(f"{text[:80]!r} is not a time with its zone", fields["until"].where, mend) from None
    return Pause(until, name_of(fields["group"], "a name") if "group" in fields else None)
