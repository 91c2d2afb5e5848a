import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import RuleError, SfsError, Where
from sfs.text.address import (
    MAX_SPELLING,
    Kind,
    ReachEntry,
    address_class,
    parse_address,
    parse_reach,
    plain_class,
    readings,
    written_address,
)

VECTORS = Path(__file__).parent.parent / "vectors" / "addresses.txt"


def _vectors() -> list[tuple[str, str, str]]:
    rows = []
    for line in VECTORS.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            spelling, plain, kind = line.split("\t")
            rows.append((spelling.encode("ascii").decode("unicode_escape"), plain, kind))
    return rows


@pytest.mark.parametrize(("spelling", "plain", "kind"), _vectors())
def test_spelling_is_read_and_classed_as_the_table_says(spelling: str, plain: str, kind: str) -> None:
    ip = parse_address(spelling)
    assert ("-" if ip is None else str(readings(ip)[-1])) == plain
    assert ("-" if ip is None else address_class(ip)) == kind


def test_the_table_holds_every_kind() -> None:
    assert {kind for _, _, kind in _vectors()} == {*Kind, "-"}


numbers = st.integers(0, 2**32 - 1)


def _part(value: int, base: int, zeros: int) -> str:
    return {8: f"0{'0' * zeros}{value:o}", 10: str(value), 16: f"0x{'0' * zeros}{value:x}"}[base]


@st.composite
def spellings(draw: st.DrawFn) -> tuple[IPv4Address, str]:
    """An IPv4 address and one of the ways to write it."""
    number = draw(numbers | st.sampled_from((0x7F000001, 0xA9FEA9FE, 0x0A000001, 0)))
    count = draw(st.integers(1, 4))
    octets = list(number.to_bytes(4))
    values = [*octets[: count - 1], int.from_bytes(octets[count - 1 :])]
    parts = [_part(value, draw(st.sampled_from((8, 10, 16))), draw(st.integers(0, 9))) for value in values]
    text = ".".join(parts) + draw(st.sampled_from(("", ".")))
    if draw(st.booleans()):
        text = text.upper()
    if draw(st.booleans()):
        text = text.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    if draw(st.booleans()):
        text = text.replace(".", draw(st.sampled_from("。．｡")))
    return IPv4Address(number), text


@given(spellings())
def test_every_spelling_of_an_ipv4_address_is_that_address(case: tuple[IPv4Address, str]) -> None:
    ip, text = case
    assert parse_address(text) == ip


@given(numbers | st.sampled_from((0x7F000001, 0xA9FEA9FE, 0x0A000001)))
def test_an_ipv4_address_keeps_its_kind_however_it_is_wrapped(number: int) -> None:
    ip = IPv4Address(number)
    high, low = f"{number >> 16:x}", f"{number & 0xFFFF:x}"
    turned = f"{(~number >> 16) & 0xFFFF:x}:{~number & 0xFFFF:x}"
    wrapped = [
        f"::ffff:{ip}",
        f"[::ffff:{high}:{low}]",
        f"0:0:0:0:0:FFFF:{high.upper()}:{low}",
        f"::ffff:0:{ip}",
        f"64:ff9b::{ip}",
        f"2002:{high}:{low}::1",
        f"2001:0:808:808:0:0:{turned}",
        f"2a00::5efe:{ip}",
    ]
    if number > 1:
        wrapped.append(f"::{ip}")
    if number & 0xFFFFFF:
        wrapped.append(f"64:ff9b:1:2::{ip}")
    for text in wrapped:
        inside = parse_address(text)
        assert inside is not None
        assert readings(inside)[-1] == ip, text
        assert address_class(inside) == address_class(ip), text


