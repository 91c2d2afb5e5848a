"""What is known of each list: written and read back, damaged, and under safe names."""

import json
import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.lists import store
from sfs.lists.store import ListState, key_of
from sfs.sources.subscriptions import ListFormat, ListSource
from tests.compiled import current

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOURCE = ListSource("names", None, "https://lists.example.com/names", ListFormat.PLAIN, category="porn", rating=4)


@given(st.text(max_size=100), st.text(max_size=100))
def test_keys_are_safe_names_of_folders_and_differ(one, other):
    assert set(key_of(one)) <= set(string.ascii_lowercase + string.digits + "._-")
    assert 0 < len(key_of(one)) <= store.MAX_KEY and not key_of(one).startswith((".", "-"))
    assert (key_of(one) == key_of(other)) == (one == other)


def test_plain_names_are_their_own_keys():
    assert key_of("ut1-social_networks") == "ut1-social_networks"
    assert key_of("hagezi-anti.piracy") == "hagezi-anti.piracy"
    assert len({key_of("../x"), key_of("X"), key_of("x"), key_of("x."), key_of("日本")}) == 5


times = st.none() | st.datetimes(timezones=st.just(UTC))
states = st.builds(
    ListState,
    key=st.just("names"),
    name=st.text(st.characters(codec="utf-8"), max_size=20),
    etag=st.none() | st.text(string.ascii_letters, max_size=5),
    version=st.none() | st.just("V-0123456789ab"),
    count=st.integers(0, 10**7),
    whole_line=st.booleans(),
    modified=st.none() | st.integers(0, 2**62),
    fetched=times,
    checked=times,
    failed=times,
    tries=st.integers(0, 1000),
)


@given(states)
def test_what_is_saved_is_read_back(tmp_path_factory, state):
    folder = tmp_path_factory.getbasetemp() / "store"
    store.save_state(folder, state)
    assert store.load_state(folder, "names") == state


def test_files_are_for_their_owner_alone(tmp_path):
    store.save_state(tmp_path / "state", ListState("names", "names"))
    assert (tmp_path / "state" / "lists" / "names" / "state.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state" / "lists").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "1", '"x"', "[" * 100_000, "{}", '{"key": "other", "name": "names"}'),
        *('{"key": "names"}', '{"key": "names", "name": 3}', '{"key": "names", "name": "a", "count": true}'),
        *('{"key": "names", "name": "a", "version": "../../x"}', '{"key": "names", "name": "a", "checked": "soon"}'),
        '{"key": "names", "name": "a", "whole_line": 1}',
        '{"key": "names", "name": "' + "a" * 70_000 + '"}',
    ],
)
def test_a_damaged_state_is_none(tmp_path, text):
    store.save_state(tmp_path, ListState("names", "names"))
    (tmp_path / "lists" / "names" / "state.json").write_text(text)
    assert store.load_state(tmp_path, "names") is None
    assert current(tmp_path, "names") is None
    assert store.state_of(tmp_path, SOURCE).version is None


def test_keys_of_a_newer_version_are_passed_over(tmp_path):
    store.save_state(tmp_path, ListState("names", "names"))
    path = tmp_path / "lists" / "names" / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"later": 1}))
    assert store.load_state(tmp_path, "names") == ListState("names", "names")


def test_states_have_the_meaning_that_the_configuration_gives(tmp_path):
    [state] = store.states(tmp_path, [SOURCE])
    assert (state.key, state.category, state.rating, state.version, state.age(NOW)) == ("names", "porn", 4, None, None)


def test_the_age_counts_from_the_last_word_of_the_server():
    state = ListState("a", "a", version="V-0123456789ab", fetched=NOW - timedelta(days=9), checked=NOW)
    assert state.days(NOW + timedelta(days=2, hours=3)) == 2
    assert state.days(NOW - timedelta(days=1)) == 0
    assert ListState("a", "a", checked=NOW).days(NOW) is None


def test_nothing_of_the_default_choice_is_asked_for_at_first(tmp_path):
    assert not store.asked(tmp_path)
    store.set_asked(tmp_path)
    assert store.asked(tmp_path)
