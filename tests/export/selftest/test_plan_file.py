"""The plan of a self-test: what it says, and every fault with its place."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import ConfigError, SfsError
from sfs.export.selftest.plan import Engine, Transport
from sfs.export.selftest.plan_file import read_plan

WHOLE = """\
lists:
  - zone: policy.rpz
    answer: [192.0.2.80, "2001:db8::80"]
    file: policy.zone
    max_age: 2 days
    arrives_within: 5 minutes
    open: WWW.isp.example.
    alias: alias.isp.example
  - zone: court-order.rpz
    answer: nxdomain
    serial: 2026112801
resolvers:
  - name: ns1
    engine: bind
    at: [192.0.2.53, "2001:db8::53"]
    also: 192.0.2.54@5353
    dot: 853
    doh: 443
    lists: policy.rpz
    exempt_from: 127.0.0.2
squid:
  - name: cache
    at: 192.0.2.1:3128
proxies:
  - name: proxy
    at: "[2001:db8::1]:8080"
stop_pages: http://192.0.2.80/
within: 30 seconds
at_once: 8
"""


def read(tmp_path, text: str):
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    return read_plan(path)


def test_a_whole_plan(tmp_path):
    plan = read(tmp_path, WHOLE)
    first, second = plan.lists
    assert first.file == tmp_path / "policy.zone" and first.max_age == timedelta(days=2)
    assert (first.addresses(4), first.addresses(6)) == ({"192.0.2.80"}, {"2001:db8::80"})
    assert (first.open, second.answer, second.serial) == (("www.isp.example",), (), 2026112801)
    (resolver,) = plan.resolvers
    ways = {str(way): way.extra for way in resolver.ways}
    assert [way for way, extra in ways.items() if not extra] == [
        "192.0.2.53:53/udp", "192.0.2.53:53/tcp", "[2001:db8::53]:53/udp", "[2001:db8::53]:53/tcp",
        "192.0.2.54:5353/udp", "192.0.2.54:5353/tcp",
        "192.0.2.53:853/tls", "[2001:db8::53]:853/tls", "192.0.2.53:443/https", "[2001:db8::53]:443/https",
    ]  # fmt: skip
    assert [one.name for one in plan.proxies] == ["cache", "proxy"]
    assert [one.engine for one in plan.proxies] == [Engine.SQUID, Engine.PROXY]
    assert (plan.stop_pages[0].address, plan.stop_pages[0].port) == ("192.0.2.80", 80)
    assert (plan.within, plan.at_once) == (timedelta(seconds=30), 8)
    assert resolver.lists == ("policy.rpz",) and plan.proxies[0].lists == ("policy.rpz", "court-order.rpz")


def test_the_plan_of_the_readme_loads(tmp_path):
    text = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    plan = read(tmp_path, text.partition("```text\n# selftest.yaml\n")[2].partition("```")[0])
    assert [one.name for one in (*plan.resolvers, *plan.proxies)] == ["ns1", "cache", "proxy"]


def test_ports_that_were_forgotten_are_looked_at(tmp_path):
    plan = read(tmp_path, WHOLE.replace("    dot: 853\n", "    port: 5300\n"))
    extra = [way for way in plan.resolvers[0].ways if way.extra]
    assert {(way.port, way.transport) for way in extra} == {
        (53, Transport.UDP),
        (53, Transport.TCP),
        (853, Transport.TLS),
    }
    assert not any(way.extra for way in read(tmp_path, WHOLE.replace("dot: 853", "look: []")).resolvers[0].ways)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("zone: policy.rpz", "zone: court-order.rpz", "one twice"),
        ("zone: policy.rpz", "zone: a..b", "no name of a zone"),
        ("answer: nxdomain", "answer: nothing", "no address"),
        ("answer: nxdomain", "answer: []", "no answer"),
        ("serial: 2026112801", "serial: 0", "no serial"),
        ("    serial: 2026112801\n", "", "which version"),
        ("    file: policy.zone\n", "    file: policy.zone\n    serial: 7\n", "which version"),
        ("    file: policy.zone\n", "    primary: 192.0.2.1\n", "without its key"),
        ("open: WWW.isp.example.", "open: a_b..c", "no name"),
        ("engine: bind", "engine: squid", "no resolver"),
        ("engine: bind", "engine: bnd", "is not one of"),
        ("    engine: bind\n", "", "without engine"),
        ("also: 192.0.2.54@5353", "also: ns2", "no server"),
        ("lists: policy.rpz", "lists: other.rpz", "none of the lists"),
        ("name: proxy", "name: ns1", "one name for two"),
        ("stop_pages: http://192.0.2.80/", "stop_pages: https://192.0.2.80/", "over http"),
        ("stop_pages: http://192.0.2.80/", "stop_pages: http://stop.example/", "at its address"),
        ("within: 30 seconds", "within: 1 second", "too short"),
        ("at_once: 8", "at_ones: 8", "knows no key 'at_ones'"),
        (WHOLE, "x", "no plan"),
        (WHOLE[WHOLE.index("resolvers") :], "", "nobody to ask"),
    ],
)
def test_faults_have_a_place_and_a_mend(tmp_path, old, new, said):
    assert old in WHOLE
    with pytest.raises(SfsError, match=said) as fault:
        read(tmp_path, WHOLE.replace(old, new, 1))
    assert "plan.yaml:" in str(fault.value) and "mend: " in str(fault.value)


def test_all_faults_are_told_at_once(tmp_path):
    with pytest.raises(ConfigError) as fault:
        read(tmp_path, WHOLE.replace("engine: bind", "engine: x").replace("answer: nxdomain", "answer: x"))
    assert len(fault.value.faults) >= 2


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_give_a_plan_or_a_fault(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    try:
        assert read_plan(path).lists
    except SfsError as fault:
        assert str(fault)
