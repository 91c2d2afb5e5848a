"""What a program is told of a list: overlap goes, what it cannot express is counted with its line, nothing widens."""

import ipaddress
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.export.engines import ENGINES
from sfs.export.engines.rpz import client_name
from sfs.export.engines.squid import expression
from sfs.export.order import Order, sift
from sfs.lists.canary import canary_tree, neighbours, serial_name, serial_of
from sfs.lists.mandatory import CANARY, Method, Purpose, Report
from sfs.lists.mandatory_file import read_mandatory
from sfs.match.entry import Unit
from sfs.text.url import parents

STOP = (ipaddress.ip_address("192.0.2.80"), ipaddress.ip_address("2001:db8::80"))


def sifted(name: str, *lines: str, stop=STOP):
    found = read_mandatory([f"{line}\n".encode() for line in lines], "list.txt")
    order = Order(Purpose.POLICY, "policy.rpz", 1, found.entries, stop, (), "192.0.2.1:8080")
    report = Report()
    return sift(ENGINES[name], order, report, "list.txt"), report, order


def written(name: str, *lines: str, stop=STOP) -> list[str]:
    told, _, order = sifted(name, *lines, stop=stop)
    return list(ENGINES[name].write(order, told))


def test_what_others_cover_is_not_written():
    told, report, _ = sifted(
        "squid", "a.example", "b.a.example", "=c.a.example", "a.example/x", "d.example/k/", "d.example/k/z", "a.example"
    )
    assert (told.trees, told.hosts) == (("a.example", canary_tree("policy.rpz")), (CANARY,))
    assert [one.entry.text for one in told.others] == ["d.example/k/"]
    assert report.counts["covered by other entries, so not written"] == 4


def test_a_page_is_never_written_where_names_alone_are_seen():
    for name in ENGINES:
        told, report, _ = sifted(name, "shared.example/a", "shared.example/b?c")
        text = "\n".join(written(name, "shared.example/a", "shared.example/b?c"))
        if name == "squid":
            assert len(told.others) == 2 and "shared" in text
        else:
            assert "shared" not in text and sum(report.counts.values()) == 2, name


def test_what_is_left_out_is_named_by_its_line():
    _, report, _ = sifted("dnsmasq", "a.example", "=b.example", "c.example:81", "d.example/x")
    assert sorted(report.text()) == [
        "1 left out: a scheme or port, and names alone are seen (list.txt:3)",
        "1 left out: a unit of pages, and names alone are seen (list.txt:4)",
        "1 left out: one name without those below it: a line of dnsmasq covers both (list.txt:2)",
    ]


def test_a_tree_has_two_names_in_a_zone_and_a_host_one():
    lines = written("rpz", "tree.example", "=host.example")
    assert [line for line in lines if "tree" in line] == [
        "tree.example A 192.0.2.80", "tree.example AAAA 2001:db8::80",
        "*.tree.example A 192.0.2.80", "*.tree.example AAAA 2001:db8::80",
    ]  # fmt: skip
    assert [line for line in lines if "host.e" in line] == [
        "host.example A 192.0.2.80",
        "host.example AAAA 2001:db8::80",
    ]
    assert not [line for line in lines if " CNAME " in line]


def test_a_name_too_long_for_the_zone_is_reported():
    long = ".".join(["a" * 60] * 4)
    _, report, _ = sifted("rpz", f"={long}.example")[0:3]
    assert report.counts == {"left out: a name too long to stand below the zone": 1}


@pytest.mark.parametrize(
    ("network", "name"),
    [
        ("192.0.2.0/24", "24.0.2.0.192.rpz-client-ip"),
        ("127.0.0.2/32", "32.2.0.0.127.rpz-client-ip"),
        ("2001:db8::/32", "32.zz.db8.2001.rpz-client-ip"),
        ("2001:db8::1/128", "128.1.zz.db8.2001.rpz-client-ip"),
        ("::1/128", "128.1.zz.rpz-client-ip"),
        ("::/0", "0.zz.rpz-client-ip"),
    ],
)
def test_clients_in_a_zone(network, name):
    assert client_name(ipaddress.ip_network(network)) == name


