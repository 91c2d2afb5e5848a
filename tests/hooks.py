"""A hook of the addon as mitmproxy calls it: plain, with something to await where it has to wait."""

from collections.abc import Awaitable, Callable


async def ran[T](hook: Callable[[T], Awaitable[None] | None], flow: T) -> None:
    """Call the hook and await what it waits for."""
    waits = hook(flow)
    if waits is not None:
        await waits
