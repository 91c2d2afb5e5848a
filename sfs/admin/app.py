"""The application of the admin pages: what happens around every handler, in one place and one order.

Host, length, method, origin    sfs/web/guard.py
session -> permission -> form -> CSRF token -> handler -> message and cookies        here
"""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sfs.errors import SfsError
from sfs.sources.control import Control
from sfs.web.accounts import User
from sfs.web.answer import clean
from sfs.web.cookies import BEFORE, LANGUAGE, SESSION, cookie, drop_cookie, set_cookie
from sfs.web.door import Door
from sfs.web.forms import FormError, parse_fields, read_form
from sfs.web.guard import SAFE, Guard, Hosts
from sfs.web.permissions import may
from sfs.web.route import CSRF_FIELD, METHODS, MenuItem, Message, Page, Redirect, Visit
from sfs.web.sessions import Session
from sfs.web.texts import Texts, language_of, texts_for
from sfs.web.tokens import csrf_of, is_token, new_token, same

log = logging.getLogger(__name__)

# The only paths that need no login: whoever adds one says why here.
OPEN_PATHS: Final = frozenset(
    (
        "/login",
        "/setup/{link}",  # the link is the proof
        "/language",  # a login page must be readable first; sets a cookie, nothing else
    )
)
LOGIN: Final = "/login"


def make_app(control: Control, door: Door, pages: Sequence[Page], hosts: Hosts) -> Guard:
    """The ASGI application with `pages`. SfsError for a page that does not say who may see it, or stands twice."""
    check_pages(pages)
    desk = _Desk(control, door, tuple(pages))
    routes = [Route(page.path, desk.endpoint(page), methods=list(page.methods)) for page in pages]
    missing = Page("/{rest:path}", _missing, methods=METHODS, needs=None)
    routes.append(Route(missing.path, desk.endpoint(missing), methods=list(METHODS)))
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    # Around everything, Starlette's own answers too.
    return Guard(app, hosts)


def check_pages(pages: Sequence[Page]) -> None:
    """SfsError for the first page that is open and not in OPEN_PATHS, has an unknown method, or stands twice."""
    seen: set[tuple[str, str]] = set()
    for page in pages:
        if page.needs is None and page.path not in OPEN_PATHS:
            raise SfsError(f"the page {page.path} names no permission", mend="write needs=Permission.X")
        if not page.methods or not set(page.methods) <= set(METHODS):
            raise SfsError(f"the page {page.path} has the methods {page.methods}", mend="write GET, POST or both")
        for method in page.methods:
            if (page.path, method) in seen:
                raise SfsError(f"the page {page.path} stands twice for {method}", mend="leave one out")
            seen.add((page.path, method))


async def _missing(visit: Visit) -> Response:
    return visit.render("message.html", 404, title="admin-account.missing", text="admin-account.missing_text")


@dataclass(frozen=True, slots=True)
class _Comer:
    """Who sends a request: a session with its account, or a browser before the login. `token`: what its forms are
    bound to; `fresh`: made just now, so that the browser has yet to get it."""

    session: Session | None
    user: User | None
    token: str
    fresh: bool


