"""What two processes know of devices, put together: workers tell each other, and while one program takes over from
another (proxy/handover.py) both write the same file. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from sfs.sources.trust_file import AGAIN_AFTER, MAX_CLIENTS, MAX_PINS, MAX_WATCHED, Known, row_of


def merged(base: Mapping[str, Known], mine: Mapping[str, Known], theirs: Mapping[str, Known]) -> dict[str, Known]:
    """All clients, where both began by `base`. Who changed a client is right; where both did, of each thing the newer.
    One that either has forgotten is not known any more."""
    found: dict[str, Known] = {}
    for name in [*mine, *(name for name in theirs if name not in mine)]:
        known = _one(name, base.get(name), mine.get(name), theirs.get(name))
        if known is not None and len(found) < MAX_CLIENTS:
            found[name] = known
    return found


def _one(name: str, base: Known | None, mine: Known | None, theirs: Known | None) -> Known | None:
    if mine is None or theirs is None:
        return None if base is not None else mine or theirs
    if base is not None and row_of(name, mine) == row_of(name, base):  # what is in no file is mine to keep
        return replace(theirs, refusals=mine.refusals, silences=mine.silences)
    return mine if base is not None and row_of(name, theirs) == row_of(name, base) else both(mine, theirs)


def both(one: Known, other: Known) -> Known:
    """What two processes know of a client, where each may have missed something."""
    newer = other if _changed(other) > _changed(one) else one
    refused = {host: at for at, host in sorted((*one.refusals, *other.refusals))}  # the last of each
    silences = {**one.silences}
    for host, times in other.silences.items():
        silences[host] = max(silences.get(host, []), times, key=len)
    pins = {host: max(one.pins.get(host, pin), pin) for host, pin in (one.pins | other.pins).items()}
    return replace(
        newer,
        seen=max(one.seen, other.seen),
        pins=_last(dict(sorted(pins.items(), key=lambda item: (item[1], item[0]))), MAX_PINS),  # the oldest goes
        refusals=sorted((at, host) for host, at in refused.items()),
        silences=_last(silences, MAX_WATCHED),
    )


def _last[Value](values: dict[str, Value], most: int) -> dict[str, Value]:
    return dict(list(values.items())[-most:])


def _changed(known: Known) -> float:
    """When it began or ceased to be trusted."""
    return max(known.since or 0.0, known.lost or 0.0, known.wait - AGAIN_AFTER)
