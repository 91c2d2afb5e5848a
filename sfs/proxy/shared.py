"""What the processes that serve one port tell each other: names refused for /why, runs of the self-check, what devices
proved. `sfs run` alone has nobody to tell; with `--workers` workers/member.py tells the others (design: each keeps the
whole, and what one learns it tells at once)."""

import hashlib
import secrets
from collections.abc import Callable
from typing import Any

from sfs.proxy.figures import Figures

type Take = Callable[..., None]


class Shared:
    """One process alone. `key`: what all that serve one port have in common, made before they are forked. `figures`:
    what is counted here."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)
        self._takes: dict[str, Take] = {}
        self.figures = Figures()

    def key(self, use: str) -> bytes:
        """32 bytes for one use (at most 16 letters): what one worker signed with them another one knows."""
        return hashlib.blake2b(key=self._key, person=use.encode(), digest_size=32).digest()

    def on(self, kind: str, take: Take) -> None:
        """Have `take(*values)` called, on the loop, with what others tell under `kind`."""
        self._takes[kind] = take

    def tell(self, kind: str, *values: Any) -> None:
        """Tell the others; values are what JSON has. From any thread; comes back at once."""

    async def settled(self) -> None:
        """Wait until the others know what was told here, and what they told before is known here; a second at most."""
