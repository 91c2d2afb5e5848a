import asyncio
import ipaddress
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import SfsError
from sfs.proxy import reach as module
from sfs.proxy.reach import (
    BAD_PORTS,
    CONNECT_PORTS,
    NEGATIVE_TTL,
    TTL,
    AddressRefused,
    Going,
    Info,
    LoopGuard,
    Reach,
    Resolver,
    client_allowed,
    connect_port_allowed,
    going_to,
    is_own_address,
    own_lookups,
    parse_proc,
    plain_port_allowed,
)
from sfs.text.address import Address, parse_address, parse_reach

OUTER = "192.168.7.7"  # this machine's own address in the tests


def _owns(ip: Address) -> bool:
    return ip.is_loopback or str(ip) in ("0.0.0.0", "::", OUTER, "fd00::7")


def _reach(*entries: str, **fields: Any) -> Reach:
    base = Reach(tuple(parse_reach(entry) for entry in entries), owns=_owns, **fields)
    return base.with_ports([8080], [8081])


# What may be reached.


@pytest.mark.parametrize(
    ("ip", "port", "reason"),
    [
        ("8.8.8.8", 80, None),
        ("2606:4700::1", 443, None),
        ("192.168.1.1", 80, None),
        ("127.0.0.1", 80, "address"),
        ("127.1", 80, "address"),
        ("::ffff:127.0.0.1", 80, "address"),
        ("64:ff9b::7f00:1", 80, "address"),
        ("2002:7f00:1::", 80, "address"),
        ("0.0.0.0", 80, "address"),
        ("::", 80, "address"),
        ("169.254.1.1", 80, "address"),
        ("fe80::1%eth0", 80, "address"),
        ("169.254.169.254", 80, "address"),
        ("fd00:ec2::254", 80, "address"),
        ("224.0.0.1", 80, "address"),
        (OUTER, 80, "address"),
        ("8.8.8.8", 25, "port"),
        ("no address", 80, "address"),
    ],
)
def test_by_default_the_internet_and_inner_networks_are_open_and_this_machine_is_not(
    ip: str, port: int, reason: str | None
) -> None:
    assert _reach().allowed(ip, port) == reason