class _Desk:
    def __init__(self, control: Control, door: Door, pages: Sequence[Page]) -> None:
        self._control = control
        self._door = door
        self._menu = tuple((page, page.menu) for page in pages if page.menu is not None)

    def endpoint(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """The function that Starlette calls for `page`."""

        async def serve(request: Request) -> Response:
            try:
                comer = await self._comer(request)
                response = await self._safely(page, request, comer)
            except Exception as fault:  # the accounts cannot be read, or not even a page of ours can be drawn
                _note(page, fault)
                return PlainTextResponse("Something went wrong in the filter. It filters as before.\n", 500)
            if comer.fresh:
                set_cookie(request, response, BEFORE, comer.token)
            return response

        return serve

    async def _comer(self, request: Request) -> _Comer:
        token = cookie(request, SESSION)
        if is_token(token):
            found = await asyncio.to_thread(self._door.sessions.find, token)
            if found is not None:
                return _Comer(*found, token, fresh=False)
        before = cookie(request, BEFORE)
        if is_token(before):
            return _Comer(None, None, before, fresh=False)
        return _Comer(None, None, new_token(), fresh=True)

    async def _safely(self, page: Page, request: Request, comer: _Comer) -> Response:
        """The answer, and a page in plain words for whatever goes wrong."""
        try:
            return await self._answer(page, request, comer)
        except FormError as fault:
            return self._message(request, comer, fault.status, "form_bad")
        except SfsError as fault:
            return self._message(request, comer, 422, "failed", clean(fault.what, 300))
        except Exception as fault:
            _note(page, fault)
            return self._message(request, comer, 500, "internal")

    async def _answer(self, page: Page, request: Request, comer: _Comer) -> Response:
        if page.needs is not None:
            if comer.user is None:
                return _to_login(request)
            if not may(comer.user.role, page.needs):
                return self._message(request, comer, 403, "forbidden")
        fields = {} if request.method in SAFE else await read_form(request)
        if request.method not in SAFE and (comer.fresh or not same(fields.get(CSRF_FIELD, ""), csrf_of(comer.token))):
            return self._message(request, comer, 403, "csrf")
        visit = self._visit(request, comer, fields, parse_fields(request.url.query))
        response = await page.handler(visit)
        await self._keep_message(visit, response)
        return response

    async def _keep_message(self, visit: Visit, response: Response) -> None:
        """Keep what the next page is to say, or forget what this one has said."""
        if visit.session is None:
            return
        if isinstance(response, Redirect) and response.message is not None:
            await visit.run(self._door.sessions.leave, visit.session.id, response.message.write())
        elif visit.message is not None and visit.request.method == "GET" and response.status_code < 300:
            await visit.run(self._door.sessions.leave, visit.session.id, None)

    def _visit(self, request: Request, comer: _Comer, fields: Mapping[str, str], query: Mapping[str, str]) -> Visit:
        kept = comer.session.message if comer.session else None
        return Visit(
            request=request,
            control=self._control,
            door=self._door,
            texts=self._texts(request),
            user=comer.user,
            session=comer.session,
            csrf=csrf_of(comer.token),
            query=query,
            fields=fields,
            message=Message.parse(kept) if kept else None,
            menu=self._menu_of(request, comer.user),
        )

    def _message(self, request: Request, comer: _Comer, status: int, key: str, fault: str = "") -> Response:
        """A page of one sentence: `admin-account.<key>` over `admin-account.<key>_text`."""
        visit = self._visit(request, comer, {}, {})
        title, text = f"admin-account.{key}", f"admin-account.{key}_text"
        return visit.render("message.html", status, title=title, text=text, fault=fault)

    def _texts(self, request: Request) -> Texts:
        chosen = cookie(request, LANGUAGE) or str(self._control.live.filter.config.language)
        return texts_for(language_of(request.headers.get("accept-language"), chosen))

    def _menu_of(self, request: Request, user: User | None) -> tuple[MenuItem, ...]:
        path = request.url.path
        return tuple(
            MenuItem(page.path, key, path == page.path or (page.path != "/" and path.startswith(page.path + "/")))
            for page, key in self._menu
            if user is not None and page.needs is not None and may(user.role, page.needs)
        )


def _note(page: Page, fault: Exception) -> None:
    """One line for the log. Types and places only: a value may hold a host, or a password."""
    place = traceback.extract_tb(fault.__traceback__)[-1]
    log.error("page %s: %s at %s:%s", page.path, type(fault).__name__, place.filename, place.lineno)


def _to_login(request: Request) -> Response:
    """303 to the login, which leads back to a page that was asked for; a form that was sent has to be sent again."""
    path, query = request.url.path, request.url.query
    wanted = (path + (f"?{query}" if query else "")) if request.method in SAFE else "/"
    response = Redirect(LOGIN if wanted == "/" else f"{LOGIN}?{urlencode({'next': wanted})}", None)
    if cookie(request, SESSION):
        drop_cookie(request, response, SESSION)
    return response
