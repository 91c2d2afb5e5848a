"""Requests that come back to us by way of another machine."""

import hashlib
import secrets
from collections.abc import Iterable
from typing import Final

AT_A_TIME: Final = 64  # marks that are made at once


class LoopGuard:
    """Knows a request that went through us before, also when another machine (a router's port forwarding) sent it back.

    Each mark is fresh, so that no server can follow a reader by it, and known again by its key. Workers of one port
    share the key. Only plain HTTP can loop this way: leave other requests unmarked (nginx, for one, stops compressing
    where it sees Via)."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)
        self._marks: list[str] = []

    def mark(self) -> str:
        """A value to add as one more Via field (RFC 9110, section 7.6.3)."""
        if not self._marks:  # some at a time, which takes a third of the time
            drawn = secrets.token_hex(6 * AT_A_TIME)
            nonces = [drawn[at : at + 12] for at in range(0, len(drawn), 12)]
            self._marks = [f"1.1 sfs-{nonce}{self._mac(nonce)}" for nonce in nonces]
        return self._marks.pop()

    def seen(self, fields: Iterable[str]) -> bool:
        """Whether one of the Via `fields` holds a mark of ours. The last 32 hops count: ours is never far from the end,
        so a client cannot hide it behind a long list of its own."""
        hops = [hop for field in fields for hop in field[-4096:].split(",")]
        return any(self._is_ours(hop.split()[1]) for hop in hops[-32:] if len(hop.split()) > 1)

    def _is_ours(self, by: str) -> bool:
        token = by.removeprefix("sfs-")
        if len(token) != 28 or token == by or not token.isascii():
            return False
        return secrets.compare_digest(token[12:], self._mac(token[:12]))

    def _mac(self, nonce: str) -> str:
        return hashlib.blake2b(nonce.encode(), key=self._key, digest_size=8).hexdigest()
