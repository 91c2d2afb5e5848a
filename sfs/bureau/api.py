"""The JSON API under /api/v1: look-ups, services, state. Reading alone; `openapi.json` beside this describes it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from importlib.resources import files
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sfs.bureau.answer import Answer
from sfs.bureau.desk import Desk, Service
from sfs.bureau.lookups import Faults, LookUps
from sfs.bureau.page import name_of, rat_path
from sfs.bureau.query import MAX_SERVICES, MAX_URLS, Asked, Query, QueryError, parse_fields, read_url
from sfs.pics.safetyonline import rating_of_ratings
from sfs.pics.stored import StoredLabel
from sfs.pics.values import Span, Value

ROOT: Final = "/api/v1"
HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class Api:
    """The handlers, on one store."""

    desk: Desk
    look_ups: LookUps[Query, Answer]
    faults: Faults

    def routes(self) -> list[Route]:
        """All of them, as they stand in `openapi.json`."""
        return [
            Route(f"{ROOT}/labels", self.labels),
            Route(f"{ROOT}/services", self.services),
            Route(f"{ROOT}/status", self.status),
            Route(f"{ROOT}/openapi.json", self.description),
        ]

    async def labels(self, request: Request) -> Response:
        """The labels of `url`, by `service`."""
        try:
            asked, wanted = _read(request.scope["query_string"])
        except QueryError as fault:
            return _error(fault.status, fault.what, fault.mend)
        services = self._services(wanted)
        if isinstance(services, str):
            return _error(404, f"no such service: {services[:200]}", f"{ROOT}/services names those that are here")
        urls = [one.url for one in asked if one.url is not None]
        ids = [service.uri for service in services]
        try:
            rows = await self.look_ups.run(partial(self.desk.find, urls, ids, datetime.now(UTC)))
        except Exception as fault:
            self.faults.note("look-up", fault)
            return _error(503, "the labels cannot be read now", "try again later")
        each = [iter(row) for row in rows]
        results = []
        for one in asked:
            for uri, row in zip(ids, each, strict=True):
                results.append(_result(one, uri, next(row) if one.url is not None else None))
        return _json({"results": results})

    async def services(self, request: Request) -> Response:
        """The services of this bureau."""
        hosted = self.desk.kept()
        listed = [{"uri": one.uri, "name": name_of(one), "rat": rat_path(hosted, one)} for one in hosted.services]
        return _json({"services": listed})

    async def status(self, request: Request) -> Response:
        """Whether the labels can be read."""
        serial = await self.serial()
        count = len(self.desk.kept().services)
        found = {"status": "away" if serial is None else "ok", "serial": serial, "services": count}
        return _json(found, 503 if serial is None else 200)

    async def description(self, request: Request) -> Response:
        """`openapi.json`."""
        return Response(openapi_text(), media_type="application/json", headers=HEADERS)

    async def serial(self) -> int | None:
        """The serial of the last change; None where it cannot be read."""
        try:
            serial: int = await self.look_ups.run(self.desk.serial)
        except Exception as fault:
            self.faults.note("serial", fault)
            return None
        return serial

    def _services(self, wanted: list[str]) -> tuple[Service, ...] | str:
        """The services meant, or the first id that means none."""
        hosted = self.desk.kept()
        found: list[Service] = []
        for uri in wanted:
            service = hosted.find(uri)
            if service is None:
                return uri
            found.append(service)
        return tuple(dict.fromkeys(found)) if wanted else hosted.services


@cache
def openapi_text() -> str:
    """The description of the API."""
    return files("sfs.bureau").joinpath("openapi.json").read_text(encoding="utf-8")


def _read(raw: bytes) -> tuple[list[Asked], list[str]]:
    fields = parse_fields(raw, (b"url", b"service"), form=True)
    urls, services = fields[b"url"], fields[b"service"]
    if len(urls) > MAX_URLS or len(services) > MAX_SERVICES:
        raise QueryError(414, "too many URLs or services", f"at most {MAX_URLS} and {MAX_SERVICES} in one query")
    if not urls:
        raise QueryError(400, "no URL is asked for", "write ?url=https%3A%2F%2Fexample.com%2F")
    return [read_url(one) for one in urls], [one.decode("latin-1") for one in services]


def _result(asked: Asked, service: str, label: StoredLabel | None) -> Mapping[str, Any]:
    canonical = None if asked.url is None else asked.url.text
    return {
        "url": asked.text,
        "canonical": canonical,
        "service": service,
        "label": None if label is None else label_json(label),
    }


def label_json(label: StoredLabel) -> Mapping[str, Any]:
    """A label as the API gives it."""
    return {
        "for": label.for_,
        "generic": label.generic,
        "below": label.below,
        "ratings": {name: _value(value) for name, value in label.ratings},
        "rating": rating_of_ratings(label.service, dict(label.ratings)),
        "by": label.by,
        "on": None if label.on is None else label.on.isoformat(),
        "until": None if label.until is None else label.until.isoformat(),
        "comment": label.comment,
    }


def _value(value: Value) -> Any:
    if isinstance(value, float | int):
        return _number(value)
    return [[_number(one.low), _number(one.high)] if isinstance(one, Span) else _number(one) for one in value]


def _number(number: float) -> float:
    return int(number) if number == int(number) else number


def _json(value: object, status: int = 200) -> Response:
    body = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    return Response(body, status, HEADERS, media_type="application/json")


def _error(status: int, what: str, mend: str | None) -> Response:
    return _json({"error": what, "mend": mend}, status)
