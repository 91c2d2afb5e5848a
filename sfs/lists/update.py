"""Bringing lists up to date: fetch, unpack, compile, compare, swap. Whatever fails, the last good version stays in
force, and the failure is kept with the list.

Each step leaves the store as it was until the last one, the rename of state.json. What a step that was killed left
behind is removed by the next update.
"""

import hashlib
import logging
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from sfs.errors import RuleError, SfsError, Where
from sfs.lists import store
from sfs.lists.archive import unpack
from sfs.lists.compile import Compiled, compile_list
from sfs.lists.compiled import compare, open_compiled
from sfs.lists.faults import ListFault, is_full
from sfs.lists.fetch import Fetched, Limits, fetch
from sfs.lists.files import How, ListFile
from sfs.lists.private import make_private
from sfs.lists.shrinking import is_shrunk
from sfs.lists.store import Listed, ListState

log = logging.getLogger(__name__)

EVERY: Final = timedelta(hours=24)
FIRST_TRY: Final = timedelta(hours=1)  # after a failure; then twice as long, up to EVERY
EARLY: Final = timedelta(minutes=10)  # what is due so soon is done now: one start less
WORK: Final = ".work-"  # folders of a running update
MAX_SUM: Final = 65_536  # bytes of a file of checksums
_HTML: Final = (b"<!doctype", b"<html", b"<head", b"<body", b"<script", b"<?xml")


class Result(StrEnum):
    """What became of one list."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One list after its update. `added`, `removed`: names, against the version before. `fault`: why it FAILED."""

    source: Listed
    result: Result
    state: ListState
    added: int = 0
    removed: int = 0
    fault: SfsError | None = None


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Options:
    """How an update runs. `accept_smaller`: a list may shrink as it likes. `ca`: certificates trusted besides the
    usual ones. `progress`: told what comes in (a list, or "LIST: read"
    while it is compiled), the bytes so far and all of them or None. `done`: told each
    outcome. `step`: told what was just done; for tests that stop there."""

    accept_smaller: bool = False
    limits: Limits = field(default_factory=Limits)
    ca: Path | None = None
    progress: Callable[[str, int, int | None], None] = lambda name, size, total: None
    done: Callable[[Outcome], None] = lambda outcome: None
    step: Callable[[str], None] = lambda name: None
    now: Callable[[], datetime] = _now


def update_lists(sources: Iterable[Listed], state_dir: Path, options: Options | None = None) -> tuple[Outcome, ...]:
    """Fetch or read each list and put it in force where it is new and sound. The failure of one stops no other.

    SfsError where another update runs, or the state folder cannot be written."""
    options = options or Options()
    outcomes: list[Outcome] = []
    try:
        with store.locked(state_dir):
            for source in sources:
                outcomes.append(_update(source, state_dir, options))
                options.done(outcomes[-1])
    except OSError as fault:
        place = Where(str(store.lists_dir(state_dir)))
        raise SfsError(f"cannot be written: {fault.strerror}", place, "name a folder you may write, as state") from None
    return tuple(outcomes)


def due_at(state: ListState) -> datetime | None:
    """When a list is to be looked at again, None for at once. Local files are watched apart (`file_changed`)."""
    if state.failed is not None and state.tries:
        return state.failed + min(FIRST_TRY * (1 << min(state.tries - 1, 10)), EVERY)
    return None if state.checked is None or state.version is None else state.checked + EVERY


def is_due(state: ListState, now: datetime) -> bool:
    """Whether a list is to be looked at now."""
    at = due_at(state)
    if state.path is not None:
        return file_changed(state) and not waits_after_failure(state, now)
    return at is None or at <= now + EARLY or at > now + 2 * EVERY  # a clock that was set back waits for no year


def needs_update(state_dir: Path, source: Listed, now: datetime) -> bool:
    """Whether a list is to be looked at now: it is due, or what lies in the store is damaged. Reads files."""
    state = store.state_of(state_dir, source)
    if is_due(state, now):
        return True
    return not waits_after_failure(state, now) and is_damaged(state_dir, state)


