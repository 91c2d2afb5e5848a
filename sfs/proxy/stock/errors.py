"""The page of a request that no hook answers: a server that cannot be reached, a line that is no request.

Stock writes its own, in English, with what was said: a certificate's details, an inner address, or the bytes that a
server sent instead of an answer, which may be those of a page nobody judged. Ours says the same for all of a kind."""

from collections.abc import Callable

from mitmproxy import http
from mitmproxy.net.http import http1
from mitmproxy.proxy.layers.http import _base, _http1, _http2

from sfs.proxy.stock.lines import OTHER_VERSION

_stock_format = _base.format_error
make_page: Callable[[int, str], bytes] | None = None  # (status, what stock would have said) -> HTML


def set_page(make: Callable[[int, str], bytes]) -> None:
    """Have `make` write these pages. It must not raise, and must not repeat what it is told."""
    global make_page
    make_page = make


def error_body(status_code: int, message: str) -> bytes:
    """As stock's format_error; without the message."""
    return make_page(status_code, message) if make_page is not None else _stock_format(status_code, "")


def error_response(status_code: int, message: str = "") -> bytes:
    """As stock's make_error_response, which says 400 to a request in whatever version."""
    status_code = 505 if message == OTHER_VERSION else status_code
    headers = http.Headers(Connection="close", Content_Type="text/html; charset=utf-8", Cache_Control="no-store")
    answer: bytes = http1.assemble_response(http.Response.make(status_code, error_body(status_code, message), headers))
    return answer


def install() -> None:
    """Put ours in stock's place."""
    _http1.make_error_response = error_response
    _http1.format_error = error_body  # type: ignore[attr-defined]
    _http2.format_error = error_body  # type: ignore[attr-defined]