@given(numbers, st.sampled_from((48, 56, 64)))
def test_local_nat64_of_any_prefix_length_is_never_milder_than_what_it_holds(number: int, length: int) -> None:
    prefix = IPv6Address("64:ff9b:1::").packed[: length // 8]
    octets = prefix + number.to_bytes(4)
    packed = (octets[:8] + b"\0" + octets[8:]).ljust(16, b"\0")
    assert list(Kind).index(address_class(IPv6Address(packed))) <= list(Kind).index(address_class(IPv4Address(number)))


@given(st.integers(0, 2**128 - 1).map(IPv6Address) | numbers.map(IPv4Address))
def test_the_class_is_the_worst_of_all_readings(ip: IPv4Address | IPv6Address) -> None:
    assert address_class(ip) == min((plain_class(one) for one in readings(ip)), key=list(Kind).index)


@given(st.text(max_size=60) | st.text("0123456789abcdefx.:[]%", max_size=30))
def test_whatever_the_system_takes_for_a_literal_is_read_alike(text: str) -> None:
    # asyncio connects to such a text without asking a resolver, so none may look like a name to us.
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            packed = socket.inet_pton(family, text)
        except (OSError, ValueError):
            continue
        assert parse_address(text) == ipaddress.ip_address(packed)


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_what_the_system_writes_is_read_back(ip: IPv6Address) -> None:
    assert parse_address(socket.inet_ntop(socket.AF_INET6, ip.packed)) == ip


def test_a_text_longer_than_any_host_name_is_no_address() -> None:
    assert parse_address("0" * (MAX_SPELLING - 1) + "1") == IPv4Address(1)
    assert parse_address("0" * MAX_SPELLING + "1") is None


@pytest.mark.parametrize(
    ("text", "network", "port"),
    [
        ("127.0.0.0/8", "127.0.0.0/8", None),
        ("127.0.0.1:8000", "127.0.0.1/32", 8000),
        ("[::1]:8000", "::1/128", 8000),
        ("[::1]", "::1/128", None),
        ("::1", "::1/128", None),
        ("10.0.0.5", "10.0.0.5/32", None),
        ("fe80::/10", "fe80::/10", None),
        ("fe80::/10:8000", "fe80::/10", 8000),
        ("[fe80::/10]:8000", "fe80::/10", 8000),
        (" 192.168.1.0/24:8080 ", "192.168.1.0/24", 8080),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8", None),
        ("[::ffff:127.0.0.1]:80", "127.0.0.1/32", 80),
        ("64:ff9b::a00:5", "10.0.0.5/32", None),
        ("FD00::1", "fd00::1/128", None),
        ("169.254.169.254", "169.254.169.254/32", None),
    ],
)
def test_reach_entry_is_read(text: str, network: str, port: int | None) -> None:
    assert parse_reach(text) == ReachEntry(ipaddress.ip_network(network), port)


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("localhost:8000", "write its address: a name can change hands"),
        ("", "write its address: a name can change hands"),
        ("10.0.0.0/8/8", "write the length in bits after the slash: 10.0.0.0/8"),
        ("10.0.0.0/", "write the length in bits after the slash: 10.0.0.0/8"),
        ("10.0.0.0/255.0.0.0", "write the length in bits after the slash: 10.0.0.0/8"),
        ("10.0.0.0/33", "at most /32 for IPv4, /128 for IPv6"),
        ("192.168.1.5/24", "write 192.168.1.0/24 or 192.168.1.5"),
        ("127.1", "write 127.0.0.1"),
        ("2130706433:80", "write 127.0.0.1"),
        ("0177.0.0.1", "write 127.0.0.1"),
        ("fe80::1%eth0", "write fe80::1"),
        ("10.0.0.5:", "write a port from 1 to 65535, or none for any"),
        ("10.0.0.5:0", "write a port from 1 to 65535, or none for any"),
        ("10.0.0.5:65536", "write a port from 1 to 65535, or none for any"),
        ("10.0.0.5:http", "write a port from 1 to 65535, or none for any"),
        ("10.0.0.5:\u0661", "write a port from 1 to 65535, or none for any"),
        ("[::1]8000", "write an IPv6 address with a port as [::1]:8000"),
        ("[::1", "write an IPv6 address with a port as [::1]:8000"),
        ("0.0.0.0/0", "name networks of /8 or smaller"),
        ("::/0", "name networks of /7 or smaller"),
        ("::ffff:0:0/96", "name networks of /8 or smaller"),
        ("0.0.0.0", "write 127.0.0.0/8 for this machine, else its own address"),
        ("::", "write 127.0.0.0/8 for this machine, else its own address"),
        ("224.0.0.1", "write 127.0.0.0/8 for this machine, else its own address"),
        ("1" * 200, "write one address or network a line"),
    ],
)
def test_reach_entry_with_a_fault_says_where_and_how_to_mend_it(text: str, mend: str) -> None:
    where = Where("home.yaml", 3, 5)
    with pytest.raises(RuleError) as caught:
        parse_reach(text, where)
    assert caught.value.mend == mend
    assert caught.value.where == where


def networks() -> st.SearchStrategy[ReachEntry]:
    ports = st.none() | st.integers(1, 65535)
    v4 = st.tuples(st.integers(0x0A000000, 0x0AFFFFFF), st.integers(8, 32))
    v6 = st.tuples(st.integers(0xFD << 120, (0xFE << 120) - 1), st.integers(8, 128))
    nets = (v4 | v6).map(lambda pair: ipaddress.ip_network((pair[0], pair[1]), strict=False))
    return st.builds(ReachEntry, nets, ports)


@given(networks())
def test_reach_entry_is_read_back_as_it_is_written(entry: ReachEntry) -> None:
    assert parse_reach(str(entry)) == entry


@given(st.text(max_size=200) | st.text("0123456789abcdef.:/[]%", max_size=40))
def test_any_text_gives_an_entry_that_can_be_written_or_an_error(text: str) -> None:
    try:
        entry = parse_reach(text)
    except SfsError:
        return
    assert parse_reach(str(entry)) == entry


def test_an_entry_covers_its_network_and_its_port_only() -> None:
    entry = parse_reach("192.168.1.0/24:8080")
    assert entry.covers(IPv4Address("192.168.1.9"), 8080)
    assert not entry.covers(IPv4Address("192.168.1.9"), 80)
    assert not entry.covers(IPv4Address("192.168.2.9"), 8080)
    assert not entry.covers(IPv6Address("fe80::1"), 8080)
    assert parse_reach("fe80::/10").covers(IPv6Address("fe80::1"), 1)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.80", "192.0.2.80"), ("2001:DB8::80", "2001:db8::80"), ("192.0.2", None), ("0300.0.2.80", None),
        ("3221225994", None), ("fe80::1%eth0", None), ("[2001:db8::80]", None), ("", None), ("stop.example", None),
    ],
)  # fmt: skip
def test_what_a_person_configures_is_written_in_full(text, address):
    found = written_address(text)
    assert (None if found is None else str(found)) == address