def waits_after_failure(state: ListState, now: datetime) -> bool:
    """Whether a list failed so lately that trying again would be no use. A local file that changed since is new."""
    failed = state.failed is not None and (state.path is None or cannot_be_used(state))
    at = due_at(state)
    return failed and at is not None and at > now + EARLY


def is_damaged(state_dir: Path, state: ListState) -> bool:
    """Whether the version in force cannot be opened any more: then it is made anew, from its source. Reads it all."""
    return state.version is not None and store.open_version(state_dir, state) is None


def cannot_be_used(state: ListState) -> bool:
    """Whether a local file, as it is now, was tried and refused."""
    if state.path is None or state.failed is None:
        return False
    seen = _stat(Path(state.path))
    return seen is not None and state.tried == seen[1]


def file_changed(state: ListState) -> bool:
    """Whether a local file is another one than was compiled, or was never compiled; False for one that is gone."""
    if state.path is None:
        return False
    seen = _stat(Path(state.path))
    return seen is not None and (state.version is None or seen != (state.size, state.modified))


def _update(source: Listed, state_dir: Path, options: Options) -> Outcome:
    old = store.state_of(state_dir, source)
    folder = store.list_dir(state_dir, old.key)
    make_private(folder)
    _sweep(folder, old)
    work = Path(tempfile.mkdtemp(prefix=WORK, dir=folder))
    try:
        return _Update(source, state_dir, old, work, options).run()
    except (SfsError, OSError, MemoryError) as fault:
        return _failed(source, state_dir, old, _as_fault(fault, source), options)
    except Exception as fault:  # of our own: what one server sends must not keep all other lists from coming
        place = traceback.extract_tb(fault.__traceback__)[-1]
        log.error("the list %s: %s at %s:%s", source.name, type(fault).__name__, place.filename, place.lineno)
        own = ListFault("damaged", "it could not be read", Where(source.url or str(source.path)))
        return _failed(source, state_dir, old, own, options)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@dataclass(slots=True)
