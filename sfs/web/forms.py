"""A form that was sent, with every bound kept. Files are not taken: no page has a use for them."""

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from sfs.errors import SfsError

MAX_BODY: Final = 65_536  # bytes
MAX_FIELDS: Final = 50
MAX_SECONDS: Final = 10.0  # for the whole body: a form is typed before it is sent
FORM: Final = "application/x-www-form-urlencoded"


class FormError(SfsError):
    """A body that is not read. `status`: the HTTP status that says so."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status = status


async def read_form(request: Request) -> Mapping[str, str]:
    """The first value of each field. FormError: 413 too large, 408 too slow, 415 another type, 400 not a form."""
    body = await _body(request)
    if not body:
        return {}
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise FormError(415, "only forms are read here")
    return parse_fields(body.decode("latin-1"))


def parse_fields(text: str) -> Mapping[str, str]:
    """The fields of a form or a query, `+` and %XX decoded as UTF-8, what is no UTF-8 as U+FFFD. FormError 400 where
    there are more than MAX_FIELDS."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise FormError(400, f"the form has more than {MAX_FIELDS} fields") from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return fields


async def _body(request: Request) -> bytes:
    declared = request.headers.get("content-length", "0")
    if len(declared) > 12 or not declared.isdecimal() or int(declared) > MAX_BODY:
        raise FormError(413, f"the form has more than {MAX_BODY} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(MAX_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > MAX_BODY:
                    raise FormError(413, f"the form has more than {MAX_BODY} bytes")
    except TimeoutError:
        raise FormError(408, "the form did not arrive in time") from None
    except ClientDisconnect:
        raise FormError(400, "the form was cut off") from None
    return bytes(body)
