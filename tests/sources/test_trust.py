"""Who is inspected under `auto`: proved, lost, shared, pinned; and what of it a restart keeps."""

import json
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.sources import trust as rules
from sfs.sources.trust import Trust
from sfs.sources.trust_file import MAX_CLIENTS, MAX_PINS, Known
from sfs.sources.trust_merge import both, merged

ME, OTHER = "192.0.2.1", "192.0.2.2"
DAY = 86_400


class Clock:
    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def trust(clock: Clock) -> Trust:
    return Trust(None, clock)


def refuse(trust: Trust, *hosts: str, client: str = ME) -> None:
    for host in hosts:
        trust.refused(client, host)


def test_nobody_is_trusted_who_has_proved_nothing(trust):
    trust.seen(ME, "a.test")
    refuse(trust, "a.test", "b.test")
    for _ in range(5):
        trust.silent(ME, "a.test")
    assert (trust.trusted(ME), trust.state(ME)) == (False, "not yet")
    assert trust.devices() == trust.pins() == trust.shared() == ()


def test_a_proof_counts_for_its_client_alone(trust, clock):
    assert trust.proved(ME)
    assert (trust.trusted(ME), trust.state(ME), trust.trusted(OTHER)) == (True, "trusted", False)
    (device,) = trust.devices()
    assert (device.client, device.since.timestamp(), device.seen.timestamp()) == (ME, clock.now, clock.now)


def test_trust_ends_seven_days_after_the_client_was_last_seen(trust, clock):
    trust.proved(ME)
    clock.now += 6 * DAY
    trust.seen(ME)
    clock.now += 7 * DAY - 1
    assert trust.trusted(ME)
    clock.now += 1
    assert not trust.trusted(ME)
    assert trust.devices() == ()
    trust.seen(ME)
    assert (trust.trusted(ME), trust.state(ME)) == (False, "not yet")
    assert trust.proved(ME)


@pytest.mark.parametrize(
    ("hosts", "seconds", "kept"),
    [
        (["a.test", "b.test"], 1, True),
        (["a.test", "b.test", "c.test"], 1, False),
        (["a.test", "b.test", "c.test"], 29, False),
        (["a.test", "b.test", "c.test"], 30, True),
        (["a.test", "b.test", "a.test", "b.test"], 1, True),
    ],
)
def test_three_sites_refused_within_a_minute_end_trust(trust, clock, hosts, seconds, kept):
    trust.proved(ME)
    for host in hosts:
        trust.refused(ME, host)
        clock.now += seconds
    assert trust.trusted(ME) is kept
    assert trust.state(ME) == ("trusted" if kept else "shared")
    assert {pin.host for pin in trust.pins()} == set(hosts)


def test_a_shared_address_can_prove_trust_again_after_an_hour(trust, clock):
    trust.proved(ME)
    refuse(trust, "a.test", "b.test", "c.test")
    (shared,) = trust.shared()
    assert (shared.client, (shared.until - shared.since).total_seconds()) == (ME, 3600)
    clock.now += 3599
    assert not trust.proved(ME)
    assert trust.state(ME) == "shared"
    clock.now += 1
    assert trust.proved(ME)
    assert (trust.state(ME), trust.shared()) == ("trusted", ())
    assert trust.pinned(ME, "a.test")  # what refused once is not tried again at once


def test_who_goes_on_through_the_warning_proves_nothing_for_an_hour(trust, clock):
    trust.withdraw(ME)
    assert (trust.trusted(ME), trust.state(ME)) == (False, "not yet")
    assert not trust.proved(ME)
    clock.now += 3600
    assert trust.proved(ME)


def test_a_reader_cannot_give_away_the_trust_that_was_proved(trust):
    trust.proved(ME)
    trust.withdraw(ME)
    assert trust.trusted(ME) and trust.proved(ME)


def test_a_site_that_is_refused_is_by_name_at_once_for_that_client_and_expires(trust, clock):
    trust.proved(ME)
    trust.proved(OTHER)
    trust.refused(ME, "bank.test")
    assert trust.pinned(ME, "bank.test")
    assert not trust.pinned(OTHER, "bank.test") and not trust.pinned(ME, "other.test")
    (pin,) = trust.pins()
    assert (pin.client, pin.host, pin.reason) == (ME, "bank.test", "refused")
    assert (pin.until - pin.since).days == 14
    clock.now += 14 * DAY
    assert not trust.pinned(ME, "bank.test") and trust.pins() == ()