class _Update:
    """One list while it is brought up to date. `work`: a folder that is removed afterwards."""

    source: Listed
    state_dir: Path
    old: ListState
    work: Path
    options: Options

    def run(self) -> Outcome:
        before = store.open_version(self.state_dir, self.old)
        fresh, path = self._fetched(before is not None) if self.source.path is None else self._local()
        self.options.step("fetched")
        if before is not None and (not fresh.changed or self._is_same(fresh)):
            return self._same(fresh)
        listed = self._unpacked(path)
        self.options.step("unpacked")
        version = self._version(fresh.sha256)
        compiled = self._compiled(listed, version)
        self.options.step("compiled")
        after = open_compiled(compiled.folder)
        whole = _ends_whole(path) if listed == path else True
        try:
            self._judge(compiled, before, fresh, whole)
        except ListFault:
            if version != self.old.version:
                shutil.rmtree(compiled.folder, ignore_errors=True)
            raise
        added, removed = (len(after.index), 0) if before is None else compare(before, after)
        self.options.step("judged")
        state = replace(
            self._state(fresh, compiled, version, whole),
            came=added,
            went=removed,
            before=None if before is None else self.old.version,
        )
        store.save_state(self.state_dir, state)
        self.options.step("swapped")
        _sweep(store.list_dir(self.state_dir, state.key), state, self.work)
        self.options.step("cleaned")
        result = Result.NEW if before is None else Result.CHANGED
        return Outcome(self.source, result, state, added, removed)

    def _fetched(self, have: bool) -> tuple[Fetched, Path]:
        """The download, or the word that nothing changed; that is asked for only where the old list can be opened."""
        assert self.source.url is not None
        path = self.work / "download"
        name, options, old = self.source.name, self.options, self.old
        fresh = fetch(
            self.source.url,
            path,
            etag=old.etag if have else None,
            last_modified=old.last_modified if have else None,
            limits=options.limits,
            ca=options.ca,
            progress=lambda size, total: options.progress(name, size, total),
        )
        if fresh.changed:
            if not fresh.size:
                raise ListFault("empty", "the server sent nothing", self._where, "look whether the list has moved")
            if self.source.sha256_url is not None:
                self._check_sum(self.source.sha256_url, fresh)
        return fresh, path

    def _local(self) -> tuple[Fetched, Path]:
        path = self.source.path
        assert path is not None
        seen = _stat(path)
        if seen is None:
            raise ListFault("format", "there is no such file", Where(str(path)), "check the path and who may read it")
        return Fetched(True, sha256=_mark(path, seen), size=seen[0]), path

    def _check_sum(self, url: str, fresh: Fetched) -> None:
        path = self.work / "sum"
        fetch(url, path, limits=replace(self.options.limits, size=MAX_SUM), ca=self.options.ca)
        published = _sums(path.read_bytes(), (self.source.url or "").rpartition("/")[2])
        if not published & {fresh.sha256, fresh.sent_sha256}:
            what = "the file has another SHA-256 than its keeper publishes"
            raise ListFault("checksum", what, self._where, "nothing to do now: it is tried again later")

    def _is_same(self, fresh: Fetched) -> bool:
        old = self.old
        unmoved = self.source.path is None or (old.size, old.modified) == _stat(self.source.path)
        return fresh.sha256 == old.sha256 and self._version(fresh.sha256) == old.version and unmoved

    def _same(self, fresh: Fetched) -> Outcome:
        state = _succeeded(self.old, self.options.now())
        if fresh.changed:
            state = replace(state, etag=fresh.etag, last_modified=fresh.last_modified)
        store.save_state(self.state_dir, state)
        return Outcome(self.source, Result.SAME, state)

    def _unpacked(self, path: Path) -> Path:
        _refuse_html(path, self._where)
        try:
            listed = unpack(path, self.work / "unpacked", self.source.member)
        except RuleError:
            raise
        except SfsError as fault:
            raise ListFault("packed", fault.what, self._where, fault.mend) from None
        if listed != path and listed.is_file():
            _refuse_html(listed, self._where)
        return listed

    def _version(self, sha256: str) -> str:
        """The name of the version folder: of the bytes, and of how they are read."""
        text = f"{sha256}\n{self.source.format}\n{self.source.member or ''}"
        return f"V-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def _compiled(self, listed: Path, version: str) -> Compiled:
        folder = store.list_dir(self.state_dir, self.old.key) / version
        if folder.exists():  # of an update that was killed before the swap, or damaged
            shutil.rmtree(folder)
        try:
            return compile_list(listed, self.source.format, folder, how=How(self._where.file, progress=self._read))
        except RuleError as fault:
            raise ListFault("format", fault.what, fault.where, fault.mend) from None

    def _read(self, size: int) -> None:
        self.options.progress(f"{self.source.name}: read", size, None)

    def _judge(self, compiled: Compiled, before: ListFile | None, fresh: Fetched, whole: bool) -> None:
        """ListFault where the new version is not to be believed."""
        if not compiled.size and compiled.skipped:
            first = compiled.skipped[0]
            raise ListFault("format", f"no names in it; the first bad line: {first.what}", first.where, first.mend)
        if not compiled.size:
            raise ListFault("empty", "no names in it", self._where, "look whether the list has moved")
        if before is None or self.options.accept_smaller:
            return
        had = len(before.index)
        if self.old.whole_line and not whole and fresh.size < self.old.size:
            what = f"it ends in the middle of a line and is shorter than before ({fresh.size} of {self.old.size} bytes)"
            raise ListFault("cut", what, self._where, "nothing to do now: it is tried again later")
        if is_shrunk(had, compiled.size):
            what = f"shrunk from {had} to {compiled.size} names"
            mend = "if that is right: sfs lists update --accept-smaller"
            raise ListFault("shrunk", what, self._where, mend)

    def _state(self, fresh: Fetched, compiled: Compiled, version: str, whole: bool) -> ListState:
        now = self.options.now()
        seen = None if self.source.path is None else _stat(self.source.path)
        if self.source.path is not None and (seen is None or _mark(self.source.path, seen) != fresh.sha256):
            raise ListFault("format", "the file changed while it was read", self._where, "try again")
        return replace(
            _succeeded(self.old, now),
            etag=fresh.etag,
            last_modified=fresh.last_modified,
            sha256=fresh.sha256,
            version=version,
            count=compiled.size,
            skipped=compiled.skipped_count,
            passed_over=compiled.passed_over,
            size=fresh.size,
            modified=None if seen is None else seen[1],
            whole_line=whole,
            fetched=now,
        )

    @property
    def _where(self) -> Where:
        return Where(self.source.url or str(self.source.path))


