"""Where fetched lists lie, and what is known of each.

    STATE/lists/KEY/state.json      what is known; names the version in force
    STATE/lists/KEY/V-<sha12>/      a compiled list (compile.py), never changed once it is there
    STATE/lists/.lock               held by who fetches
    STATE/lists/.asked              there once somebody asked for the default choice to be fetched

A version comes into force by one rename of state.json, so whoever looks sees the old list or the new one, whole.
"""

import hashlib
import json
import logging
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from sfs.errors import SfsError, Where
from sfs.lists.compiled import open_compiled
from sfs.lists.files import ListFile
from sfs.lists.private import make_private, write_atomically

log = logging.getLogger(__name__)

FOLDER: Final = "lists"  # in the state folder
STATE: Final = "state.json"
MAX_STATE: Final = 65_536  # bytes of a state.json
MAX_KEY: Final = 60  # characters, so that every file system takes it
VERSION: Final = re.compile(r"V-[0-9a-f]{12}")
_SAFE: Final = re.compile(r"[a-z0-9_][a-z0-9._-]{0,59}")
_TIMES: Final = ("fetched", "checked", "failed")


class Listed(Protocol):
    """A list of a configuration, as far as the store looks at it (sources/subscriptions.py has ListSource). Either
    `url` or `path` is there."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str | None: ...
    @property
    def path(self) -> Path | None: ...
    @property
    def format(self) -> str: ...
    @property
    def member(self) -> str | None: ...
    @property
    def sha256_url(self) -> str | None: ...
    @property
    def category(self) -> str | None: ...
    @property
    def rating(self) -> int | None: ...
    @property
    def axis(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class ListState:
    """What is known of one list.

    url, path        where it comes from; the other is None
    version          the folder in force, None before the first success; `sha256` in hex, `size` in bytes, of what was
                     fetched; `modified`: of a local file, in ns; `whole_line`: whether the last byte was a line break
    count            its names; `skipped`: bad lines; `passed_over`: lines that say nothing of names
    fetched, checked when this version came, when the server last said it is the newest; UTC
    came, went       names that this version has and `before` had not, and the other way round; `before`: the version
                     in whose place it came, None for the first
    failure          what went wrong the last time, with how to mend it; None after a success. `reason`: its key
                     (faults.KEYS); `failed`: when, UTC; `tries`: how often since the last success;
                     `tried`: the time of the local file then, in ns"""

    key: str
    name: str
    url: str | None = None
    path: str | None = None
    format: str = "entries"
    category: str | None = None
    rating: int | None = None
    axis: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    sha256: str | None = None
    version: str | None = None
    count: int = 0
    skipped: int = 0
    passed_over: int = 0
    size: int = 0
    modified: int | None = None
    whole_line: bool = False
    came: int = 0
    went: int = 0
    before: str | None = None
    fetched: datetime | None = None
    checked: datetime | None = None
    failure: str | None = None
    reason: str | None = None
    failed: datetime | None = None
    tries: int = 0
    tried: int | None = None

    def age(self, now: datetime) -> timedelta | None:
        """How long ago this list was the newest; None where it never came."""
        return None if self.checked is None or self.version is None else max(now - self.checked, timedelta(0))

    def days(self, now: datetime) -> int | None:
        """Its age in whole days."""
        age = self.age(now)
        return None if age is None else age.days


def key_of(name: str) -> str:
    """The name of a list's folder: the name itself where every file system takes it, else made safe and told apart by
    a hash."""
    if _SAFE.fullmatch(name) and not name.endswith("."):
        return name
    plain = re.sub(r"[^a-z0-9_-]", "-", name.lower()).strip("-")[: MAX_KEY - 13] or "list"
    return f"{plain}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def lists_dir(state_dir: Path) -> Path:
    """The folder of all lists."""
    return state_dir / FOLDER


def list_dir(state_dir: Path, key: str) -> Path:
    """The folder of one list."""
    return state_dir / FOLDER / key


def blank(source: Listed) -> ListState:
    """The state of a list that never came."""
    return _of_source(ListState(key_of(source.name), source.name), source)


def load_state(state_dir: Path, key: str) -> ListState | None:
    """What is known of a list; None where nothing is, or the file is damaged, which is said in the log."""
    path = list_dir(state_dir, key) / STATE
    try:
        with path.open("rb") as file:
            data = file.read(MAX_STATE + 1)
    except FileNotFoundError:
        return None
    except OSError as fault:
        log.warning("what is known of the list %s cannot be read: %s", key, fault.strerror)
        return None
    state = _read(data, key)
    if state is None:
        log.warning("what is known of the list %s is damaged: it is fetched anew", key)
    return state


def save_state(state_dir: Path, state: ListState) -> None:
    """Put a state in the place of the old one, in one step. OSError where it cannot be written; then the old stays."""
    values = asdict(state)
    values |= {name: value.isoformat() for name in _TIMES if (value := values[name]) is not None}
    data = json.dumps(values, ensure_ascii=False, indent=1).encode("utf-8", "replace")
    folder = list_dir(state_dir, state.key)
    make_private(folder)
    write_atomically(folder / STATE, data)


def state_of(state_dir: Path, source: Listed) -> ListState:
    """What is known of a list of the configuration, with the meaning that the configuration gives it. What another
    list of the same name left behind counts as nothing."""
    known = load_state(state_dir, key_of(source.name))
    return blank(source) if known is None or not _fits(known, source) else _of_source(known, source)


def states(state_dir: Path, sources: Iterable[Listed]) -> tuple[ListState, ...]:
    """What is known of each list, in their order. Reads files."""
    return tuple(state_of(state_dir, source) for source in sources)


def open_version(state_dir: Path, state: ListState) -> ListFile | None:
    """The compiled list that a state names, or the one that took its place in the meantime; None where there is
    none, or it is damaged, which is said in the log."""
    fault: SfsError | None = None
    for _ in range(2):
        if state.version is None:
            return None
        try:
            return open_compiled(list_dir(state_dir, state.key) / state.version)
        except SfsError as first:
            fault = first
        newer = load_state(state_dir, state.key)  # an update may have swapped it between the two looks
        if newer is None or newer.version == state.version:
            break
        state = newer
    log.warning("the list %s is damaged and does not act: %s", state.name, fault.what if fault else "")
    return None


def asked(state_dir: Path) -> bool:
    """Whether somebody asked for the default choice: before that nothing of it is fetched."""
    return (lists_dir(state_dir) / ".asked").exists()


def set_asked(state_dir: Path) -> None:
    """Keep that somebody asked. OSError where it cannot be written."""
    make_private(lists_dir(state_dir))
    (lists_dir(state_dir) / ".asked").touch(mode=0o600)


@contextmanager
def locked(state_dir: Path) -> Iterator[None]:
    """Hold the lock of the store, which ends with the process. SfsError where another one holds it."""
    make_private(lists_dir(state_dir))
    path = lists_dir(state_dir) / ".lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _lock(descriptor):
            raise SfsError("the lists are being fetched already", Where(str(path)), "wait until that is done")
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # another system: there the service starts one update at a time
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _fits(state: ListState, source: Listed) -> bool:
    """Whether a state is of this list: the same place, or the same meaning at a new place."""
    if (state.url, state.path) == (source.url, _text(source.path)):
        return True
    meaning = (state.category, state.rating, state.axis)
    return state.url is not None and source.url is not None and meaning == _meaning(source)


def _of_source(state: ListState, source: Listed) -> ListState:
    category, rating, axis = _meaning(source)
    moved = (state.url, state.format) != (source.url, source.format)
    return replace(
        state,
        name=source.name,
        url=source.url,
        path=_text(source.path),
        format=str(source.format),
        category=category,
        rating=rating,
        axis=axis,
        etag=None if moved else state.etag,  # what another address said of its file means nothing at this one
        last_modified=None if moved else state.last_modified,
        sha256=None if moved else state.sha256,
        # A file is there to be read in its new format at once; of an address the old version is all there is.
        version=None if moved and source.url is None else state.version,
    )


def _meaning(source: Listed) -> tuple[str | None, int | None, str | None]:
    return source.category, source.rating, None if source.axis is None else str(source.axis)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _read(data: bytes, key: str) -> ListState | None:
    """The state in a file; None where it is none."""
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if len(data) > MAX_STATE or not isinstance(values, dict) or values.get("key") != key:
        return None
    known = {field.name: field.type for field in fields(ListState)}
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            continue  # of a newer version of sfs
        if name in _TIMES:
            value = _time(value)
        if not _is_of(value, known[name]):
            return None
        found[name] = value
    version = found.get("version")
    if "name" not in found or (version is not None and not VERSION.fullmatch(version)):
        return None
    return ListState(**found)


def _time(value: object) -> object:
    """A time of a file; what is none stays as it is, and is refused."""
    if not isinstance(value, str):
        return value
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return value
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _is_of(value: object, kind: Any) -> bool:
    """Whether a value of JSON may stand in a field of this type; true and false are no numbers."""
    return isinstance(value, kind) and (not isinstance(value, bool) or kind is bool)
