"""The lock on what is connected to: the event loop's getaddrinfo, replaced by one that keeps to the rules.

What it returns *is* what is connected to. A name that changes its answer on the way is refused here: answers are
cached, verdicts never are. Odd spellings of an address need no rule of their own, since what is judged is what the
system's resolver made of them.
"""

import asyncio
import contextlib
import errno
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal

from cachetools import TLRUCache

from sfs.errors import SfsError
from sfs.proxy.reach import Reach, Reason, connect_port_allowed, plain_port_allowed
from sfs.text.address import parse_address

type Info = tuple[int, int, int, str, tuple[Any, ...]]  # as socket.getaddrinfo gives it
type _Key = tuple[str | None, int, int, int, int]  # host, family, type, proto, flags

TTL: Final = 30.0  # seconds; getaddrinfo does not tell the record's own
NEGATIVE_TTL: Final = 5.0
OPEN_NOW: Final = 1.0  # seconds for which a name that may be gone to is not looked at again
MAX_CACHED: Final = 4096  # answers
MAX_ANSWER: Final = 64  # addresses kept of one answer; 16 allowed ones are tried
MAX_TRIED: Final = 16
MAX_LOOKUPS: Final = 1024  # different names waited for at once; one more is told "busy"
LOOKUP_THREADS: Final = 32
LOOKUP_TIMEOUT: Final = 10.0  # seconds that one connection waits for a name


class AddressRefused(OSError):
    """A name whose addresses are all refused; `reason` as `Reach.allowed`. mitmproxy shows the text as its own 502."""

    def __init__(self, host: str, reason: Reason) -> None:
        super().__init__(f"{host}: not reachable through this proxy ({reason})")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Going:
    """Where the connection that this task opens is going. `forced`: connect to that name's addresses instead
    (SafeSearch); SNI, Host and the pool still see `host`. `connect`: asked for by CONNECT."""

    host: str
    forced: str | None = None
    client: str | None = None
    connect: bool = False


@dataclass(frozen=True, slots=True)
class _Answer:
    infos: tuple[Info, ...] = ()
    error: tuple[int, str] | None = None


_going: ContextVar[Going | None] = ContextVar("sfs_going", default=None)
_probe: ContextVar[list[str] | None] = ContextVar("sfs_probe", default=None)


def going_to(going: Going | None) -> None:
    """Tell the resolver what the connection being opened is for; to be called in *every* `server_connect`, which runs
    in the task that connects. A task inherits what its parent said, so a Going counts for its own host only."""
    _going.set(going)