def _succeeded(old: ListState, now: datetime) -> ListState:
    return replace(old, checked=now, failure=None, reason=None, failed=None, tries=0, tried=None)


def _failed(source: Listed, state_dir: Path, old: ListState, fault: SfsError, options: Options) -> Outcome:
    """Keep the failure with the list; what is in force stays as it is."""
    reason = fault.reason if isinstance(fault, ListFault) else "damaged"
    text = str(fault)[:1000]
    seen = None if source.path is None else _stat(source.path)
    state = replace(
        old,
        failure=text,
        reason=reason,
        failed=options.now(),
        tries=min(old.tries + 1, 1000),
        tried=None if seen is None else seen[1],
    )
    try:
        store.save_state(state_dir, state)
    except OSError as full:
        log.warning("the failure of the list %s cannot be kept: %s", source.name, full.strerror)
    return Outcome(source, Result.FAILED, state, fault=fault)


def _as_fault(fault: SfsError | OSError | MemoryError, source: Listed) -> SfsError:
    where = Where(source.url or str(source.path))
    if isinstance(fault, SfsError):
        return fault
    if isinstance(fault, MemoryError):
        return ListFault(
            "space", "not enough memory for this list", where, "close other programs, or take a shorter list"
        )
    full = is_full(fault)
    what = "the disk is full" if full else f"cannot be kept: {fault.strerror}"
    return ListFault("space" if full else "damaged", what, where, "make room, or name another folder as state")


def _sweep(folder: Path, state: ListState, *keep: Path) -> None:
    """Remove what is not in force: old versions, and what killed updates left."""
    kept = {folder / store.STATE, *keep} | ({folder / state.version} if state.version else set())
    on_disk = store.load_state(folder.parent.parent, folder.name)
    if on_disk is not None and on_disk.version is not None:
        kept.add(folder / on_disk.version)
    for path in folder.iterdir():
        if path in kept:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _refuse_html(path: Path, where: Where) -> None:
    with path.open("rb") as file:
        start = file.read(512)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_HTML):
        mend = "open its address in a browser: it may have moved, or ask for a login"
        raise ListFault("html", "the server sent a web page instead of a list", where, mend)


def _ends_whole(path: Path) -> bool:
    """Whether the last byte of a file ends a line."""
    with path.open("rb") as file:
        file.seek(0, 2)
        if not file.tell():
            return True
        file.seek(-1, 2)
        return file.read(1) == b"\n"


def _sums(data: bytes, name: str) -> set[str]:
    """The SHA-256 sums in a file of checksums: of the line that names the file, or of all lines."""
    lines = data.decode("ascii", "replace").splitlines()
    named = [line for line in lines if name and name in line]
    words = (word.lower() for line in named or lines for word in line.replace("=", " ").split())
    return {word for word in words if len(word) == 64 and not set(word) - set("0123456789abcdef")}


def _mark(path: Path, seen: tuple[int, int]) -> str:
    """What tells one state of a local file from the next, in the place of a hash of its bytes."""
    return hashlib.sha256(f"{path}\n{seen[0]}\n{seen[1]}".encode("utf-8", "surrogatepass")).hexdigest()


def _stat(path: Path) -> tuple[int, int] | None:
    """Size and time of a file; None where it is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns
