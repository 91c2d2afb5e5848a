"""What may be diverted: claims of name servers held against a guard, limits, plans that wait for a person, files."""

import json
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sfs.cli.isp import command
from sfs.errors import SfsError
from sfs.export.divert import Diverted, Guard, Limits, Plan, Told, addresses_of, beside, plan_of, targets_of
from sfs.export.divert_files import BIRD, NFTABLES, PLAN, STATE, Way, put_in_force, read_plan, read_state, write_plan
from sfs.lists.mandatory import Purpose, Report
from sfs.lists.mandatory_file import read_mandatory
from sfs.sources.large import load_large
from sfs.sources.never_divert import load_never_divert
from sfs.text.address import Kind, address_class

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
TODAY = NOW.date()
NEVER = load_never_divert()
NOTHING, LIMITS = Diverted(), Limits()
GOOD = [ip_address(f"192.0.2.{number}") for number in range(1, 255)]


def guard(purpose: Purpose = Purpose.TEST, **more) -> Guard:
    return Guard(NEVER, load_large(), frozenset(), purpose, **more)


def told(*rounds: list[str], **more) -> Told:
    return Told(tuple(frozenset(map(ip_address, part)) for part in rounds), **more)


def planned(answers: dict[str, Told], now: Diverted = NOTHING, limits: Limits = LIMITS, **more) -> Plan:
    targets = {host: [f"l:{number}"] for number, host in enumerate(answers, 2)}
    return plan_of(targets, answers, guard(**more), limits, now, now.serial + 1, TODAY, Report())


def in_force(*addresses, day: date = TODAY) -> Diverted:
    return Diverted(7, dict.fromkeys(addresses, day))


def reasons(one: Told, limits: Limits = LIMITS) -> list[str]:
    return [reason for _, reason in addresses_of(one, guard(), limits)]


def test_only_pages_over_plain_http_are_diverted():
    rows = [
        {"list": "l", "purpose": "policy"},
        {"unit": "url-exact", "url": "http://a.example/x"},
        {"unit": "path-prefix", "url": "http://a.example/y/"},
        {"unit": "url-exact", "url": "https://b.example/x", "scheme": "https"},
        {"unit": "url-exact", "url": "http://c.example:8080/x"},
        {"unit": "url-exact", "url": "http://d.example/x", "methods": ["url"]},
        {"unit": "host", "host": "e.example"},
    ]
    report = Report()
    entries = read_mandatory([json.dumps(row).encode() for row in rows], "l").entries
    assert targets_of(entries, "l", report) == {"a.example": ["l:2", "l:3"], "d.example": ["l:6"]}
    assert report.counts == {
        "left out: a page over HTTPS: only its name is seen": 1,
        "left out: a port that is not diverted": 1,
        "left out: a whole name or address, which resolvers and firewalls close": 1,
    }


ANSWERS = st.lists(st.one_of(st.ip_addresses(), st.sampled_from([net[3] for net in NEVER])), max_size=8)


@given(ANSWERS, st.sampled_from(Purpose))
def test_whatever_is_answered_nothing_special_or_guarded_is_diverted(found, purpose):
    large = frozenset(beside(one) for one in found[:2])
    held = Guard(NEVER, load_large(), large, purpose)
    said = {"h.example": Told((frozenset(found),))}
    plan = plan_of({"h.example": ["l:2"]}, said, held, LIMITS, NOTHING, 1, TODAY, Report())
    for one in plan.seen:
        assert address_class(one) is Kind.PUBLIC or (purpose is Purpose.TEST and address_class(one) is Kind.RESERVED)
        assert not any(one in network for network in NEVER) and beside(one) not in large


def test_samples_of_documentation_are_for_lists_of_tests_alone():
    assert guard(Purpose.TEST).refuses(GOOD[0]) == ""
    assert guard(Purpose.POLICY).refuses(GOOD[0]) == "an address that is no site's: reserved"


