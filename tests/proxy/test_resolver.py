"""What the event loop's resolver gives while it is ours."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import SfsError
from sfs.proxy import resolver as module
from sfs.proxy.reach import Reach
from sfs.proxy.resolver import NEGATIVE_TTL, TTL, AddressRefused, Going, Info, Resolver, going_to
from sfs.text.address import Address, parse_address, parse_reach

OUTER = "192.168.7.7"  # this machine's own address in the tests


def _owns(ip: Address) -> bool:
    return ip.is_loopback or str(ip) in ("0.0.0.0", "::", OUTER, "fd00::7")


def _reach(*entries: str, **fields: Any) -> Reach:
    base = Reach(tuple(parse_reach(entry) for entry in entries), owns=_owns, **fields)
    return base.with_ports([8080], [8081])


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Names:
    """A name server of a few lines: each name has a list of answers, given in turn; the last one stays."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): turns for name, turns in answers.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: Any, family: int, kind: int, proto: int, flags: int) -> list[Info]:
        self.asked.append(host)
        turns = self.answers.get(host)
        if not turns:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        turn = turns.pop(0) if len(turns) > 1 else turns[0]
        return [_info(ip) for ip in turn]


def _info(ip: str) -> Info:
    if ":" in ip:
        return (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (ip, 0, 0, 0))
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 0))


