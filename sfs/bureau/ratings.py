"""The PICS bureau itself as an ASGI function: GET, HEAD and POST with a query. It stands before all routing, since it
answers thousands of questions a second."""

from time import perf_counter
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from sfs.bureau.answer import Answer
from sfs.bureau.counts import Counts
from sfs.bureau.desk import Desk, away_answer
from sfs.bureau.lookups import LookUps, StoreAway
from sfs.bureau.query import MAX_QUERY, Query, QueryError, parse_query

MAX_DRAIN: Final = 1_048_576  # bytes of a body too long that are still taken, so that its sender reads why
TYPE: Final = (b"content-type", b"application/pics-labels")
PLAIN: Final = (b"content-type", b"text/plain; charset=utf-8")
NO_STORE: Final = (b"cache-control", b"no-store")
NO_SNIFF: Final = (b"x-content-type-options", b"nosniff")
METHODS: Final = "GET, HEAD, POST"


class Gone(Exception):
    """The client went away before it had said everything."""


class Ratings:
    """Answers queries; what has none goes to `page`."""

    def __init__(self, desk: Desk, look_ups: LookUps[Query, Answer], counts: Counts, page: ASGIApp) -> None:
        self._desk = desk
        self._look_ups = look_ups
        self._counts = counts
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = perf_counter()
        method = scope["method"]
        if method not in ("GET", "HEAD", "POST"):
            await send_text(send, 405, f"a bureau is asked by {METHODS}\n", (b"allow", METHODS.encode()))
            self._counts.request("ratings", 405, perf_counter() - began)
            return
        if method != "POST" and not scope["query_string"]:
            await self._page(scope, receive, send)
            return
        status = await self._answer(scope, receive, send)
        if status:
            self._counts.request("ratings", status, perf_counter() - began)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Send the answer; its status, 0 where nobody waits for it any more."""
        try:
            if scope["method"] == "POST":
                query = parse_query(await read_body(scope, receive), form=True)
            else:
                query = parse_query(scope["query_string"])
        except QueryError as fault:
            # The rest of a body that was too long may still be coming.
            more = ((b"connection", b"close"),) if fault.status == 413 else ()
            await send_text(send, fault.status, f"{fault}\n", *more)
            return fault.status
        except Gone:
            return 0
        answer = await self._look_up(query)
        self._counts.answer(answer, len(query.urls))
        body = answer.text.encode("ascii")
        keep = NO_STORE if answer.away else (b"cache-control", b"max-age=%d" % answer.max_age)
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": 200, "headers": [TYPE, length, keep, NO_SNIFF]})
        await send({"type": "http.response.body", "body": body})
        return 200

    async def _look_up(self, query: Query) -> Answer:
        try:
            return await self._look_ups.ask(query)
        except StoreAway:
            return away_answer(query, self._desk.kept())


async def read_body(scope: Scope, receive: Receive, limit: int = MAX_QUERY) -> bytes:
    """The whole body. QueryError 413 where it is longer than `limit`, Gone where it does not come to its end."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Gone
        part = message.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
        if not message.get("more_body", False) or size > MAX_DRAIN:
            break
    if size > limit:
        raise QueryError(413, "the body is too long", f"send at most {limit} bytes, in several queries")
    return b"".join(parts)


async def send_text(send: Send, status: int, text: str, *more: tuple[bytes, bytes]) -> None:
    """An answer in words."""
    body = text.encode()
    headers = [PLAIN, (b"content-length", b"%d" % len(body)), NO_STORE, NO_SNIFF, *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