def test_answers_have_to_be_short_and_steady():
    assert reasons(told(["192.0.2.1"], ["192.0.2.1"])) == [""]
    assert reasons(told(["192.0.2.1", "192.0.2.2"], ["192.0.2.2", "192.0.2.3"])) == [
        "",
        "",
        "",
    ]  # it turns, on one foot
    assert reasons(told(["192.0.2.1"], ["192.0.2.2"])) == ["IPv4 addresses that change from one question to the next"]
    assert "IPv6" in reasons(told(["192.0.2.1", "2001:db8::1"], ["192.0.2.1", "2001:db8::2"]))[0]
    assert reasons(told([str(one) for one in GOOD[:9]])) == ["more than 8 addresses"]
    assert reasons(told([str(one) for one in GOOD[:9]]), Limits(per_host=9)) == [""] * 9
    assert reasons(told([])) == ["no address"] and reasons(told([], silent=True)) == ["no answer"]
    assert reasons(told(["192.0.2.1"], leads_to=frozenset({"x.google.com"}))) == [
        "a name that leads to a very large site"
    ]


def test_what_is_outside_the_limits_waits():
    few = {f"h{one}.example": told([str(one)]) for one in GOOD[:3]}
    assert planned(few).waits == ("the first run: nothing is in force yet",)
    assert planned(few, in_force(GOOD[0])).waits == ()
    assert planned(few, in_force(GOOD[0]), Limits(new=1)).waits == ("2 new addresses, more than 1",)
    plan = planned(few, in_force(*GOOD[:5]))
    assert plan.waits == ("2 of 5 addresses go",) and plan.gone == (GOOD[3], GOOD[4]) and not plan.because
    assert "very large sites gave no answer" in planned(few, in_force(*GOOD[:3]), unknown=2).waits[0]
    with pytest.raises(SfsError, match="3 addresses, more than 2"):
        planned(few, limits=Limits(most=2))


def test_a_name_server_that_is_silent_opens_nothing_for_a_week():
    answers = {"a.example": told([], silent=True)}
    kept = planned(answers, in_force(GOOD[0], day=TODAY - timedelta(days=7)))
    assert list(kept.seen) == [GOOD[0]] and not kept.gone
    assert planned(answers, in_force(GOOD[0], day=TODAY - timedelta(days=8))).gone == (GOOD[0],)
    assert planned(answers, in_force(ip_address("8.8.8.8"))).gone == (ip_address("8.8.8.8"),)


def test_a_plan_is_put_in_force_as_it_was_looked_at(tmp_path):
    plan, way = planned({"a.example": told(["192.0.2.1", "2001:db8::1"])}), Way(7, (ip_address("198.51.100.2"),))
    plan_id = write_plan(tmp_path, plan, way, Diverted(), NOW)
    with pytest.raises(SfsError, match="another plan waits here"):
        read_plan(tmp_path, "000000000000", NEVER, NOW)
    with pytest.raises(SfsError, match="older than a day"):
        read_plan(tmp_path, plan_id, NEVER, NOW + timedelta(hours=25))
    with pytest.raises(SfsError, match="not to be diverted any more"):
        read_plan(tmp_path, plan_id, (ip_network("192.0.2.0/28"),), NOW)
    looked_at, how = read_plan(tmp_path, plan_id, NEVER, NOW)
    assert (looked_at.seen, how) == (plan.seen, way)
    put_in_force(tmp_path, looked_at, how, "A. One", NOW)
    assert read_state(tmp_path, Purpose.TEST) == Diverted(1, plan.seen)
    assert not (tmp_path / PLAN).exists()
    nft, bird = (tmp_path / NFTABLES).read_text(), (tmp_path / BIRD).read_text()
    assert nft.startswith("# SFS, test list divert, serial 1\n") and "meta mark set 0x7" in nft
    assert "route 192.0.2.1/32 via 198.51.100.2 { bgp_community.add((65535, 65281)); };" in bird and "2001" not in bird
    with pytest.raises(SfsError, match="cannot become policy"):
        read_state(tmp_path, Purpose.POLICY)