def test_silence_counts_less(trust, clock):
    trust.proved(ME)
    trust.silent(ME, "app.test")
    trust.silent(ME, "app.test")
    trust.seen(ME, "app.test")  # it does take the certificate there
    trust.silent(ME, "app.test")
    trust.silent(ME, "app.test")
    clock.now += 600
    trust.silent(ME, "app.test")
    trust.silent(ME, "app.test")
    assert not trust.pinned(ME, "app.test")
    trust.silent(ME, "app.test")
    assert trust.pinned(ME, "app.test")
    assert trust.pins()[0].reason == "silent"
    for host in "abcdef":
        for _ in range(3):
            trust.silent(ME, f"{host}.test")
    assert trust.trusted(ME)  # silence alone never ends trust


def test_an_administrator_can_forget_a_device_and_a_site(trust):
    trust.proved(ME)
    refuse(trust, "a.test", "b.test")
    trust.forget_pin(ME, "a.test")
    trust.forget_pin(ME, "never.test")
    trust.forget_pin(OTHER, "a.test")
    assert [pin.host for pin in trust.pins()] == ["b.test"]
    trust.forget(ME)
    trust.forget(OTHER)
    assert trust.devices() == trust.pins() == ()
    assert trust.proved(ME)


def test_clients_and_sites_are_bounded(trust, clock):
    for number in range(MAX_CLIENTS + 10):
        clock.now += 1
        trust.proved(f"client {number}")
    assert len(trust.devices()) == MAX_CLIENTS
    last = trust.devices()[0].client
    for number in range(MAX_PINS + 10):
        clock.now += 61
        trust.refused(last, f"{number}.test")
    assert len(trust.pins()) == MAX_PINS
    assert trust.pinned(last, f"{MAX_PINS + 9}.test") and not trust.pinned(last, "0.test")
    for number in range(10_000):
        trust.silent(last, f"{number}.test")
    assert len(trust._clients[last].silences) <= rules.MAX_WATCHED


def test_strangers_do_not_push_out_who_has_proved_trust(trust):
    trust.proved(ME)
    for number in range(MAX_CLIENTS + 10):
        trust.withdraw(f"stranger {number}")
    assert trust.trusted(ME)


def test_a_restart_keeps_what_was_proved(tmp_path, clock):
    file = tmp_path / "state" / "trust.json"
    before = Trust(file, clock)
    before.use_ca("one")
    before.proved(ME)
    before.refused(ME, "bank.test")
    before.proved(OTHER)
    refuse(before, "a.test", "b.test", "c.test", client=OTHER)
    before.close()
    assert file.stat().st_mode & 0o777 == 0o600
    clock.now += DAY
    after = Trust(file, clock)
    after.use_ca("one")
    assert after.devices() == before.devices() and after.pins() == before.pins() and after.shared() == before.shared()
    assert after.trusted(ME) and after.pinned(ME, "bank.test") and after.state(OTHER) == "shared"
    clock.now += 7 * DAY
    assert not after.trusted(ME)
    after.close()


def test_trust_in_another_ca_is_none(tmp_path, clock):
    file = tmp_path / "trust.json"
    for ca, kept in (("one", False), ("one", True), ("two", False), ("two", True)):
        trust = Trust(file, clock)
        trust.use_ca(ca)
        assert trust.trusted(ME) is kept
        trust.proved(ME)
        trust.close()


def test_changes_are_written_soon_without_a_close(tmp_path, monkeypatch):
    monkeypatch.setattr(rules, "SAVE_AFTER", 0.0)
    file = tmp_path / "trust.json"
    trust = Trust(file)
    trust.proved(ME)
    end = time.monotonic() + 20
    while not file.exists() and time.monotonic() < end:
        threading.Event().wait(0.01)
    assert json.loads(file.read_text())["clients"][0]["client"] == ME
    trust.close()


GOOD = {"version": 1, "ca": "", "clients": [{"client": ME, "since": 1, "seen": 1, "lost": None, "wait": 0, "pins": []}]}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"null",
        b'{"clients": 7}',
        b'{"ca": 7, "clients": []}',
        b"[" * 100_000,
        json.dumps(GOOD).replace('"seen": 1', '"seen": NaN').encode(),
        json.dumps(GOOD).replace('"since": 1', '"since": 1e300').encode(),
        json.dumps(GOOD).replace('"since": 1', '"since": true').encode(),
        json.dumps(GOOD).replace('"pins": []', '"pins": [["a.test", 1, 2]]').encode(),
        json.dumps(GOOD).replace('"pins": []', '"pins": [[1, 1, 2, "refused"]]').encode(),
    ],
)
def test_a_damaged_file_is_said_and_started_empty(tmp_path, caplog, text):
    file = tmp_path / "trust.json"
    file.write_bytes(text)
    trust = Trust(file)
    assert "trust.json cannot be read" in caplog.text
    assert trust.devices() == trust.pins() == ()
    trust.proved(ME)
    trust.close()
    again = Trust(file)
    assert again.trusted(ME)
    again.close()


@given(st.binary(max_size=200))
@settings(max_examples=50, deadline=None)
def test_any_bytes_in_the_file_give_a_trust(tmp_path_factory, data):
    file = tmp_path_factory.mktemp("any") / "trust.json"
    file.write_bytes(data)
    trust = Trust(file)
    assert not trust.trusted(ME)
    trust.close()


def test_a_folder_that_cannot_be_written_is_said_and_trust_goes_on(tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    trust = Trust(tmp_path / "file" / "trust.json")
    trust.proved(ME)
    trust.close()
    assert "is not kept" in caplog.text
    assert trust.trusted(ME)


def test_many_threads_may_use_it_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(rules, "SAVE_AFTER", 0.0)
    trust = Trust(tmp_path / "trust.json")
    faults: list[Exception] = []

    def work(number: int) -> None:
        try:
            for turn in range(200):
                trust.proved(f"{number}")
                trust.refused(f"{number}", f"{turn % 2}.test")
                trust.devices()
                trust.pins()
        except Exception as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    trust.close()
    assert faults == [] and len(trust.devices()) == 4
    again = Trust(tmp_path / "trust.json")
    assert len(again.pins()) == 8
    again.close()


CLIENTS = st.sampled_from([ME, OTHER])
HOSTS = st.sampled_from(["a.test", "b.test", "c.test", "d.test"])
EVENTS = st.one_of(
    st.tuples(st.just("proved"), CLIENTS, st.just("")),
    st.tuples(st.just("withdraw"), CLIENTS, st.just("")),
    st.tuples(st.just("forget"), CLIENTS, st.just("")),
    st.tuples(st.sampled_from(["seen", "refused", "silent", "forget_pin"]), CLIENTS, HOSTS),
    st.tuples(st.just("wait"), st.sampled_from([1, 59, 61, 3600, DAY, 7 * DAY, 14 * DAY]), st.just("")),
)


@given(st.lists(EVENTS, max_size=60))
@settings(max_examples=200, deadline=None)
def test_whatever_happens_nobody_is_inspected_without_a_proof_that_holds(events):
    clock = Clock()
    trust = Trust(None, clock)
    proofs: dict[str, float | None] = {}
    seen: dict[str, float] = {}
    refused: dict[str, list[tuple[float, str]]] = {}
    for what, who, host in events:
        if what == "wait":
            clock.now += who
        elif what == "proved":
            blocked = clock.now < proofs.get(f"{who} wait", 0.0)
            assert trust.proved(who) is not blocked or trust.trusted(who)
            if trust.trusted(who):
                proofs[who] = seen[who] = clock.now
        elif what == "withdraw" and trust.trusted(who):
            trust.withdraw(who)
            assert trust.trusted(who)
        elif what in ("withdraw", "forget"):
            getattr(trust, what)(who)
            proofs[who] = None
            refused.pop(who, None)
            proofs[f"{who} wait"] = clock.now + 3600 if what == "withdraw" else 0.0
        else:
            trusted = trust.trusted(who)
            getattr(trust, what)(who, host)
            if what == "seen" and trusted:
                seen[who] = clock.now
            if what == "refused" and trusted:
                refused.setdefault(who, []).append((clock.now, host))
                if len({name for at, name in refused[who] if clock.now - at < 60}) == 3:
                    assert not trust.trusted(who)
        for client in (ME, OTHER):
            if trust.trusted(client):
                assert proofs.get(client) is not None
                assert clock.now - seen[client] < 7 * DAY
                assert trust.state(client) == "trusted"
            assert (trust.state(client) == "shared") == (client in {row.client for row in trust.shared()})
        assert {device.client for device in trust.devices()} == {c for c in (ME, OTHER) if trust.trusted(c)}


@given(st.lists(HOSTS, min_size=3, max_size=40))
@settings(deadline=None)
def test_who_refuses_the_certificate_everywhere_works_by_name_after_three_sites_at_most(visits):
    """Another device at an address that has proved trust: it loses at most three first visits."""
    trust = Trust(None, Clock())
    trust.proved(ME)
    failed = []
    for host in visits:
        if trust.trusted(ME) and not trust.pinned(ME, host):
            failed.append(host)
            trust.refused(ME, host)
    assert len(failed) <= 3
    assert len(set(failed)) == len(failed)  # each site once: the retry works


# Two programs write one file while one takes over from the other


@pytest.fixture
def two(tmp_path, clock, monkeypatch):
    """The one that leaves and the one that took over from it, with a device that both know."""
    monkeypatch.setattr(rules, "SAVE_AFTER", 0.0)
    file, made = tmp_path / "trust.json", []

    def begin() -> Trust:
        made.append(Trust(file, clock))
        made[-1].use_ca("one")
        return made[-1]

    first = begin()
    first.proved(ME)
    first.close()
    yield begin(), begin(), begin
    for trust in made:
        trust.close()


def test_what_devices_prove_to_either_program_is_kept(two, clock):
    old, new, begin = two
    clock.now += 100
    new.proved("192.0.2.7")
    new.refused(ME, "bank.test")
    new._save()
    old.proved("192.0.2.8")
    old.refused(ME, "shop.test")
    old.close()
    after = begin()
    assert {device.client for device in after.devices()} == {"192.0.2.7", "192.0.2.8", ME}
    assert after.pinned(ME, "bank.test") and after.pinned(ME, "shop.test")


def test_the_new_program_learns_what_the_old_one_wrote_last(two, monkeypatch):
    monkeypatch.setattr(rules, "LOOK_AGAIN", 0.01)
    old, _, begin = two
    new = begin()
    old.proved(OTHER)
    old.close()
    end = time.monotonic() + 20
    while not new.trusted(OTHER) and time.monotonic() < end:
        threading.Event().wait(0.01)
    assert new.trusted(OTHER) and new.trusted(ME)


@pytest.mark.parametrize("by_old", [False, True])
def test_a_device_that_is_forgotten_stays_forgotten(two, clock, by_old):
    old, new, begin = two
    forgets, other = (old, new) if by_old else (new, old)
    forgets.forget(ME)
    forgets._save()
    clock.now += rules.SEEN_STEP
    other.seen(ME)  # it is still served there
    other.proved(OTHER)
    old.close()
    new.close()
    after = begin()
    assert not after.trusted(ME)
    assert after.trusted(OTHER)


def test_a_program_that_began_by_another_ca_is_not_written_over(two, tmp_path):
    old, new, _ = two
    new.use_ca("two")
    new.proved(OTHER)
    new._save()
    old.proved("192.0.2.8")
    old.close()
    found = json.loads((tmp_path / "trust.json").read_text())
    assert found["ca"] == "two" and [row["client"] for row in found["clients"]] == [OTHER]


def test_a_file_that_somebody_damaged_is_written_anew(two, tmp_path):
    _, new, begin = two
    (tmp_path / "trust.json").write_text("{")
    new.proved(OTHER)
    new._save()
    after = begin()
    assert after.trusted(ME) and after.trusted(OTHER)


KNOWN = st.none() | st.builds(
    lambda since, seen, pins: Known(since, seen, pins={host: (at, at + 9, "refused") for host, at in pins.items()}),
    *(st.none() | st.sampled_from([1.0, 2.0, 3.0]), st.sampled_from([1.0, 2.0, 3.0])),
    st.dictionaries(st.sampled_from(["a.test", "b.test"]), st.sampled_from([1.0, 2.0]), max_size=2),
)


@given(KNOWN, KNOWN, KNOWN)
def test_what_two_know_is_put_together_the_same_way_by_both(base, mine, theirs):
    def known(value):
        return {} if value is None else {ME: value}

    made = merged(known(base), known(mine), known(theirs))
    assert made == merged(known(base), known(theirs), known(mine)) or (
        mine and theirs and mine.since == theirs.since  # then nobody can tell which is newer
    )
    assert merged(known(base), known(mine), known(base)) == known(mine)
    assert merged(known(base), known(base), known(theirs)) == known(theirs)
    assert made.keys() <= {ME} and (made or base or not (mine or theirs))


def test_of_the_pins_of_two_the_oldest_go_and_one_that_was_renewed_is_new():
    def known(*pins):
        return Known(1.0, 1.0, pins={host: (at, at + 9, "refused") for host, at in pins})

    renewed, many = ("old.test", 999.0), [(f"h{number}.test", float(number)) for number in range(1, MAX_PINS + 1)]
    for one, other in ((known(renewed), known(("old.test", 0.0), *many[1:])), (known(*many), known(renewed))):
        for made in (both(one, other), both(other, one)):
            assert list(made.pins) == [host for host, _ in many[1:]] + ["old.test"]
            assert made.pins["old.test"][0] == 999.0
