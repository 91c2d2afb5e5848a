"""The application: PICS queries before everything else, then the routes of pages, API and figures."""

import contextlib
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from sfs.bureau.answer import Answer
from sfs.bureau.api import HEADERS, Api
from sfs.bureau.counts import TYPE, Counts
from sfs.bureau.desk import Desk, Hosted
from sfs.bureau.lookups import Faults, LookUps, StoreAway
from sfs.bureau.page import MAX_ADDRESS, Found, bureau_page
from sfs.bureau.query import Query, QueryError, parse_fields, read_url
from sfs.bureau.ratings import Gone, Ratings, read_body, send_text
from sfs.match.entry import is_bare_name
from sfs.pics.safetyonline import SERVICE, service_key
from sfs.sources.places import rules_dir
from sfs.web.answer import PageAnswer
from sfs.web.texts import Language, language_of

PATHS: Final = frozenset(("/", "/ratings", "/ratings/", "/bureau"))
OURS: Final = ("/api/", "/services/", "/healthz", "/metrics", "/look-up")
RAT: Final = "application/pics-service"


class App:
    """The ASGI application. Queries are answered at PATHS, and where the id of a hosted service has its path: that
    is where a client asks who knows nothing but the service (PICS Labels 1.1, "Label Bureau")."""

    def __init__(self, desk: Desk, look_ups: LookUps[Query, Answer], counts: Counts, faults: Faults) -> None:
        self._desk = desk
        self._counts = counts
        self._faults = faults
        self._look_ups = look_ups
        self._api = Api(desk, look_ups, faults)
        self._pages = Starlette(
            routes=[
                *self._api.routes(),
                Route("/healthz", self._health),
                Route("/metrics", self._metrics),
                Route("/services/{number:int}.rat", self._description),
                Route("/SafetyOnline2.rat", self._safetyonline),
                Route("/look-up", self._look_up, methods=["POST"]),
            ]
        )
        self._pages.router.redirect_slashes = False
        self._ratings = Ratings(desk, look_ups, counts, self._page)
        self._known: Hosted | None = None
        self._paths = PATHS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            if self._desk.is_due and not (scope["query_string"] and scope["path"] in self._query_paths()):
                with contextlib.suppress(StoreAway):  # a question has them read on its way
                    await self._look_ups.run(self._desk.hosted)
            if scope["path"] in self._query_paths():
                await self._ratings(scope, receive, send)
            else:
                await self._counted(scope, receive, send)
        except Exception as fault:
            self._faults.note("answer", fault)
            await send_text(send, 500, "something went wrong in the bureau\n")

    def _query_paths(self) -> frozenset[str]:
        hosted = self._desk.kept()
        if hosted is not self._known:
            of_services = (urlsplit(service.uri).path for service in hosted.services[:1000])
            self._paths = PATHS.union(path for path in of_services if path and not path.startswith(OURS))
            self._known = hosted
        return self._paths

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = perf_counter()

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._counts.request(_kind(scope["path"]), message["status"], perf_counter() - began)
            await send(message)

        await self._pages(scope, receive, counting)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        hosted = self._desk.kept()
        response = _response(bureau_page(_language(Request(scope)), hosted))
        self._counts.request("page", 200, 0)
        await response(scope, receive, send)

    async def _look_up(self, request: Request) -> Response:
        language, hosted = _language(request), self._desk.kept()
        try:
            body = await read_body(request.scope, request.receive, 4 * MAX_ADDRESS)
            typed = (parse_fields(body, (b"url",), form=True)[b"url"] or [b""])[0].strip()
        except (QueryError, Gone):
            return _response(bureau_page(language, hosted, problem="fault_url"))
        shown = typed.decode("utf-8", "replace")
        try:
            asked = read_url(b"http://" + typed if is_bare_name(shown) else typed)
        except QueryError:
            return _response(bureau_page(language, hosted, typed=shown, problem="fault_url"))
        ids = [service.uri for service in hosted.services[:50]]
        if asked.url is None:
            return _response(bureau_page(language, hosted, Found(asked.text, [None] * len(ids)), typed=shown))
        try:
            rows = await self._look_ups.run(partial(self._desk.find, [asked.url], ids, datetime.now(UTC)))
        except Exception as fault:
            self._faults.note("look-up", fault)
            return _response(bureau_page(language, hosted, typed=shown, problem="fault_away"))
        found = Found(asked.url.text, [row[0] for row in rows])
        return _response(bureau_page(language, hosted, found, typed=shown))

    async def _health(self, request: Request) -> Response:
        well = await self._api.serial() is not None
        return PlainTextResponse("ok\n" if well else "the labels cannot be read\n", 200 if well else 503, HEADERS)

    async def _metrics(self, request: Request) -> Response:
        return Response(self._counts.text(), headers={**HEADERS, "Content-Type": TYPE})

    async def _description(self, request: Request) -> Response:
        services = self._desk.kept().services
        number = request.path_params["number"]
        if not 1 <= number <= len(services):
            return PlainTextResponse("there is no such service here\n", 404, HEADERS)
        service = services[number - 1]
        if service.rat is not None:
            return Response(service.rat.encode(), headers={**HEADERS, "Content-Type": RAT})
        if service_key(service.uri) == service_key(SERVICE):
            return await self._safetyonline(request)
        return PlainTextResponse("this service has no description here\n", 404, HEADERS)

    async def _safetyonline(self, request: Request) -> Response:
        text = (rules_dir() / "ratings" / "SafetyOnline2.rat").read_bytes()
        return Response(text, headers={**HEADERS, "Content-Type": RAT})


def _kind(path: str) -> str:
    return "api" if path.startswith("/api/") else "page"


def _language(request: Request) -> Language:
    return language_of(request.headers.get("accept-language"))


def _response(answer: PageAnswer) -> Response:
    response = Response(answer.body, answer.status)
    for name, value in answer.headers:
        response.headers[name] = value
    return response