def test_a_plan_that_something_else_overtook_or_somebody_changed_is_refused(tmp_path):
    plan = planned({"a.example": told(["192.0.2.1"])})
    plan_id = write_plan(tmp_path, plan, Way(), Diverted(), NOW)
    put_in_force(tmp_path, plan, Way(), "A. One", NOW)
    with pytest.raises(SfsError, match="no plan waits"):
        read_plan(tmp_path, plan_id, NEVER, NOW)
    write_plan(tmp_path, plan, Way(), Diverted(), NOW)
    with pytest.raises(SfsError, match="something else came into force"):
        read_plan(tmp_path, plan_id, NEVER, NOW)
    file = tmp_path / PLAN
    file.write_text(file.read_text().replace("192.0.2.1", "192.0.2.9"))
    with pytest.raises(SfsError, match="another plan waits here"):
        read_plan(tmp_path, plan_id, NEVER, NOW)


ODD = ("{}", '{"addresses": 1}', '{"addresses": {"x": "y"}}')


@given(st.one_of(st.text(max_size=60), st.sampled_from(ODD)))
def test_any_file_gives_an_error(tmp_path_factory, text):
    folder = tmp_path_factory.getbasetemp()
    (folder / STATE).write_text(text, encoding="utf-8")
    (folder / PLAN).write_text(text, encoding="utf-8")
    with pytest.raises(SfsError):
        read_state(folder, Purpose.TEST)
    with pytest.raises(SfsError) as fault:
        read_plan(folder, "000000000000", NEVER, NOW)
    with pytest.raises(SfsError):
        read_plan(folder, (fault.value.mend or "").rpartition(" ")[2], NEVER, NOW)


def run(*arguments: object) -> str:
    result = CliRunner().invoke(command, ["divert", *map(str, arguments)], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ((), "a list and a resolver are needed"),
        (("LIST",), "a list and a resolver are needed"),
        (("LIST", "--resolver", "here"), "no server"),
        (("LIST", "--resolver", "127.0.0.1", "--next-hop", "x"), "--next-hop takes addresses"),
        (("LIST", "--resolver", "127.0.0.1", "--next-hop", "192.0.2.1", "--next-hop", "192.0.2.2"), "takes addresses"),
        (("--approve", "x"), "nobody approves it"),
        (("--approve", "x", "--by", " "), "nobody approves it"),
        (("--approve", "x", "--by", "A\nB"), "nobody approves it"),
        (("LIST", "--approve", "x", "--by", "A"), "takes no list"),
        (("--approve", "x", "--by", "A. One"), "no plan waits"),
    ],
)
def test_what_cannot_be_asked(tmp_path, words, what):
    (tmp_path / "list").write_text("a.example/x\n")
    with pytest.raises(SfsError, match=what):
        run("-o", tmp_path / "out", *(str(tmp_path / "list") if word == "LIST" else word for word in words))


def test_a_confidential_list_leaves_no_address_on_a_disk(tmp_path):
    shm = Path("/dev/shm")
    if not shm.is_dir():
        pytest.skip("no /dev/shm here")
    file = shm / f"sfs-test-divert-{tmp_path.name}.jsonl"
    file.write_text(
        '{"list": "l", "purpose": "child-protection"}\n{"unit": "url-exact", "url": "http://192.0.2.1/x"}\n'
    )
    try:
        with pytest.raises(SfsError, match="goes to no disk") as fault:
            run(file, "-o", tmp_path / "out", "--resolver", "127.0.0.1")
        assert "192.0.2.1" not in str(fault.value) and not (tmp_path / "out").exists()
    finally:
        file.unlink()


@pytest.mark.parametrize("text", ["x", "192.0.2.1/24", "192.0.2.0/33", "\xff", "a.example"])
def test_a_guard_is_taken_whole_or_not_at_all(tmp_path, text):
    path = tmp_path / "own.txt"
    path.write_bytes(b"# ours\n192.0.2.0/24  # a note\n" + text.encode("latin-1"))
    with pytest.raises(SfsError):
        load_never_divert([path])
    path.write_text("192.0.2.0/24  # a note\n\n2001:db8::/32\n")
    assert load_never_divert([path])[-2:] == (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
