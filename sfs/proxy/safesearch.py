"""SafeSearch on the wire: a request that is seen is made to ask for filtered results before it goes upstream.

Connections that stay closed go to another address instead: see tunnels.py, and `Going.forced` in reach.py."""

from mitmproxy import http

from sfs.core.policy import Policy
from sfs.core.safesearch import Lock, Locks
from sfs.errors import UrlError
from sfs.proxy.facts import BadRequest, is_form
from sfs.text.url import Url, name_url


def lock_request(request: http.Request, url: Url, policy: Policy, locks: Locks) -> None:
    """Rewrite a request to a search engine or YouTube as the policy says; nothing else of it changes. BadRequest for
    a search form that is not here to be read: it could ask for anything."""
    lock = locks.lock(url, policy.safesearch, policy.youtube)
    if lock is None:
        return
    path, mark, query = request.data.path.partition(b"?")
    settled = lock.query(query if mark else None)
    request.data.path = path if settled is None else path + b"?" + settled
    for name, value, right in lock.headers:
        fields = request.headers.get_all(name)
        if len(fields) != 1 or fields[0] not in right:
            request.headers[name] = value
    _lock_cookies(request, lock)
    _lock_form(request, lock)


def forced_name(name: str, policy: Policy, locks: Locks, *, closed: bool) -> str | None:
    """The host to connect to in place of `name`, which may be spelled in any way; None for `name` itself."""
    try:
        host = name_url(name).host
    except UrlError:
        return None
    return locks.forced_host(host, policy.safesearch, policy.youtube, closed=closed)


def _lock_cookies(request: http.Request, lock: Lock) -> None:
    if not lock.cookies:
        return
    fields = [value for name, value in request.headers.fields if name.lower() == b"cookie"]
    settled = lock.cookie(fields)
    if settled != fields:
        others = tuple((name, value) for name, value in request.headers.fields if name.lower() != b"cookie")
        request.headers.fields = (*others, *((b"cookie", value) for value in settled))


def _lock_form(request: http.Request, lock: Lock) -> None:
    if not lock.params or request.method in ("GET", "HEAD") or not is_form(request):
        return
    body = request.raw_content
    if body is None or "content-encoding" in request.headers:
        if lock.searches:
            raise BadRequest("too-long")
        return
    settled = lock.query(body) or b""
    if settled != body:
        request.raw_content = settled
        if "transfer-encoding" not in request.headers:
            request.headers["content-length"] = str(len(settled))