@pytest.mark.parametrize("ip", ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", OUTER, "fd00::7", f"::ffff:{OUTER}"])
def test_the_proxys_own_port_is_a_loop_on_every_address_of_this_machine_whatever_reach_says(ip: str) -> None:
    reach = _reach("127.0.0.0/8", "127.0.0.1:8080", "[::1]:8080", f"{OUTER}:8080", "fd00::/8")
    assert reach.allowed(ip, 8080) == "loop"
    assert reach.is_self(ip, 8080)
    assert not reach.is_self(ip, 80)


def test_the_proxys_port_number_on_another_machine_is_nothing_special() -> None:
    assert _reach().allowed("192.168.1.1", 8080) is None
    assert not _reach().is_self("192.168.1.1", 8080)


def test_other_own_ports_open_only_to_an_entry_with_address_and_port() -> None:
    assert _reach("127.0.0.0/8").allowed("127.0.0.1", 8081) == "address"
    assert _reach("127.0.0.1").allowed("127.0.0.1", 8081) == "address"
    assert _reach("127.0.0.0/8:8081").allowed("127.0.0.1", 8081) == "address"
    assert _reach(machine=True).allowed(OUTER, 8081) == "address"
    assert _reach("127.0.0.1:8081").allowed("127.0.0.1", 8081) is None


def test_an_entry_opens_what_it_names_in_every_spelling_and_no_more() -> None:
    reach = _reach("127.0.0.0/8", "[::1]:8000")
    assert reach.allowed("127.0.0.5", 9999) is None
    assert reach.allowed("::ffff:127.0.0.1", 9999) is None
    assert reach.allowed("2130706433", 9999) is None
    assert reach.allowed("::1", 8000) is None
    assert reach.allowed("::1", 8001) == "address"
    assert reach.allowed("169.254.1.1", 80) == "address"


def test_metadata_addresses_open_to_no_network_but_to_their_own_name() -> None:
    assert _reach("169.254.0.0/16").allowed("169.254.1.1", 80) is None
    assert _reach("169.254.0.0/16").allowed("169.254.169.254", 80) == "address"
    assert _reach("fd00::/8").allowed("fd00:ec2::254", 80) == "address"
    assert _reach("169.254.169.254").allowed("169.254.169.254", 80) is None


def test_where_no_single_machine_answers_nothing_is_reached_even_inside_a_named_network() -> None:
    assert _reach("255.255.255.0/24").allowed("255.255.255.7", 80) is None
    assert _reach("255.255.255.0/24").allowed("255.255.255.255", 80) == "address"


def test_own_outer_addresses_and_inner_networks_follow_their_switches() -> None:
    assert _reach(machine=True).allowed(OUTER, 80) is None
    assert _reach(machine=True).allowed("127.0.0.1", 80) == "address"
    assert _reach(private=False).allowed("192.168.1.1", 80) == "address"
    assert _reach(private=False).allowed("100.64.0.1", 80) == "address"
    assert _reach("192.168.1.1", private=False).allowed("192.168.1.1", 80) is None
    assert _reach(private=False).allowed("8.8.8.8", 80) is None


@given(
    st.integers(0, 2**32 - 1).map(IPv4Address) | st.integers(0, 2**128 - 1).map(IPv6Address),
    st.integers(0, 65535),
    st.booleans(),
)
def test_what_the_standard_library_calls_global_or_local_agrees(ip: Address, port: int, connect: bool) -> None:
    if _reach().allowed(str(ip), port, connect) is None:
        plain = ip.ipv4_mapped or ip if isinstance(ip, IPv6Address) else ip
        assert not (plain.is_loopback or plain.is_link_local or plain.is_multicast or plain.is_unspecified)


def test_judge_server_looks_at_literals_and_leaves_names_to_the_resolver() -> None:
    assert _reach().judge_server(("127.0.0.1", 80)) == "address"
    assert _reach().judge_server(("::ffff:127.0.0.1", 8080)) == "loop"
    assert _reach().judge_server(("8.8.8.8", 443)) is None
    assert _reach().judge_server(("example.com", 80)) is None
    assert _reach().judge_server(("8.8.8.8", 22), connect=True) == "port"


def test_over_udp_a_name_is_refused_since_nobody_of_ours_resolves_it() -> None:
    assert _reach().judge_server(("example.com", 443), udp=True) == "address"
    assert _reach().judge_server(("8.8.8.8", 443), udp=True) is None


# Ports.


def test_connect_opens_the_ports_of_https_and_those_an_entry_names() -> None:
    assert connect_port_allowed(443, _reach())
    assert not connect_port_allowed(22, _reach())
    assert not connect_port_allowed(3128, _reach())
    assert connect_port_allowed(3128, _reach("10.0.0.5:3128"))
    assert _reach("10.0.0.5:3128").allowed("10.0.0.5", 3128, connect=True) is None
    assert _reach("10.0.0.5:3128").allowed("10.0.0.6", 3128, connect=True) == "port"
    assert _reach("10.0.0.5").allowed("10.0.0.5", 4433, connect=True) is None


def test_a_port_no_browser_opens_needs_an_entry_that_names_it() -> None:
    assert not plain_port_allowed(25, _reach("10.0.0.5"))
    assert not connect_port_allowed(25, _reach("10.0.0.5"))
    assert _reach("10.0.0.5").allowed("10.0.0.5", 25) == "port"
    assert _reach("10.0.0.5").allowed("10.0.0.5", 25, connect=True) == "port"
    assert plain_port_allowed(25, _reach("10.0.0.5:25"))
    assert _reach("10.0.0.5:25").allowed("10.0.0.5", 25) is None
    assert _reach("10.0.0.5:25").allowed("8.8.8.8", 25) == "port"


@pytest.mark.parametrize("port", [80, 443, 591, 3000, 8000, 8008, 8080, 8888, 65535])
def test_plain_http_goes_to_any_port_a_browser_opens(port: int) -> None:
    assert plain_port_allowed(port, _reach())


@pytest.mark.parametrize("port", [-1, 0, 65536, 10**9])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    assert not plain_port_allowed(port, _reach("10.0.0.5"))
    assert not connect_port_allowed(port, _reach("10.0.0.5"))


def test_no_connect_port_is_a_bad_port() -> None:
    assert not CONNECT_PORTS & BAD_PORTS


# Clients.


@pytest.mark.parametrize(
    ("peer", "served"),
    [
        ("127.0.0.1", True),
        ("192.168.1.20", True),
        ("::ffff:192.168.1.20", True),
        ("10.1.2.3", True),
        ("172.20.0.1", True),
        ("169.254.7.7", True),
        ("fe80::1%eth0", True),
        ("fd12::1", True),
        ("8.8.8.8", False),
        ("::ffff:8.8.8.8", False),
        ("100.64.0.1", False),
        ("2a00::1", False),
        ("2002:c0a8:101::1", False),
        ("64:ff9b::c0a8:101", False),
        ("198.51.100.7", True),  # named
        ("198.51.101.7", False),
        ("", False),
    ],
)
def test_a_listener_that_is_not_loopback_serves_private_ranges_and_named_networks(peer: str, served: bool) -> None:
    named = [ipaddress.ip_network("198.51.100.0/24"), ipaddress.ip_network("2a00:1::/32")]
    assert client_allowed(peer, False, named) is served


def test_a_loopback_listener_serves_whoever_can_reach_it() -> None:
    assert client_allowed("127.0.0.1", True)
    assert client_allowed("8.8.8.8", True)


# This machine's own addresses.

FIB_TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
        +-- 192.0.2.0/30 2 0 2
           |-- 192.0.2.0
              /24 link UNICAST
           |-- 192.0.2.2
              /32 host LOCAL
"""
IF_INET6 = """20010db8000000000000000000000002 04 40 00 82     eth0
00000000000000000000000000000001 01 80 10 80       lo
"""


def test_proc_files_give_the_local_addresses_and_no_others() -> None:
    assert {str(ip) for ip in parse_proc(FIB_TRIE, IF_INET6)} == {"127.0.0.1", "192.0.2.2", "2001:db8::2", "::1"}


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_in_place_of_the_proc_files_gives_a_set(fib_trie: str, if_inet6: str) -> None:
    assert isinstance(parse_proc(fib_trie, if_inet6), frozenset)


def test_the_system_tells_own_addresses_from_others() -> None:
    for text in ("127.0.0.1", "127.200.3.4", "0.0.0.0", "::1", "::"):
        assert is_own_address(ipaddress.ip_address(text))
    for text in ("240.0.0.1", "198.51.100.77", "100::1", "2001:db8:ffff::77"):
        assert not is_own_address(ipaddress.ip_address(text))


def test_every_address_the_system_lists_is_an_own_one() -> None:
    try:
        with open("/proc/net/fib_trie") as trie:
            listed = parse_proc(trie.read(), "")
    except OSError:
        pytest.skip("no /proc here")
    assert listed
    assert all(is_own_address(ip) for ip in listed)


@pytest.fixture
def fresh_list() -> Iterator[None]:
    module._asked_own.cache_clear()
    module._listed_addresses.cache_clear()
    yield
    module._asked_own.cache_clear()
    module._listed_addresses.cache_clear()


@pytest.mark.usefixtures("fresh_list")
def test_where_anything_can_be_bound_the_list_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_binds", lambda host: True)
    monkeypatch.setattr(module, "parse_proc", lambda *texts: frozenset({IPv4Address("192.0.2.2")}))
    assert is_own_address(IPv4Address("192.0.2.2"))
    assert is_own_address(IPv4Address("127.0.0.1"))
    assert not is_own_address(IPv4Address("192.0.2.3"))


@pytest.mark.usefixtures("fresh_list")
def test_doubt_counts_as_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_own_address(IPv4Address("198.51.100.77"))
    monkeypatch.setattr(module, "_listed_addresses", lambda minute: None)
    module._asked_own.cache_clear()

    def no_descriptor(*_: Any) -> Any:
        raise OSError(24, "too many open files")

    monkeypatch.setattr(socket, "socket", no_descriptor)
    assert is_own_address(IPv4Address("198.51.100.77"))


# The guard against loops through other machines.


def test_a_mark_is_known_to_its_key_and_to_no_other() -> None:
    guard, worker, stranger = LoopGuard(b"k" * 32), LoopGuard(b"k" * 32), LoopGuard()
    mark = guard.mark()
    assert guard.seen([mark])
    assert worker.seen(["1.0 fred, 1.1 example.com (Apache)", f"1.1 a, {mark}"])
    assert not stranger.seen([mark])


def test_no_two_marks_are_alike() -> None:
    guard = LoopGuard()
    assert len({guard.mark() for _ in range(50)}) == 50


def test_a_mark_is_found_behind_any_number_of_hops_but_not_in_front_of_too_many() -> None:
    guard = LoopGuard()
    assert guard.seen(["1.1 x, " * 5000 + guard.mark()])
    assert guard.seen(["1.1 x"] * 1000 + [guard.mark()])
    assert not guard.seen([guard.mark()] + ["1.1 x"] * 32)


@given(st.lists(st.text(max_size=60) | st.from_regex(r"1\.1 sfs-[0-9a-f]{28}", fullmatch=True), max_size=40))
def test_other_via_fields_are_no_loop(fields: list[str]) -> None:
    assert not LoopGuard().seen(fields)


# The resolver.


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


def test_own_lookups_are_not_filtered_and_only_within() -> None:
    async def work() -> None:
        resolver = Resolver(_reach(), Names(bureau_test=[["127.0.0.1"]]))
        with own_lookups():
            assert await _ask(resolver, "bureau.test", 8082) == [("127.0.0.1", 8082)]
        with pytest.raises(AddressRefused):
            await _ask(resolver, "bureau.test", 8082)

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
