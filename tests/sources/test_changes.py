"""What the page changes: checked as a whole, atomic, undone, never lost."""

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import SfsError
from sfs.sources.changes import Changes, OtherChange
from sfs.sources.config import load_config
from sfs.sources.explained import Asked, explain_url
from sfs.sources.filter import Filter, load_filter
from sfs.sources.live import Live

NOW = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def changes_in(state: Path, level: int = 2) -> Changes:
    state.mkdir(exist_ok=True)
    return Changes(state, lambda file: load_config(None, {"level": level}, state, page_first=True, changes=file))


def filter_in(state: Path, level: int = 2) -> Filter:
    return load_filter(load_config(None, {"level": level}, state, page_first=True))


def test_a_level_chosen_on_the_page_holds_over_the_command_line_of_the_proxy(state):
    changes = changes_in(state)
    changes.set_level(1, by="parent")
    assert filter_in(state).policies.default.level == 1
    assert load_config(None, {"level": 2}, state).level == 2  # `sfs explain --level 2` asks about 2


def test_allow_and_block_are_opposites_and_can_be_forgotten(state):
    changes = changes_in(state)
    changes.block("example.com", by="parent")
    assert explain_url("http://example.com/", filter_in(state), Asked(NOW)).verdict.blocked
    changes.allow("example.com", by="parent")
    assert changes.values() == {"allow": ["example.com"]}
    assert explain_url("http://example.com/", filter_in(state), Asked(NOW)).verdict.check == "entry"
    changes.forget("example.com", by="parent")
    assert changes.values() == {}
    with pytest.raises(SfsError, match="not among the sites"):
        changes.forget("example.com", by="parent")


@pytest.mark.parametrize("text", ["", "  # a note", "exa mple.com", "co.uk", "http://", "\x00", "a" * 9000])
def test_what_is_no_entry_changes_nothing(state, text):
    changes = changes_in(state)
    changes.block("example.org", by="parent")
    before = (state / "changes.yaml").read_bytes()
    with pytest.raises(SfsError):
        changes.allow(text, by="parent")
    assert (state / "changes.yaml").read_bytes() == before
    assert [change.value for change in changes.history()] == ["example.org"]


def test_a_change_that_is_no_configuration_is_refused_whole(state):
    changes = changes_in(state)
    for key, value in (("level", 7), ("no_such_key", 1), ("https", "open"), ("groups", [{"name": "nobody"}])):
        with pytest.raises(SfsError):
            changes.set(key, value, by="parent")
    assert changes.values() == {}
    assert changes.history() == ()
    assert changes.undo(by="parent") is None


def test_undo_goes_back_change_by_change(state):
    changes = changes_in(state)
    changes.set_level(1, by="parent")
    changes.block("example.com", by="parent")
    changes.set_level(0, by="parent")
    assert [(c.what, c.value) for c in changes.history()] == [("level", "0"), ("block", "example.com"), ("level", "1")]
    undone = changes.undo(by="parent")
    assert undone is not None and (undone.what, undone.value) == ("level", "0")
    assert changes.values() == {"level": 1, "block": ["example.com"]}
    changes.undo(by="parent")
    assert changes.values() == {"level": 1}
    changes.undo(by="parent")
    assert changes.values() == {}
    assert changes.undo(by="parent") is None


def test_only_the_change_that_was_meant_is_undone(state):
    changes = changes_in(state)
    first, second = changes.set_level(0, by="parent"), changes.block("example.com", by="parent")
    with pytest.raises(OtherChange):
        changes.undo(by="parent", mark=first.mark)
    assert changes.undo(by="parent", mark=second.mark) == second
    with pytest.raises(OtherChange):
        changes.undo(by="parent", mark=second.mark)
    assert changes.history() == (first,)


def test_a_pause_ends_by_itself_and_an_undo_leaves_it(state):
    changes = changes_in(state, level=0)
    changes.block("example.com", by="parent")
    until = changes.pause(15, now=NOW, by="parent")
    assert until == NOW + timedelta(minutes=15)
    filter_ = filter_in(state, level=0)
    during = explain_url("http://example.com/", filter_, Asked(NOW + timedelta(minutes=14, seconds=59)))
    assert not during.verdict.blocked and during.policy.level == 4 and during.policy.valid_until == until
    after = explain_url("http://example.com/", filter_, Asked(until))
    assert after.verdict.check == "entry" and after.verdict.blocked and after.policy.level == 0
    changes.undo(by="parent")
    assert list(changes.values()) == ["pauses"]
    changes.end_pause(now=NOW, by="parent")
    assert changes.values() == {}


def test_a_pause_opens_no_final_block_no_security_list_and_no_mandatory_list(tmp_path, state):
    (tmp_path / "danger.txt").write_text("danger.test\n")
    (tmp_path / "law.txt").write_text("law.test\n")
    file = tmp_path / "config.yaml"
    file.write_text(
        "level: 0\nblock: [{entry: final.test, final: true}, own.test]\n"
        "lists: [{url: danger.txt, category: malware}, {url: law.txt, mandatory: true}]\n"
    )
    state.mkdir()
    changes = Changes(state, lambda candidate: load_config(file, {}, state, changes=candidate))
    changes.pause(15, now=NOW, by="parent")
    filter_ = load_filter(load_config(file, {}, state))
    blocked = {
        host: explain_url(f"http://{host}/", filter_, Asked(NOW)).verdict.blocked
        for host in ("final.test", "danger.test", "law.test", "own.test", "example.com")
    }
    assert blocked == {
        **dict.fromkeys(("final.test", "danger.test", "law.test"), True),
        **dict.fromkeys(("own.test", "example.com"), False),
    }


@pytest.mark.parametrize("minutes", [0, -5, 721, 10**9])
def test_a_pause_has_bounds(state, minutes):
    with pytest.raises(SfsError, match="pause"):
        changes_in(state).pause(minutes, now=NOW, by="parent")


def test_a_pause_of_a_group_is_its_own(tmp_path, state):
    file = tmp_path / "config.yaml"
    file.write_text("level: 0\ngroups: [{name: Anna, clients: [192.0.2.1], level: 1}]\n")
    state.mkdir()
    changes = Changes(state, lambda candidate: load_config(file, {}, state, changes=candidate))
    changes.pause(15, now=NOW, by="parent", group="Anna")
    policies = load_filter(load_config(file, {}, state)).policies
    assert policies.policy_for("192.0.2.1", time=NOW).level == 4
    assert policies.policy_for("192.0.2.2", time=NOW).level == 0


def test_a_crash_between_copy_and_change_leaves_nothing_to_undo_twice(state, monkeypatch):
    changes = changes_in(state)
    changes.set_level(1, by="parent")

    def fail(source, target):
        if str(target).endswith("/changes.yaml"):
            raise OSError(28, "No space left on device")
        os.rename(source, target)

    monkeypatch.setattr("sfs.lists.private.os.replace", fail)
    with pytest.raises(SfsError, match="No space left"):
        changes.set_level(0, by="parent")
    monkeypatch.undo()
    assert changes.values() == {"level": 1}
    undone = changes.undo(by="parent")
    assert undone is not None and undone.value == "1"
    assert changes.values() == {}
    assert sorted(path.name for path in (state / "changes").iterdir()) == ["lock"]


def test_a_damaged_layer_is_said_and_not_overwritten(state):
    changes = changes_in(state)
    (state / "changes.yaml").write_text("level: [\n")
    with pytest.raises(SfsError):
        changes.set_level(1, by="parent")
    assert (state / "changes.yaml").read_text() == "level: [\n"


def test_files_are_for_their_owner_alone(state):
    changes = changes_in(state)
    changes.set_level(1, by="parent")
    for path in (state / "changes.yaml", *(state / "changes").iterdir()):
        assert path.stat().st_mode & 0o077 == 0


def test_two_writers_lose_no_change(state):
    first, second = changes_in(state), changes_in(state)

    def add(changes: Changes, name: str) -> None:
        for number in range(8):
            changes.block(f"{name}{number}.example", by=name)

    threads = [threading.Thread(target=add, args=pair) for pair in ((first, "a"), (second, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(first.values()["block"]) == sorted(f"{n}{i}.example" for n in "ab" for i in range(8))
    assert len(first.history(50)) == 16


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("level"), st.integers(0, 4)),
        st.tuples(
            st.sampled_from(["allow", "block"]), st.sampled_from(["example.com", "=example.org", "example.net/a/"])
        ),
    ),
    max_size=6,
)


@given(steps=_STEPS)
def test_as_many_undos_as_changes_lead_back_to_the_start(tmp_path_factory, steps):
    changes = Changes(tmp_path_factory.mktemp("state"), lambda file: None)
    seen = [changes.values()]
    for what, value in steps:
        if what == "level":
            changes.set_level(value, by="x")
        elif what == "allow":
            changes.allow(value, by="x")
        else:
            changes.block(value, by="x")
        if changes.values() != seen[-1]:
            seen.append(changes.values())
    for expected in reversed(seen[:-1]):
        changes.undo(by="x")
        assert changes.values() == expected
    assert changes.undo(by="x") is None


def test_a_reload_that_fails_leaves_the_filter_in_force(state):
    changes = changes_in(state)
    live = Live(filter_in(state), lambda old: filter_in(state))
    told = []
    live.on_change(told.append)
    changes.set_level(1, by="parent")
    assert live.reload() is live.filter
    assert live.filter.policies.default.level == 1 and told == [live.filter]
    (state / "changes.yaml").write_text("level: 9\n")
    with pytest.raises(SfsError):
        live.reload()
    assert live.filter.policies.default.level == 1
    assert live.fault is not None and len(told) == 1
