"""Login, log out, setting the password by a link, one's own account, the language."""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from starlette.responses import Response

from sfs.admin.address import is_loopback
from sfs.admin.pages.common import fault_words, put
from sfs.core.levels import LEVELS
from sfs.errors import SfsError
from sfs.web.accounts import User, name_key
from sfs.web.cookies import A_YEAR, BEFORE, LANGUAGE, SESSION, drop_cookie, set_cookie
from sfs.web.passwords import MAX_LENGTH, MIN_LENGTH, AccountError
from sfs.web.permissions import Permission, may
from sfs.web.route import Message, Page, Visit
from sfs.web.sessions import Session, client_kind
from sfs.web.texts import LANGUAGES

LATER: Final = "later"  # the level of whoever presses Enter in the first form: it stays as it is
_LEVELS: Final = tuple(str(row.level) for row in LEVELS)
# A path of ours: one slash first (two, or a backslash, would be another host), visible ASCII.
_OWN_PATH: Final = re.compile(r"/(?:[!-.0-\[\]-~][!-\[\]-~]{0,2000})?")


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as the account page shows it; times as YYYY-MM-DD HH:MM of this machine."""

    client: str
    began: str
    seen: str
    this: bool


async def show_login(visit: Visit) -> Response:
    """The login form; whoever is logged in goes on."""
    if visit.user is not None:
        return visit.redirect(own_path(visit.query.get("next", "/")))
    said = "logged_out" if visit.query.get("said") == "out" else None
    return await _login_page(visit, 200, said=said, wanted=visit.query.get("next", "/"))


async def login(visit: Visit) -> Response:
    """A new session for name and password. 403 for wrong ones, 429 with Retry-After while they have to wait."""
    name, password = visit.field("name"), visit.form().get("password", "")
    account, wanted = name_key(name), visit.form().get("next", "/")
    wait = visit.door.throttle.charge(visit.address, account)
    if wait > 0:
        page = await _login_page(visit, 429, wait=wait, wanted=wanted, name=name)
        page.headers["Retry-After"] = str(math.ceil(wait))
        return page
    user = await visit.run(visit.door.accounts.check, name, password)
    if user is None:
        return await _login_page(visit, 403, fault="login_wrong", wanted=wanted, name=name)
    visit.door.throttle.forgive(visit.address, account)
    return await enter(visit, user, own_path(wanted), since=user.changed)


async def enter(visit: Visit, user: User, path: str, message: Message | None = None, *, since: int) -> Response:
    """Log `user` in with a token that nobody had before, end the session there was, and go to `path`. `since`: as
    Sessions.start says."""
    if visit.session is not None:
        await visit.run(visit.door.sessions.end, visit.session.id)
    kind = client_kind(visit.request.headers.get("user-agent", ""))
    said = message.write() if message else None
    token = await visit.run(visit.door.sessions.start, user, kind, said, since=since)
    response = visit.redirect(path)
    set_cookie(visit.request, response, SESSION, token)
    drop_cookie(visit.request, response, BEFORE)
    return response


async def logout(visit: Visit) -> Response:
    """End this session."""
    assert visit.session is not None
    await visit.run(visit.door.sessions.end, visit.session.id)
    return _gone(visit)


async def logout_everywhere(visit: Visit) -> Response:
    """End every session of the account."""
    assert visit.user is not None
    await visit.run(visit.door.sessions.end_all, visit.user)
    return _gone(visit)


async def show_setup(visit: Visit) -> Response:
    """The form for the password. Looking at it uses the link up no more than a preview in a chat does."""
    return await _setup_page(visit, 200)


async def setup(visit: Visit) -> Response:
    """Set the password, use the link up, log in."""
    password = visit.form().get("password", "")
    if password != visit.form().get("again", ""):
        return await _setup_page(visit, 422, "password_differs")
    try:
        user = await visit.run(visit.door.links.use, visit.request.path_params["link"], password)
    except AccountError as fault:
        return await _setup_page(visit, 422, fault.key.partition(".")[2])
    user = user or await _set_before(visit, password)
    if user is None:
        return await _setup_page(visit, 410)
    visit.door.throttle.forgive(visit.address, name_key(user.name))
    return await enter(visit, user, "/", await _begin(visit, user), since=user.changed)


async def _set_before(visit: Visit, password: str) -> User | None:
    """The account whose password the link has just set to this one: the form was sent twice, by a double click, and the
    browser shows what the second press gets."""
    name = await visit.run(visit.door.links.used_for, visit.request.path_params["link"])
    if name is None or visit.door.throttle.charge(visit.address, name_key(name)) > 0:
        return None
    return await visit.run(visit.door.accounts.check, name, password)


async def _begin(visit: Visit, user: User) -> Message:
    """What the first form sets beside the password: the level, and the lists where they are wanted."""
    level, control = visit.field("level", 5), visit.control
    # A link sets the password of any account; what else the form says is done for whoever may do it.
    if (level != LATER and level not in _LEVELS) or not may(user.role, Permission.LEVEL):
        return Message("admin-account.password_set")
    if visit.field("fetch", 3) == "yes" and may(user.role, Permission.LISTS):
        await visit.run(control.update_lists)
    if level == LATER:
        return Message("admin-account.setup_later")
    try:
        await visit.run(put, control, partial(control.changes.set_level, int(level), by=user.name))
    except SfsError as fault:
        return Message("admin-done.refused", {"what": fault_words(fault)})
    return Message("admin-account.setup_done")


async def show_account(visit: Visit) -> Response:
    """Password, sessions, log out everywhere."""
    return await _account_page(visit, 200)


async def change_password(visit: Visit) -> Response:
    """A new password: every other session ends, and this one gets a new token."""
    user, form = visit.user, visit.form()
    assert user is not None
    wait = visit.door.throttle.charge(visit.address, name_key(user.name))
    if wait > 0:
        page = await _account_page(visit, 429, wait=wait)
        page.headers["Retry-After"] = str(math.ceil(wait))
        return page
    checked = await visit.run(visit.door.accounts.check, user.name, form.get("current", ""))
    if checked is None:
        return await _account_page(visit, 403, "current_wrong")
    visit.door.throttle.forgive(visit.address, name_key(user.name))
    if form.get("password", "") != form.get("again", ""):
        return await _account_page(visit, 422, "password_differs")
    try:
        new = partial(visit.door.accounts.set_password, since=checked.changed)
        since = await visit.run(new, checked, form.get("password", ""))
    except AccountError as fault:
        return await _account_page(visit, 422, fault.key.partition(".")[2])
    return await enter(visit, user, "/account", Message("admin-account.password_changed"), since=since)


async def choose_language(visit: Visit) -> Response:
    """Keep the language in a cookie of a year, and go back."""
    response = visit.redirect(own_path(visit.form().get("back", "/")))
    language = visit.field("language")
    if language in LANGUAGES:
        set_cookie(visit.request, response, LANGUAGE, language, A_YEAR)
    return response


def own_path(text: str) -> str:
    """`text` where it is a path of ours that may be redirected to, else "/"."""
    return text if _OWN_PATH.fullmatch(text) else "/"


def _gone(visit: Visit) -> Response:
    response = visit.redirect("/login?said=out")
    drop_cookie(visit.request, response, SESSION)
    return response


async def _login_page(
    visit: Visit,
    status: int,
    *,
    said: str | None = None,
    fault: str | None = None,
    wait: float = 0.0,
    wanted: str = "/",
    name: str = "",
) -> Response:
    # A household has one account: its name is no secret, and nobody there should have to remember it.
    only = await visit.run(visit.door.accounts.only)
    ready = only is not None or await visit.run(visit.door.accounts.has_administrator)
    return visit.render(
        "login.html",
        status,
        only=only.name if only else None,
        ready=ready,
        said=said,
        fault=fault,
        wait=_wait(visit, wait),
        wanted=own_path(wanted),
        name=name[:MAX_LENGTH],
        command=_link_command(visit),
    )


async def _setup_page(visit: Visit, status: int, fault: str | None = None) -> Response:
    link = await visit.run(visit.door.links.look, visit.request.path_params["link"])
    if link is None:
        over = "admin-account.link_over"
        return visit.render("message.html", 410, title=over, text=f"{over}_text", command=_link_command(visit))
    chosen = visit.field("level", 5)
    return visit.render(
        "setup.html",
        status,
        link=link,
        fault=fault,
        levels=[int(level) for level in _LEVELS] if link.purpose == "setup" else (),
        level=int(chosen) if chosen in _LEVELS else None,  # what was chosen before a fault is kept
        fetch=not visit.form() or visit.field("fetch", 3) == "yes",
        later=LATER,
        shortest=MIN_LENGTH,
        longest=MAX_LENGTH,
    )


async def _account_page(visit: Visit, status: int, fault: str | None = None, wait: float = 0.0) -> Response:
    assert visit.user is not None and visit.session is not None
    sessions = await visit.run(visit.door.sessions.of, visit.user)
    return visit.render(
        "password.html",
        status,
        sessions=[_row(session, visit.session) for session in sessions],
        fault=fault,
        wait=_wait(visit, wait),
        shortest=MIN_LENGTH,
        longest=MAX_LENGTH,
    )


def _link_command(visit: Visit) -> str:
    """What to type for a new link. Where things lie on this machine is told on this machine alone."""
    return visit.control.link_command() if is_loopback(visit.address) else "sfs admin link"


def _row(session: Session, this: Session) -> SessionRow:
    return SessionRow(session.client, _time(session.created), _time(session.seen), session.id == this.id)


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


def _wait(visit: Visit, seconds: float) -> str | None:
    """How long to wait, in a sentence; None for no wait."""
    if seconds <= 0:
        return None
    if seconds < 90:
        return visit.texts.html("admin-account.wait_seconds", count=math.ceil(seconds))
    return visit.texts.html("admin-account.wait_minutes", count=math.ceil(seconds / 60))


PAGES: Final = (
    Page("/login", show_login, needs=None),
    Page("/login", login, methods=("POST",), needs=None),
    Page("/setup/{link}", show_setup, needs=None),
    Page("/setup/{link}", setup, methods=("POST",), needs=None),
    Page("/language", choose_language, methods=("POST",), needs=None),
    Page("/logout", logout, methods=("POST",), needs=Permission.ACCOUNT),
    Page("/logout/everywhere", logout_everywhere, methods=("POST",), needs=Permission.ACCOUNT),
    Page("/account", show_account, needs=Permission.ACCOUNT, menu="admin-account.menu"),
    Page("/account/password", change_password, methods=("POST",), needs=Permission.ACCOUNT),
)
