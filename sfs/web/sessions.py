"""Sessions: who is logged in, kept as the hash of a random token; the token itself is only in the browser's cookie."""

import time
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from sfs.web.accounts import Clock, User, user_of
from sfs.web.store import SESSIONS, USERS
from sfs.web.tokens import hashed, is_token, new_token

IDLE: Final = 12 * 3600  # seconds without a request
WHOLE: Final = 7 * 24 * 3600  # seconds from the login, whatever happens
MAX_OF_USER: Final = 100  # sessions; the one unseen for longest ends first
SEEN_EVERY: Final = 60  # seconds between notes of a session in use: not one write for every request

# Words of a User-Agent, first found wins: an iPad says Mac too, Android says Linux too.
_CLIENTS: Final = (
    ("iPhone", "iphone"),
    ("iPad", "ipad"),
    ("Android", "android"),
    ("Windows", "windows"),
    ("Macintosh", "mac"),
    ("CrOS", "chromeos"),
    ("Linux", "linux"),
)
CLIENTS: Final = (*(kind for _, kind in _CLIENTS), "other")


@dataclass(frozen=True, slots=True)
class Session:
    """A session that holds. `id`: the hash of its token. `client`: one of CLIENTS. Times: seconds since 1970."""

    id: str
    user_id: int
    created: int
    seen: int
    client: str
    message: str | None


class Sessions:
    """The table of sessions. `clock` gives seconds since 1970."""

    def __init__(self, engine: Engine, clock: Clock = time.time) -> None:
        self._engine = engine
        self._clock = clock

    def start(self, user: User, client: str, message: str | None = None, *, since: int | None = None) -> str:
        """A new session; its token, which nothing else ever tells again. `message`: for the first page. `since`: when
        the password that was looked at was set: where another one was set meanwhile, the token opens nothing."""
        token, now = new_token(), int(self._clock())
        with self._engine.begin() as connection:
            connection.execute(delete(SESSIONS).where(_over(now)))
            if since is not None and _changed(connection, user.id) != since:
                return token
            _make_room(connection, user.id)
            connection.execute(
                insert(SESSIONS).values(
                    hash=hashed(token), user_id=user.id, created=now, seen=now, client=client, message=message
                )
            )
        return token

    def find(self, token: str) -> tuple[Session, User] | None:
        """The session of a token and its account; None for anything else: over, ended, of a disabled account."""
        if not is_token(token):
            return None
        now = int(self._clock())
        joined = select(SESSIONS, USERS).join(USERS).where(SESSIONS.c.hash == hashed(token)).where(~_over(now))
        with self._engine.connect() as connection:
            row = connection.execute(joined.where(USERS.c.disabled.is_(False))).first()
        if row is None:
            return None
        session = _session_of(row)
        if now - session.seen >= SEEN_EVERY:
            self._set(session.id, seen=now)
        return session, user_of(row)

    def of(self, user: User) -> tuple[Session, ...]:
        """The sessions of an account, last seen first."""
        holds = (SESSIONS.c.user_id == user.id) & ~_over(int(self._clock()))
        with self._engine.connect() as connection:
            rows = connection.execute(select(SESSIONS).where(holds).order_by(SESSIONS.c.seen.desc()))
            return tuple(_session_of(row) for row in rows)

    def end(self, session_id: str) -> None:
        """End one session."""
        with self._engine.begin() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.hash == session_id))

    def end_all(self, user: User) -> None:
        """End every session of an account."""
        with self._engine.begin() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.user_id == user.id))

    def leave(self, session_id: str, message: str | None) -> None:
        """Keep a message for the next page of a session; None takes it away."""
        self._set(session_id, message=message)

    def _set(self, session_id: str, **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(SESSIONS).where(SESSIONS.c.hash == session_id).values(**values))


def client_kind(user_agent: str) -> str:
    """What kind of device a browser says it runs on: one of CLIENTS. The field itself is not kept."""
    said = user_agent[:1000]
    return next((kind for word, kind in _CLIENTS if word in said), "other")


def _over(now: int) -> Any:
    return (SESSIONS.c.seen <= now - IDLE) | (SESSIONS.c.created <= now - WHOLE)


def _changed(connection: Connection, user_id: int) -> int | None:
    """When the password was set. The row stays locked: who sets another one ends this session too."""
    mine = select(USERS.c.changed).where(USERS.c.id == user_id)
    return connection.execute(mine.with_for_update()).scalar_one_or_none()


def _make_room(connection: Connection, user_id: int) -> None:
    """End the sessions of an account that leave no room for one more."""
    mine = select(SESSIONS.c.hash).where(SESSIONS.c.user_id == user_id).order_by(SESSIONS.c.seen.desc())
    too_many = connection.execute(mine.offset(MAX_OF_USER - 1)).scalars().all()
    for old in too_many:
        connection.execute(delete(SESSIONS).where(SESSIONS.c.hash == old))


def _session_of(row: Row[Any]) -> Session:
    of = row._mapping  # by column: a joined account has a `created` too
    return Session(*(of[SESSIONS.c[name]] for name in ("hash", "user_id", "created", "seen", "client", "message")))
