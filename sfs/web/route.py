"""What a page of the administrator is written against: `Page` says where it stands and who may see it, its handler
gets a `Visit` and gives back a response.

    async def show(visit: Visit) -> Response:
        state = await visit.run(visit.control.lists)            # whatever reads a disk: in a thread
        return visit.render("lists.html", state=state)

    async def allow(visit: Visit) -> Response:
        try:
            await visit.run(partial(visit.control.changes.allow, visit.field("site"), by=visit.by))
        except SfsError as fault:
            return visit.render("sites.html", status=422, fault=fault.what, typed=visit.field("site"))
        return visit.redirect("/sites", "admin-sites.allowed", site=visit.field("site"))

    PAGES = (
        Page("/lists", show, needs=Permission.STATE, menu="admin-lists.menu"),
        Page("/sites/allow", allow, methods=("POST",), needs=Permission.SITES),
    )

Before a handler runs, the app has checked: the Host field, the session, the permission, and for POST where the request
comes from and its CSRF token. So a form needs only `{{ csrf_field }}` inside `<form method="post">`; a GET changes
nothing. Templates stand in `templates/admin/` and begin with `{% extends "admin/base.html" %}`; no script and no
`style=` attribute works there (the policy of the pages forbids both), classes come from the `.css` files beside them.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sfs.errors import SfsError
from sfs.web.answer import clean
from sfs.web.permissions import Permission, may
from sfs.web.screens import render
from sfs.web.texts import Texts

if TYPE_CHECKING:
    from sfs.sources.control import Control
    from sfs.web.accounts import User
    from sfs.web.door import Door
    from sfs.web.sessions import Session

METHODS: Final = ("GET", "POST")
MAX_VALUE: Final = 200  # characters of a value in a message that is kept for the next page
CSRF_FIELD: Final = "csrf"

Handler = Callable[["Visit"], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """A place on the admin address. `path` as Starlette writes it (`/reports/{number:int}`); HEAD comes with GET.
    `needs`: the permission that opens it; None only for the pages of OPEN_PATHS (app.py), so it is always said.
    `menu`: key of its name in the menu of every page; None: not in the menu."""

    path: str
    handler: Handler
    methods: tuple[str, ...] = ("GET",)
    needs: Permission | None = field(kw_only=True)
    menu: str | None = None


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A line of the menu: path, key of its name, whether it is the page that is shown."""

    path: str
    key: str
    here: bool


class Button(NamedTuple):
    """The button of a message: path of a POST, key of its label; `change`: what the POST is to be about, where it is
    about one change."""

    path: str
    key: str
    change: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence for the next page that is shown: a key of the catalogue and its values, and a button."""

    key: str
    values: Mapping[str, str] = field(default_factory=dict)
    button: Button | None = None

    def write(self) -> str:
        """The message as text, to be kept in the session."""
        return json.dumps([self.key, dict(self.values), self.button])

    @classmethod
    def parse(cls, text: str) -> "Message | None":
        """The message that `write` wrote; None for anything else."""
        try:
            key, values, button = json.loads(text)
            return cls(
                str(key), {str(k): str(v) for k, v in values.items()}, Button(*map(str, button)) if button else None
            )
        except (ValueError, TypeError, AttributeError, IndexError, KeyError):
            return None


class Redirect(RedirectResponse):
    """303 to another page of ours, with the message that page is to show."""

    def __init__(self, path: str, message: Message | None) -> None:
        super().__init__(path, status_code=303)
        self.message = message


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, after all checks. `user` and `session` are None only on pages that need no login. `csrf`: the token
    for forms. `query`: the values of the address, `form()`: those of the form; both single values, bounded."""

    request: Request
    control: "Control"
    door: "Door"
    texts: Texts
    user: "User | None"
    session: "Session | None"
    csrf: str
    query: Mapping[str, str]
    fields: Mapping[str, str]
    message: Message | None = None
    menu: Sequence[MenuItem] = ()

    def form(self) -> Mapping[str, str]:
        """The fields of the form that was sent, the first value of each name; at most 64 KiB and 50 fields."""
        return self.fields

    def field(self, name: str, limit: int = 2500) -> str:
        """One field of the form without white space around it, at most `limit` characters; "" where it is missing."""
        return self.fields.get(name, "")[:limit].strip()

    @property
    def address(self) -> str:
        """The client's IP address; "" where it is not known."""
        return self.request.client.host if self.request.client else ""

    @property
    def by(self) -> str:
        """Who acts, for the history of changes: the name of the account; "" without login."""
        return self.user.name if self.user else ""

    @property
    def here(self) -> str:
        """Path and query of this page, to come back to; "/" after a POST, whose path may show nothing by itself."""
        if self.request.method == "POST":
            return "/"
        query = self.request.url.query
        return self.request.url.path + (f"?{query}" if query else "")

    @property
    def secure(self) -> bool:
        """Whether the request came over TLS."""
        return self.request.url.scheme == "https"

    def may(self, permission: str) -> bool:
        """Whether who is logged in has `permission`; templates use it to leave out what cannot be done."""
        return self.user is not None and may(self.user.role, Permission(permission))

    async def run[**P, T](self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` gives back, called in a thread: for files, databases, hashing."""
        return await asyncio.to_thread(function, *args, **kwargs)

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """The page `templates/admin/<template>`. It knows `values`; `t` (a sentence as HTML), `p` (as plain text, for
        attributes), `ls` (a list of sentences), `lang`; `csrf_field`, `user`, `may`, `menu`, `message`, `path`."""
        shown = {
            "here": self.here,
            "csrf_field": Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, self.csrf),
            "user": self.user,
            "may": self.may,
            "menu": self.menu,
            "message": self._sentence(),
            "message_button": self.message.button if self.message else None,
            "path": self.request.url.path,
        }
        body = render(template, self.texts, **(shown | values))
        headers = {"Content-Language": self.texts.language, "Vary": "Accept-Language, Cookie"}
        return Response(body, status, headers, media_type="text/html; charset=utf-8")

    def redirect(
        self, path: str, message_key: str | None = None, button: Button | None = None, **values: object
    ) -> Redirect:
        """303 to `path`, a path of ours. The sentence `message_key` with `values` is shown once on the next page, with
        a `button` where one is given, as for undo. SfsError for an unknown key."""
        if message_key is None:
            return Redirect(path, None)
        kept = {name: clean(str(value), MAX_VALUE) for name, value in values.items()}
        message = Message(message_key, kept, button)
        self.texts.html(message.key, **kept)  # a fault of ours shows here, not on the next page
        return Redirect(path, message)

    def _sentence(self) -> Markup | None:
        """The message in words; None for one that the catalogue does not know (written by another version)."""
        if self.message is None:
            return None
        try:
            return self.texts.html(self.message.key, **self.message.values)
        except SfsError:
            return None