class Resolver:
    """Takes the place of the event loop's getaddrinfo and lets through what `reach` allows.

    Lookups run in threads of their own, so slow names hold up one another at LOOKUP_THREADS at once and nobody else;
    the threads are daemons, so a slow name does not hold up the end either. One lookup serves all who wait for it.
    To be used in one loop; `reach` may be replaced at any time and counts from then on."""

    def __init__(
        self,
        reach: Reach,
        lookup: Callable[..., Iterable[Info]] = socket.getaddrinfo,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reach = reach
        self._lookup = lookup
        self._clock = clock
        self._cache: TLRUCache[_Key, _Answer] = TLRUCache(MAX_CACHED, _expiry, clock)
        self._open_now: dict[tuple[str, int, bool, str | None], tuple[Reach, float]] = {}  # and until when
        self._flights: dict[_Key, asyncio.Task[_Answer]] = {}
        self._slots = asyncio.Semaphore(LOOKUP_THREADS)
        self._stock: Callable[..., Any] | None = None

    def install(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Take over the loop's lookups. SfsError where the loop is not asyncio's own: others (uvloop) ask no method."""
        loop = loop or asyncio.get_running_loop()
        if not isinstance(loop, asyncio.BaseEventLoop):
            raise _unguarded(loop)
        self._stock = loop.getaddrinfo
        loop.getaddrinfo = self.getaddrinfo  # type: ignore[assignment,method-assign]  # the only place

    async def self_test(self) -> None:
        """Connect once and see that we were asked. SfsError where not: then nothing guards, and SFS must not start."""
        seen: list[str] = []
        token = _probe.set(seen)
        try:
            # 127.0.0.1 in a spelling that only a resolver takes: no query leaves the machine if the test fails.
            _, writer = await asyncio.open_connection("2130706433", 9)
            writer.close()
        except OSError:
            pass
        finally:
            _probe.reset(token)
        if seen != ["2130706433"]:
            raise _unguarded(asyncio.get_running_loop())

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Info]:
        """As the loop's own, without what may not be reached. AddressRefused where nothing is left, OSError where
        nothing was found."""
        if flags & socket.AI_PASSIVE and self._stock is not None:  # an address to listen at, none to go to
            return list(await self._stock(host, port, family=family, type=type, proto=proto, flags=flags))
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if (probe := _probe.get()) is not None:
            probe.append(name)
            raise OSError("the resolver guard is on")
        number = _port_number(port)
        going = _going.get()
        going = going if going is not None and going.host == name else None
        asked = (going and going.forced) or name
        infos = [_with_port(info, number) for info in await self._infos((asked, family, type, proto, flags))]
        return self._filter(infos, name or "", number, connect=going is not None and going.connect)

    async def refuse_reason(
        self, host: str, port: int, connect: bool = False, forced: str | None = None
    ) -> Reason | None:
        """Why a client may not go to `host` and `port`, for a page of our own; None where it may as far as we know now.

        Beside the reasons of `Reach.allowed`: `name` (no such name), `busy` (no answer in time). It uses the answers
        that the connection will use; where they are known it does not wait."""
        reason = self.reason_now(host, port, connect, forced)
        if reason != "unknown":
            return reason
        try:
            self._filter(await self._infos(_tcp_key(forced or host)), host, port, connect)
        except AddressRefused as refused:
            return refused.reason
        except socket.gaierror:
            return "name"
        except OSError:
            return "busy"
        return None

    def reason_now(
        self, host: str, port: int, connect: bool = False, forced: str | None = None
    ) -> Reason | Literal["unknown"] | None:
        """As refuse_reason, where that is known at once; `unknown` where it takes a look-up.

        That a name may be gone to is kept for a moment: a page is a hundred requests to a few hosts. It is a courtesy,
        the lock is `getaddrinfo`, which keeps no verdict."""
        key, now = (host, port, connect, forced), self._clock()
        kept = self._open_now.get(key)
        if kept is not None and kept[0] is self.reach and kept[1] > now:
            return None
        port_allowed = connect_port_allowed if connect else plain_port_allowed
        if not port_allowed(port, self.reach):
            return "port"
        if parse_address(host) is not None and forced is None:
            return self.reach.allowed(host, port, connect)
        answer = self._cache.get(_cache_key(_tcp_key(forced or host)))
        if answer is None:
            return "unknown"
        if answer.error is not None:
            return "name"
        try:
            self._filter(answer.infos, host, port, connect)
        except AddressRefused as refused:
            return refused.reason
        if len(self._open_now) >= MAX_CACHED:
            self._open_now.clear()
        self._open_now[key] = (self.reach, now + OPEN_NOW)
        return None

    async def listening_self(self, host: str, port: int) -> bool:
        """Whether `host`, a name or any spelling of an address, and `port` are this proxy's own listener."""
        known = self.is_self_now(host, port)
        if known is not None:
            return known
        try:
            infos = await self._infos(_tcp_key(host))
        except OSError:
            return False
        return any(self.reach.is_self(info[4][0], port) for info in infos)

    def is_self_now(self, host: str, port: int) -> bool | None:
        """As listening_self, where that is known at once; None where it takes a look-up."""
        if port not in self.reach.proxy_ports:
            return False
        return self.reach.is_self(host, port) if parse_address(host) is not None else None

    def _filter(self, infos: Iterable[Info], host: str, port: int, connect: bool) -> list[Info]:
        reasons: list[Reason] = []
        kept: list[Info] = []
        for info in infos:
            reason = self.reach.allowed(info[4][0], port, connect)
            if reason is None:
                kept.append(info)
            else:
                reasons.append(reason)
        if not kept:
            raise AddressRefused(host, "loop" if "loop" in reasons else reasons[0] if reasons else "address")
        return kept[:MAX_TRIED]

    async def _infos(self, key: _Key) -> tuple[Info, ...]:
        """The unfiltered answer, from the cache or by one lookup for all who ask. OSError where there is none."""
        key = _cache_key(key)
        answer = self._cache.get(key)
        if answer is None:
            flight = self._flights.get(key) or self._start(key)
            try:
                async with asyncio.timeout(LOOKUP_TIMEOUT):
                    answer = await asyncio.shield(flight)  # one who leaves does not take the others' answer away
            except TimeoutError:
                raise TimeoutError(f"{key[0]}: no answer from the resolver in {LOOKUP_TIMEOUT:.0f} s") from None
        if answer.error is not None:
            raise socket.gaierror(*answer.error)
        return answer.infos

    def _start(self, key: _Key) -> asyncio.Task[_Answer]:
        if len(self._flights) >= MAX_LOOKUPS:
            raise OSError(errno.EAGAIN, f"{key[0]}: too many names are being looked up")
        flight = asyncio.create_task(self._fly(key), name="sfs lookup")
        self._flights[key] = flight
        flight.add_done_callback(lambda _: self._flights.pop(key, None))
        return flight

    async def _fly(self, key: _Key) -> _Answer:
        async with self._slots:
            answer = await self._in_thread(key)
        self._cache[key] = answer
        return answer

    def _in_thread(self, key: _Key) -> asyncio.Future[_Answer]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Answer] = loop.create_future()

        def deliver(answer: _Answer) -> None:
            if not future.done():
                future.set_result(answer)

        def work() -> None:
            answer = self._ask(key)
            with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
                loop.call_soon_threadsafe(deliver, answer)

        try:
            threading.Thread(target=work, name="sfs lookup", daemon=True).start()
        except RuntimeError:  # no thread left
            deliver(_Answer(error=(socket.EAI_AGAIN, "no thread left to look up a name")))
        return future

    def _ask(self, key: _Key) -> _Answer:
        host, *hints = key
        try:
            # Without a port, so that one answer serves them all.
            return _Answer(tuple(islice(self._lookup(host, None if host else 0, *hints), MAX_ANSWER)))
        except socket.gaierror as error:
            return _Answer(error=(error.errno or socket.EAI_FAIL, str(error.strerror)))
        except Exception:
            # A label over 63 characters is a UnicodeError here, a NUL a ValueError: no such name can exist.
            return _Answer(error=(socket.EAI_NONAME, "not a name that can be looked up"))


def _expiry(key: _Key, answer: _Answer, now: float) -> float:
    return now + (TTL if answer.error is None else NEGATIVE_TTL)


def _tcp_key(host: str) -> _Key:
    """As asyncio asks when it connects."""
    return (host, 0, socket.SOCK_STREAM, 0, 0)


def _cache_key(key: _Key) -> _Key:
    return key if key[0] is None else (key[0].lower(), *key[1:])


def _with_port(info: Info, port: int) -> Info:
    return (*info[:4], (info[4][0], port, *info[4][2:]))


def _port_number(port: Any) -> int:
    try:
        number = int(port or 0)
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number < 65536:
        raise OSError(f"{port!r} is not a port number")
    return number


def _unguarded(loop: asyncio.AbstractEventLoop) -> SfsError:
    return SfsError(
        f"{type(loop).__module__}.{type(loop).__name__} resolves names past SFS: clients could reach this machine",
        mend="start SFS on asyncio's own event loop, without uvloop",
    )
