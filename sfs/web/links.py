"""One-time links that set a password: the first one of a household, or a forgotten one."""

import time
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from sfs.web.accounts import (
    FIRST_NAME,
    Clock,
    User,
    administrators,
    insert_user,
    replace_password,
    user_of,
)
from sfs.web.passwords import AccountError, check_password, hash_password
from sfs.web.permissions import Role
from sfs.web.store import LINKS, USERS
from sfs.web.tokens import hashed, is_link, new_link

LASTS: Final = 30 * 60  # seconds
SETUP: Final = "setup"  # sets the password of the first administrator
RESET: Final = "reset"  # sets a new password of an account


@dataclass(frozen=True, slots=True)
class Link:
    """A link that still works: what for, the name of the account, until when (seconds since 1970)."""

    purpose: str
    name: str
    expires: int


class Links:
    """The table of links. The text of a link is given out once and never kept, only its hash."""

    def __init__(self, engine: Engine, clock: Clock = time.time) -> None:
        self._engine = engine
        self._clock = clock

    def make(self, user: User | None = None) -> str:
        """A new link of 22 characters: without a `user` the first administrator's, else to set the password of `user`
        anew. Links of the same account that were made before end: one was lost, or seen by somebody."""
        token, now = new_link(), int(self._clock())
        purpose, user_id = (SETUP, None) if user is None else (RESET, user.id)
        with self._engine.begin() as connection:
            mine = LINKS.c.user_id.is_(None) if user_id is None else LINKS.c.user_id == user_id
            connection.execute(delete(LINKS).where(mine | (LINKS.c.expires <= now)))
            connection.execute(
                insert(LINKS).values(
                    hash=hashed(token), purpose=purpose, user_id=user_id, made=now, expires=now + LASTS
                )
            )
        return token

    def look(self, token: str) -> Link | None:
        """What a link is for; None where it is unknown, used or over. Looking uses nothing up: previews look too."""
        if not is_link(token):
            return None
        with self._engine.connect() as connection:
            row = self._open(connection, token)
            if row is None or (row.purpose == SETUP and administrators(connection)):
                return None
            user = _user(connection, row)
            if user is None:
                return Link(row.purpose, FIRST_NAME, row.expires) if row.purpose == SETUP else None
            return Link(row.purpose, user.name, row.expires)

    def use(self, token: str, password: str) -> User | None:
        """Set the password and use the link up, both or neither; the account. None where the link does not work (any
        more). AccountError for a password that is not taken: the link still works then."""
        link = self.look(token)
        if link is None:
            return None
        hash_ = hash_password(check_password(password, link.name))
        now = int(self._clock())
        with self._engine.begin() as connection:
            fresh = (LINKS.c.hash == hashed(token)) & LINKS.c.used.is_(None) & (LINKS.c.expires > now)
            # The first statement writes, so of two that come at once one waits here and finds the link used.
            if connection.execute(update(LINKS).where(fresh).values(used=now)).rowcount != 1:
                return None
            row = connection.execute(select(LINKS).where(LINKS.c.hash == hashed(token))).one()
            user = _user(connection, row)
            if row.purpose == SETUP:
                return _set_up(connection, user, hash_, now)
            if user is None:
                return None
            connection.execute(update(USERS).where(USERS.c.id == user.id).values(disabled=False))
            return replace(user, changed=replace_password(connection, user.id, hash_, now))

    def used_for(self, token: str) -> str | None:
        """The name of the account whose password a link has set; None where it did not, or its time is over."""
        if not is_link(token):
            return None
        with self._engine.connect() as connection:
            row = connection.execute(select(LINKS).where(LINKS.c.hash == hashed(token))).first()
            if row is None or row.used is None or row.expires <= self._clock():
                return None
            user = _user(connection, row)
            return user.name if user is not None else FIRST_NAME if row.purpose == SETUP else None

    def _open(self, connection: Connection, token: str) -> Row[Any] | None:
        found = connection.execute(select(LINKS).where(LINKS.c.hash == hashed(token))).first()
        return found if found is not None and found.used is None and found.expires > self._clock() else None


def _user(connection: Connection, row: Row[Any]) -> User | None:
    if row.user_id is None:
        return None
    found = connection.execute(select(USERS).where(USERS.c.id == row.user_id)).first()
    return user_of(found) if found else None


def _set_up(connection: Connection, user: User | None, hash_: str, now: int) -> User:
    if administrators(connection):
        raise AccountError("link_over", "there is an administrator already", "`sfs admin link` gives a new link")
    return insert_user(connection, FIRST_NAME, hash_, Role.ADMINISTRATOR, now)