async def _ask(resolver: Resolver, host: Any, port: Any = 80) -> list[tuple[Any, ...]]:
    return [info[4] for info in await resolver.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(work(), 30)

    asyncio.run(bounded())


def test_of_a_mixed_answer_the_allowed_addresses_stay() -> None:
    async def work() -> None:
        resolver = Resolver(_reach(), Names(a_test=[["127.0.0.1", "8.8.8.8", "::1", "2a00::1", OUTER]]))
        assert await _ask(resolver, "a.test", 81) == [("8.8.8.8", 81), ("2a00::1", 81, 0, 0)]
        assert await resolver.refuse_reason("a.test", 81) is None

    _run(work)


def test_a_name_with_no_allowed_address_is_refused_with_a_reason() -> None:
    async def work() -> None:
        resolver = Resolver(_reach(), Names(a_test=[["127.0.0.1", OUTER]]))
        with pytest.raises(AddressRefused) as caught:
            await _ask(resolver, "a.test")
        assert caught.value.reason == "address"
        assert str(caught.value) == "a.test: not reachable through this proxy (address)"
        assert await resolver.refuse_reason("a.test", 80) == "address"
        assert await resolver.refuse_reason("a.test", 8080) == "loop"
        with pytest.raises(AddressRefused):
            await _ask(resolver, "a.test", 8080)

    _run(work)


FORBIDDEN = [
    "127.0.0.1",
    "::1",
    "::ffff:127.0.0.1",
    "169.254.169.254",
    "0.0.0.0",
    OUTER,
    "fe80::1%eth0",
    "64:ff9b::7f00:1",
]
turns = st.lists(st.lists(st.sampled_from([*FORBIDDEN, "8.8.8.8", "2a00::1"]), max_size=5), min_size=1, max_size=6)


@given(turns, st.lists(st.sampled_from([0.0, NEGATIVE_TTL, TTL + 1]), min_size=1, max_size=8))
def test_a_name_that_changes_its_answer_never_yields_a_forbidden_address(
    answers: list[list[str]], waits: list[float]
) -> None:
    async def work() -> None:
        clock = Clock()
        resolver = Resolver(_reach(), Names(a_test=list(answers)), clock)
        for wait in waits:
            clock.now += wait
            await resolver.refuse_reason("a.test", 80)
            try:
                found = await _ask(resolver, "a.test")
            except AddressRefused:
                continue
            assert found
            assert not [address for address in found if address[0] in FORBIDDEN]

    _run(work)


def test_a_cached_answer_is_judged_anew_each_time() -> None:
    async def work() -> None:
        names = Names(a_test=[["127.0.0.1"]])
        resolver = Resolver(_reach("127.0.0.0/8"), names)
        assert await _ask(resolver, "a.test") == [("127.0.0.1", 80)]
        resolver.reach = _reach()
        with pytest.raises(AddressRefused):
            await _ask(resolver, "a.test")
        assert names.asked == ["a.test"]

    _run(work)


def test_one_answer_serves_every_port_and_case_until_it_is_old() -> None:
    async def work() -> None:
        clock, names = Clock(), Names(a_test=[["8.8.8.8"], ["8.8.4.4"]])
        resolver = Resolver(_reach(), names, clock)
        assert await _ask(resolver, "a.test", 80) == [("8.8.8.8", 80)]
        assert await _ask(resolver, "A.Test", "443") == [("8.8.8.8", 443)]
        clock.now += TTL - 1
        assert await _ask(resolver, b"a.test") == [("8.8.8.8", 80)]
        assert names.asked == ["a.test"]
        clock.now += 2
        assert await _ask(resolver, "a.test") == [("8.8.4.4", 80)]

    _run(work)


def test_that_a_name_is_unknown_is_kept_for_a_shorter_time() -> None:
    async def work() -> None:
        clock, names = Clock(), Names()
        resolver = Resolver(_reach(), names, clock)
        for _ in range(3):
            with pytest.raises(socket.gaierror):
                await _ask(resolver, "a.test")
        assert await resolver.refuse_reason("a.test", 80) == "name"
        assert names.asked == ["a.test"]
        clock.now += NEGATIVE_TTL + 1
        names.answers["a.test"] = [["8.8.8.8"]]
        assert await _ask(resolver, "a.test") == [("8.8.8.8", 80)]

    _run(work)


def test_the_cache_stays_within_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CACHED", 3)

    async def work() -> None:
        resolver = Resolver(_reach(), lambda host, *_: [_info("8.8.8.8")])
        for number in range(10):
            await _ask(resolver, f"a{number}.test")
        assert len(resolver._cache) == 3

    _run(work)


def test_an_answer_without_end_is_cut() -> None:
    def endless(*_: Any) -> Iterator[Info]:
        while True:
            yield _info("8.8.8.8")

    async def work() -> None:
        assert len(await _ask(Resolver(_reach(), endless), "a.test")) == module.MAX_TRIED

    _run(work)


class Slow(Names):
    """Answers when told to."""

    def __init__(self, **answers: list[list[str]]) -> None:
        super().__init__(**answers)
        self.go = threading.Event()
        self.begun = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    def __call__(self, *args: Any) -> list[Info]:
        answer = super().__call__(*args)
        self.loop.call_soon_threadsafe(self.begun.set)
        assert self.go.wait(30)
        return answer


def test_one_lookup_serves_all_who_wait_and_outlives_the_one_who_leaves() -> None:
    async def work() -> None:
        names = Slow(a_test=[["8.8.8.8"]])
        resolver = Resolver(_reach(), names)
        waiting = [asyncio.create_task(_ask(resolver, "a.test", port)) for port in (80, 81, 82)]
        await names.begun.wait()
        waiting[0].cancel()
        await asyncio.wait([waiting[0]])
        assert waiting[0].cancelled()
        names.go.set()
        assert await waiting[1] == [("8.8.8.8", 81)]
        assert await waiting[2] == [("8.8.8.8", 82)]
        assert names.asked == ["a.test"]
        await asyncio.gather(*resolver._flights.values())
        assert not resolver._flights

    _run(work)


def test_slow_names_do_not_hold_up_others(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()

    def lookup(host: str, *_: Any) -> list[Info]:
        if host.startswith("slow"):
            assert go.wait(30)
        return [_info("8.8.8.8")]

    async def work() -> None:
        resolver = Resolver(_reach(), lookup)
        slow = [asyncio.create_task(_ask(resolver, f"slow{n}.test")) for n in range(module.LOOKUP_THREADS - 1)]
        await asyncio.sleep(0)
        assert await _ask(resolver, "quick.test") == [("8.8.8.8", 80)]
        assert not any(task.done() for task in slow)
        go.set()
        await asyncio.gather(*slow)

    _run(work)


def test_too_many_names_at_once_and_a_name_without_answer_are_told_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LOOKUPS", 1)
    monkeypatch.setattr(module, "LOOKUP_TIMEOUT", 0.0)

    async def work() -> None:
        names = Slow(a_test=[["8.8.8.8"]], b_test=[["8.8.8.8"]])
        resolver = Resolver(_reach(), names)
        with pytest.raises(TimeoutError, match=r"a\.test: no answer"):
            await _ask(resolver, "a.test")
        with pytest.raises(OSError, match=r"b\.test: too many names"):
            await _ask(resolver, "b.test")
        assert await resolver.refuse_reason("a.test", 80) == "busy"
        assert await resolver.refuse_reason("b.test", 80) == "busy"
        names.go.set()
        await asyncio.gather(*resolver._flights.values())
        assert not resolver._flights
        assert await _ask(resolver, "a.test") == [("8.8.8.8", 80)]

    _run(work)


def test_without_a_thread_the_name_has_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(*_: Any, **__: Any) -> Any:
        raise RuntimeError("can't start new thread")

    async def work() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(threading, "Thread", no_thread)
            with pytest.raises(socket.gaierror, match="no thread"):
                await _ask(Resolver(_reach()), "a.test")

    _run(work)


@pytest.mark.parametrize("host", ["a" * 64 + ".test", "a..test", "\0", "\ud800.test", b"\xff.test"])
def test_what_cannot_be_a_name_is_an_oserror_not_a_crash(host: str | bytes) -> None:
    async def work() -> None:
        with pytest.raises(OSError):
            await _ask(Resolver(_reach()), host)

    _run(work)


@pytest.mark.parametrize("port", ["http", "70000", -1, "\0"])
def test_what_is_no_port_number_is_an_oserror(port: Any) -> None:
    async def work() -> None:
        with pytest.raises(OSError, match="not a port number"):
            await _ask(Resolver(_reach(), Names(a_test=[["8.8.8.8"]])), "a.test", port)

    _run(work)


@given(st.text(max_size=40), st.integers(-10, 70000), st.booleans())
def test_any_host_and_port_get_a_reason_or_none(host: str, port: int, connect: bool) -> None:
    async def work() -> None:
        reason = await Resolver(_reach(), Names()).refuse_reason(host, port, connect)
        assert reason in (None, "address", "loop", "port", "name")

    _run(work)


def test_a_forced_name_counts_for_its_own_host_only() -> None:
    async def work() -> None:
        names = Names(www_test=[["8.8.8.8"]], safe_test=[["8.8.4.4"]], evil_test=[["127.0.0.1"]])
        resolver = Resolver(_reach(), names)
        going_to(Going("www.test", forced="safe.test"))
        assert await _ask(resolver, "www.test", 443) == [("8.8.4.4", 443)]
        with pytest.raises(AddressRefused):
            await asyncio.create_task(_ask(resolver, "evil.test"))
        going_to(Going("www.test", forced="evil.test"))
        with pytest.raises(AddressRefused):
            await _ask(resolver, "www.test", 443)
        assert await resolver.refuse_reason("www.test", 443, forced="evil.test") == "address"
        going_to(None)
        assert await _ask(resolver, "www.test", 443) == [("8.8.8.8", 443)]

    _run(work)


def test_connect_is_held_to_its_ports_when_the_connection_is_made_too() -> None:
    async def work() -> None:
        names = Names(a_test=[["10.0.0.5"], ["8.8.8.8"]])
        clock = Clock()
        resolver = Resolver(_reach("10.0.0.5:4433"), names, clock)
        assert await resolver.refuse_reason("a.test", 4434, connect=True) == "port"
        assert names.asked == []
        assert await resolver.refuse_reason("a.test", 4433, connect=True) is None
        clock.now += TTL + 1
        going_to(Going("a.test", connect=True))
        with pytest.raises(AddressRefused) as caught:
            await _ask(resolver, "a.test", 4433)
        assert caught.value.reason == "port"

    _run(work)


def test_refuse_reason_judges_literals_without_a_lookup() -> None:
    async def work() -> None:
        names = Names()
        resolver = Resolver(_reach(), names)
        assert await resolver.refuse_reason("127.1", 80) == "address"
        assert await resolver.refuse_reason("[::1]", 8080) == "loop"
        assert await resolver.refuse_reason("8.8.8.8", 80) is None
        assert await resolver.refuse_reason("8.8.8.8", 25) == "port"
        assert names.asked == []

    _run(work)


def test_the_proxy_knows_itself_by_address_in_any_spelling_and_by_name() -> None:
    async def work() -> None:
        names = Names(proxy_test=[[OUTER]], other_test=[["8.8.8.8"]])
        resolver = Resolver(_reach(), names)
        for host in ("127.1", "2130706433", "[::1]", "::ffff:127.0.0.1", "0", OUTER, "proxy.test"):
            assert await resolver.listening_self(host, 8080), host
        assert not await resolver.listening_self("proxy.test", 80)
        assert not await resolver.listening_self("other.test", 8080)
        assert not await resolver.listening_self("unknown.test", 8080)
        assert not await resolver.listening_self("192.168.1.1", 8080)

    _run(work)


# The real thing: asyncio's own connections on loopback.


class Origin:
    """A server on loopback that counts who came."""

    def __init__(self) -> None:
        self.came = 0
        self.port = 0

    async def __aenter__(self) -> "Origin":
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: Any) -> None:
        self.server.close()
        await self.server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came += 1
        writer.write(b"here\n")
        writer.close()
        await writer.wait_closed()


async def _fetch(host: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def test_open_connection_reaches_what_an_entry_names_and_nothing_else() -> None:
    async def work() -> None:
        async with Origin() as origin, Origin() as other:
            names = Names(a_test=[["127.0.0.1"]], both_test=[["127.0.0.2", "127.0.0.1"]])
            resolver = Resolver(_reach(f"127.0.0.1:{origin.port}"), names)
            resolver.install()
            await resolver.self_test()
            assert await _fetch("a.test", origin.port) == b"here\n"
            assert await _fetch("both.test", origin.port) == b"here\n"
            with pytest.raises(AddressRefused):
                await _fetch("a.test", other.port)
            assert other.came == 0

    _run(work)


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost", "0", "１２７.0.0.1", "127。1"]
)
def test_open_connection_with_the_systems_resolver_reaches_loopback_in_no_spelling(host: str) -> None:
    async def work() -> None:
        async with Origin() as origin:
            resolver = Resolver(Reach())
            resolver.install()
            with pytest.raises(AddressRefused):
                await _fetch(host, origin.port)
            assert origin.came == 0

    _run(work)


def test_a_rebinding_name_never_reaches_loopback() -> None:
    async def work() -> None:
        async with Origin() as origin:
            clock = Clock()
            resolver = Resolver(_reach(), Names(a_test=[["8.8.8.8"], ["127.0.0.1"]]), clock)
            resolver.install()
            assert await resolver.refuse_reason("a.test", origin.port) is None
            clock.now += TTL + 1
            with pytest.raises(AddressRefused):
                await _fetch("a.test", origin.port)
            assert origin.came == 0

    _run(work)


def test_listening_by_name_goes_on_under_the_guard() -> None:
    async def work() -> None:
        Resolver(_reach()).install()
        server = await asyncio.start_server(lambda reader, writer: None, "localhost", 0)
        assert server.sockets
        server.close()
        await server.wait_closed()

    _run(work)


def test_a_loop_that_is_not_asyncios_is_refused() -> None:
    Other = type("Other", (asyncio.AbstractEventLoop,), {})
    with pytest.raises(SfsError, match="resolves names past SFS") as caught:
        Resolver(_reach()).install(Other())
    assert caught.value.mend == "start SFS on asyncio's own event loop, without uvloop"


def test_self_test_fails_where_connections_do_not_ask_the_guard() -> None:
    class Deaf(asyncio.SelectorEventLoop):
        async def _ensure_resolved(self, address: Any, **hints: Any) -> Any:  # as uvloop: its own way to names
            raise OSError("asked elsewhere")

    async def work() -> None:
        resolver = Resolver(_reach())
        resolver.install()
        with pytest.raises(SfsError, match="resolves names past SFS"):
            await resolver.self_test()

    with asyncio.Runner(loop_factory=Deaf) as runner:
        runner.run(work())


def test_self_test_fails_before_the_guard_is_installed() -> None:
    async def work() -> None:
        with pytest.raises(SfsError, match="resolves names past SFS"):
            await Resolver(_reach()).self_test()

    _run(work)


def test_the_guard_works_with_eager_tasks_too() -> None:
    async def work() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        async with Origin() as origin:
            resolver = Resolver(_reach("127.0.0.0/8"), Names(a_test=[["127.0.0.1"]]))
            resolver.install()
            await resolver.self_test()
            assert await asyncio.create_task(_fetch("a.test", origin.port)) == b"here\n"
            with pytest.raises(socket.gaierror):
                await asyncio.create_task(_fetch("b.test", origin.port))

    _run(work)


def test_every_forbidden_sample_is_an_address() -> None:
    assert all(parse_address(text) for text in FORBIDDEN)
