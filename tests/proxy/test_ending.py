"""The end: who is waited for, and who is not."""

import asyncio
import os
import signal
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from mitmproxy import connection, http
from mitmproxy.options import Options
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._events import ResponseHeaders

from sfs.proxy.ending import DRAIN, LATELY, LEAVING, Stop, UnderWay, drain
from sfs.proxy.stock import heads

FOREVER = 1000.0  # seconds: a drain that waited for nothing would fail the test by its deadline
DEADLINE = 20.0


class Writer:
    """A stream writer with bytes that its peer has not taken."""

    def __init__(self, waiting: int = 0, closing: bool = False) -> None:
        self.transport = SimpleNamespace(get_write_buffer_size=lambda: waiting, is_closing=lambda: closing)


def handler(name: str = "one", moved: float = -1000.0, writers: tuple[Writer, ...] = ()) -> SimpleNamespace:
    client = SimpleNamespace(id=name)
    transports = {number: SimpleNamespace(writer=writer) for number, writer in enumerate(writers)}
    return SimpleNamespace(client=client, transports=transports, moved=moved)


def server_with(*handlers: SimpleNamespace) -> SimpleNamespace:
    async def update(modes: list[object]) -> None:
        made.listens = bool(modes)

    made = SimpleNamespace(listens=True, connections=dict(enumerate(handlers)), servers=SimpleNamespace(update=update))
    return made


def flow(client: str = "one", name: str = "flow") -> SimpleNamespace:
    return SimpleNamespace(id=name, client_conn=SimpleNamespace(id=client))


def drained(server: SimpleNamespace, under_way: UnderWay | None = None, during=None, seconds: float = FOREVER) -> None:
    """Drain; `during(now)` is called a moment after the beginning."""

    async def run() -> None:
        stop = Stop()
        stop.end, now = asyncio.get_running_loop().time() + seconds, stop.now
        task = asyncio.create_task(drain(server, under_way or UnderWay(), stop))
        if during is not None:
            while server.listens:  # noqa: ASYNC110 - the drain tells nobody that it has begun
                await asyncio.sleep(0)
            assert not task.done(), "nobody was waited for"
            during(now)
        await asyncio.wait_for(task, DEADLINE)

    asyncio.run(run())
    assert not server.listens


def test_nobody_is_waited_for_where_nobody_is():
    drained(server_with())


def test_an_idle_client_with_an_open_upstream_is_not_waited_for():
    drained(server_with(handler(writers=(Writer(), Writer()))))


def test_a_request_without_its_whole_answer_is_waited_for():
    under_way = UnderWay()
    under_way.requestheaders(flow())
    drained(server_with(handler()), under_way, lambda _: under_way.response(flow()))


@pytest.mark.parametrize("end", ["response", "error", "left"])
def test_a_request_ends_with_its_answer_its_failure_or_its_client(end):
    under_way = UnderWay()
    client = SimpleNamespace(id="one")
    under_way.requestheaders(flow(name="first"))
    under_way.requestheaders(flow(name="second"))
    under_way.response(flow(name="first"))
    assert under_way.waits(client)
    if end == "left":
        under_way.client_disconnected(client)
    else:
        getattr(under_way, end)(flow(name="second"))
    assert not under_way.waits(client)
    under_way.response(flow(name="second"))  # once more, late: no harm


def test_the_request_of_a_client_that_is_gone_holds_nothing_up():
    under_way = UnderWay()
    under_way.requestheaders(flow(client="gone"))
    drained(server_with(handler("other")), under_way)


def test_bytes_that_a_slow_client_has_not_taken_are_waited_for():
    slow = handler(writers=(Writer(waiting=10),))
    drained(server_with(slow), during=lambda _: slow.transports.clear())


def test_bytes_for_a_connection_that_closes_are_not_waited_for():
    drained(server_with(handler(writers=(Writer(waiting=10, closing=True),))))


def test_a_tunnel_whose_bytes_moved_lately_is_waited_for_until_they_stop():
    tunnel = handler(moved=10**9)  # in the future: always lately
    drained(server_with(tunnel), during=lambda _: setattr(tunnel, "moved", 0.0 - LATELY))


def test_a_second_signal_ends_the_waiting():
    under_way = UnderWay()
    under_way.requestheaders(flow())
    drained(server_with(handler()), under_way, lambda now: now.set())


def test_the_waiting_has_an_end():
    under_way = UnderWay()
    under_way.requestheaders(flow())
    drained(server_with(handler()), under_way, seconds=0.05)


def test_who_was_replaced_has_time_until_a_signal_comes():
    async def run() -> None:
        stop, now = Stop(), asyncio.get_running_loop().time()
        stop.leave()
        assert stop.wished.is_set() and not stop.now.is_set()
        assert stop.end >= now + LEAVING
        stop.signal()
        assert now + DRAIN <= stop.end < now + LEAVING
        assert not stop.now.is_set()
        stop.signal()
        assert stop.now.is_set()

    asyncio.run(run())


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_asks_two_hurry_and_the_third_is_the_systems(number):
    before = signal.getsignal(number)

    async def run() -> None:
        stop = Stop()
        stop.listen()
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.wished.wait(), DEADLINE)
        assert not stop.now.is_set()
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.now.wait(), DEADLINE)
        assert signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)

    try:
        asyncio.run(run())
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize(
    ("method", "status", "closes"),
    [("GET", 200, True), ("GET", 403, True), ("GET", 101, False), ("CONNECT", 200, False), ("CONNECT", 403, True)],
)
def test_answers_of_a_drain_end_their_connection_but_for_what_they_open(method, status, closes):
    server = heads.BoundedServer(Context(connection.Client(peername=("127.0.0.1", 1), sockname=("", 1)), Options()))
    server.request = http.Request.make(method, "http://example.com/")
    for draining in (False, True):
        answer = http.Response.make(status, b"", {"connection": "keep-alive"})
        with heads.closing_after_answers() if draining else nullcontext():
            (sent,) = server.send(ResponseHeaders(1, answer))
        assert (b"connection: close" in sent.data) is (closes and draining)
