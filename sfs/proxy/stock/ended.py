"""A connection that is over leaves memory at once. Its layers, what was read and what TLS keeps of it refer to each
other, some 250 KB together: they would stay until the garbage collector comes by, and thousands of readers who close
their browsers and open them again would take the room of both."""

from typing import Any, Final

from mitmproxy.proxy import commands, context, events, layer

_KINDS: Final = (layer.Layer, context.Context)
_MANY: Final = (list, tuple, set)


class Over:
    """In the place of the layers of a connection that is over: nothing comes of what still happens."""

    def handle_event(self, _: events.Event) -> tuple[commands.Command, ...]:
        """No command."""
        return ()


async def nothing() -> None:
    """In the place of what a watchdog would do."""


def forget(top: layer.Layer) -> None:
    """Have a layer, and all layers that it refers to, refer to nothing. None of them can be used after that."""
    left: list[Any] = [top]
    seen = {id(top)}
    while left:
        held: dict[str, Any] = left.pop().__dict__
        for found in [one for value in held.values() for one in _within(value)]:
            if id(found) not in seen:
                seen.add(id(found))
                left.append(found)
        held.clear()


def _within(value: Any) -> list[Any]:
    """The layers and contexts among a value and what it has."""
    if isinstance(value, _KINDS):
        return [value]
    if isinstance(value, dict):
        return [one for pair in value.items() for one in pair if isinstance(one, _KINDS)]
    return [one for one in value if isinstance(one, _KINDS)] if isinstance(value, _MANY) else []
