"""The database of accounts: files, links, sessions, and what happens when it is broken or used by two at once."""

import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfs.errors import SfsError
from sfs.web.accounts import AccountError, name_key
from sfs.web.door import open_door
from sfs.web.permissions import Role
from sfs.web.sessions import CLIENTS, MAX_OF_USER, client_kind
from sfs.web.store import open_store

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch):
    monkeypatch.setattr("sfs.web.passwords._HASHER", PasswordHasher(1, 8, 1))


class Clock:
    now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def door(tmp_path, clock):
    made = open_door(tmp_path / "state" / "accounts.db", clock)
    yield made
    made.close()


def test_the_filter_and_a_command_that_start_at_once_both_find_the_tables(tmp_path):
    """As `sfs run` as a service and `sfs admin link` right behind it."""
    gate = threading.Barrier(4)

    def one(number: int) -> None:
        gate.wait(20)
        open_store(tmp_path / f"{number}.db").dispose()

    with ThreadPoolExecutor(4) as pool:
        for number in range(10):
            list(pool.map(one, [number] * 4))


def test_the_files_are_the_owners_alone(door, tmp_path):
    door.accounts.add("admin", PASSWORD, Role.ADMINISTRATOR)
    folder = tmp_path / "state"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert "accounts.db" in files and set(files.values()) == {0o600}


def test_what_was_answered_survives_a_power_cut(door):
    """Spec: SQLite, "Write-Ahead Logging": with NORMAL a transaction may be gone after one, a new password with it."""
    with door.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL


def test_nothing_that_logs_in_stands_in_the_database(door, tmp_path):
    user = door.accounts.add("admin", PASSWORD, Role.ADMINISTRATOR)
    secrets = [door.sessions.start(user, "other"), door.links.make(user), PASSWORD]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir())
    assert [secret for secret in secrets if secret.encode() in kept] == []


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be looked at" * 100, b"SQLite format 3\x00" + b"\xff" * 500]
)
def test_a_broken_database_is_named_with_a_way_out(tmp_path, content):
    path = tmp_path / "accounts.db"
    path.write_bytes(content)
    with pytest.raises(SfsError, match="accounts cannot be opened") as raised:
        open_store(path)
    assert "sfs admin link" in str(raised.value) and str(path) in str(raised.value)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SfsError, match="cannot be opened"):
        open_store(tmp_path / "file" / "accounts.db")


def test_a_later_version_is_not_touched(door, tmp_path):
    path = tmp_path / "state" / "accounts.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = 99")
    with pytest.raises(SfsError, match="later version"):
        open_store(path)


def test_a_password_in_a_url_is_not_shown():
    with pytest.raises(SfsError) as raised:
        open_store("sqlite://user:hidden@/nowhere/at/all.db")
    assert "hidden" not in str(raised.value)


def test_accounts_stay_when_the_filter_starts_again(door, tmp_path):
    user = door.accounts.add("admin", PASSWORD, Role.ADMINISTRATOR)
    token = door.sessions.start(user, "mac")
    again = open_door(tmp_path / "state" / "accounts.db", door.sessions._clock)
    assert again.accounts.check("ADMIN", PASSWORD) == user
    assert again.sessions.find(token)[1] == user
    assert again.setup_link() is None
    again.close()


def test_a_hash_of_old_parameters_is_renewed_at_login_and_no_session_ends(door, monkeypatch):
    user = door.accounts.add("admin", PASSWORD, Role.ADMINISTRATOR)
    token = door.sessions.start(user, "mac")
    monkeypatch.setattr("sfs.web.passwords._HASHER", PasswordHasher(2, 8, 1))
    assert door.accounts.check("admin", PASSWORD) and door.accounts.check("admin", PASSWORD)
    with door.engine.connect() as connection:
        assert "t=2" in connection.exec_driver_sql("SELECT password FROM users").scalar_one()
    assert door.sessions.find(token) is not None


def _use(door, link, n):
    return door.links.use(link, f"password number {n}")


def test_of_two_that_use_a_link_at_once_one_sets_the_password(door):
    for _ in range(5):
        user = door.accounts.find("admin") or door.accounts.add("admin", PASSWORD, Role.ADMINISTRATOR)
        link = door.links.make(user)
        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(partial(_use, door, link), range(4)))
        winners = [n for n, found in enumerate(done) if found is not None]
        assert len(winners) == 1
        assert door.accounts.check("admin", f"password number {winners[0]}")


def test_of_two_that_set_up_at_once_one_is_the_administrator(door):
    link = door.setup_link()
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(partial(_use, door, link), range(4)))
    assert len([user for user in done if user]) == 1 and len(door.accounts.all()) == 1


def test_a_reset_link_opens_a_closed_account_again_and_ends_with_another_one(door):
    first = door.accounts.add("admin", PASSWORD, Role.ADMINISTRATOR)
    second = door.accounts.add("teacher", PASSWORD, Role.TEACHER)
    of_first, lost, found = door.links.make(first), door.links.make(second), door.links.make(second)
    assert door.links.look(lost) is None and door.links.look(of_first).name == "admin"
    door.accounts.disable(second)
    assert door.links.use(found, "a new password") is not None
    assert door.accounts.check("teacher", "a new password") is not None


def test_the_last_administrator_stays(door):
    user = door.accounts.add("admin", PASSWORD, Role.ADMINISTRATOR)
    token = door.sessions.start(user, "mac")
    with pytest.raises(AccountError):
        door.accounts.disable(user)
    assert door.sessions.find(token) is not None


def test_an_account_has_at_most_a_hundred_sessions(door, clock):
    user = door.accounts.add("admin", PASSWORD, Role.ADMINISTRATOR)
    tokens = []
    for _ in range(MAX_OF_USER + 5):
        tokens.append(door.sessions.start(user, "other"))
        clock.now += 1
    assert len(door.sessions.of(user)) == MAX_OF_USER
    assert [door.sessions.find(token) is None for token in tokens] == [True] * 5 + [False] * MAX_OF_USER


def test_sessions_that_are_over_leave_the_database(door, clock):
    user = door.accounts.add("admin", PASSWORD, Role.ADMINISTRATOR)
    door.sessions.start(user, "other")
    clock.now += 8 * 24 * 3600
    door.sessions.start(user, "other")
    with door.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sessions").scalar_one() == 1


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        ("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X)", "ipad"),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8)", "android"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "windows"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "linux"),
        ("", "other"),
    ],
)
def test_the_kind_of_a_device_is_kept_and_not_what_the_browser_says(agent, kind):
    assert client_kind(agent) == kind and kind in CLIENTS


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(token=st.text(max_size=100))
def test_any_text_is_no_session_and_no_link(door, token):
    assert door.sessions.find(token) is None
    assert door.links.look(token) is None
    assert door.links.use(token, PASSWORD) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(name=st.text(max_size=300))
def test_any_name_can_be_looked_for(door, name):
    assert len(name_key(name)) <= 160
    assert door.accounts.find(name) is None