@pytest.mark.parametrize("name", [name for name, engine in ENGINES.items() if engine.method is Method.DNS])
def test_a_name_that_no_resolver_can_load_is_left_out(name):
    rows = [{"unit": "domain-tree", "host": host} for host in ("a" * 64 + ".example", "a..example", "b.example")]
    found = read_mandatory([json.dumps(row).encode() for row in ({"purpose": "policy"}, *rows)], "list.txt")
    report = Report()
    told = sift(ENGINES[name], Order(Purpose.POLICY, "policy.rpz", 1, found.entries, STOP), report, "list.txt")
    assert report.text()[0] == "2 left out: a name that cannot stand in the DNS (list.txt:2, list.txt:3)"
    assert "b.example" in told.trees


@pytest.mark.parametrize("host", ["8.0.0.0.10.rpz-client-ip", "32.1.2.0.192.rpz-ip", "ns.example.rpz-nsdname"])
def test_a_name_that_means_something_else_in_a_zone_is_left_out(host):
    told, report, _ = sifted("rpz", host, f"={host}")
    assert report.counts == {"left out: a name that means something else in a zone": 2}
    assert host not in (*told.trees, *told.hosts)


def test_keys_stand_in_any_order():
    rows = [
        {"list": "l", "purpose": "policy"},
        {"unit": "url-query-keys", "url": "http://h.example/a?b=1&c=2", "keys": ["c", "b"]},
    ]
    one = read_mandatory([json.dumps(row).encode() for row in rows], "l").entries[0]
    look = re.compile(expression(one).replace("[[:space:]]", r"\s"))
    for query in ("b=1&c=2", "c=2&b=1", "x&c=2&y&b=1&z"):
        assert look.search(f"http://h.example/a?{query}")
    for query in ("b=1", "c=2", "b=1&c=22", "xb=1&c=2", ""):
        assert not look.search(f"http://h.example/a?{query}")


NAMES = st.from_regex(r"(=)?[ab](\.[ab]){0,3}\.example", fullmatch=True)


@given(st.lists(NAMES, min_size=1, max_size=8), st.from_regex(r"[ab](\.[ab]){0,3}\.example", fullmatch=True))
def test_no_name_is_lost_and_none_is_closed_that_was_not_listed(lines, host):
    told, _, order = sifted("rpz", *lines)
    listed = any(
        one.entry.host == host or (one.entry.unit is Unit.TREE and one.entry.host in parents(host))
        for one in order.entries
    )
    assert listed == (host in told.hosts or any(name in told.trees for name in parents(host)))
    assert len(set(told.hosts)) + len(set(told.trees)) <= len(set(lines)) + 2


def test_each_list_has_canaries_of_its_own():
    assert canary_tree("policy.rpz") == "policy-rpz.canary.sfs.example"
    assert canary_tree("policy.rpz") != canary_tree("court-order.rpz")
    for name in ("rpz", "unbound", "knot", "pdns", "dnsmasq"):
        for stop in (STOP, ()):
            lines = written(name, "a.example", stop=stop)
            text = "\n".join(lines)
            assert text.count(serial_name("policy.rpz")) >= 1 and "serial 1" in text, (name, stop)
    # A list that closes the canaries anyway does not write them twice.
    assert sifted("rpz", "sfs.example")[0].trees == ("sfs.example",)


def test_neighbours_of_the_canaries_are_closed_by_no_list():
    closed = sifted("rpz", "a.example")[0]
    for zone in ("policy.rpz", "z" * 63):
        for name in neighbours(zone):
            assert all(len(label) < 64 for label in name.split("."))
            assert name not in closed.hosts and not any(above in closed.trees for above in parents(name))


@pytest.mark.parametrize(("text", "serial"), [("serial 7", 7), ("serial x", None), ("", None), ("serial 7 ", None)])
def test_a_serial_is_read_as_it_is_written(text, serial):
    assert serial_of(text) == serial
