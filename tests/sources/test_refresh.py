"""Lists are kept fresh by a child process, and the filter in force is swapped after it."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sfs.core.facts import Facts
from sfs.lists import store
from sfs.lists.compile import META, NAMES
from sfs.lists.update import update_lists
from sfs.sources.config import load_config
from sfs.sources.filter import Filter, load_filter
from sfs.sources.live import Live
from sfs.sources.refresh import Refresher, update_command
from sfs.text.url import parse_url
from tests.lists.mirror import Mirror, page, serving

BODY = b"".join(b"name%d.example\n" % n for n in range(300))


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never held"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def mirror():
    with serving() as running:
        yield running


@pytest.fixture
def house(mirror: Mirror, tmp_path):
    """The configuration file, and the filter of it in force."""
    url = mirror.put("/names", BODY)
    path = tmp_path / "sfs.yaml"
    lists = f"lists: [{{name: names, url: '{url}', format: plain, rating: 4}}]\ndefault_lists: false\n"
    path.write_text(f"state: {tmp_path / 'state'}\nlevel: 2\n{lists}", encoding="utf-8")
    return path, Live(load_filter(load_config(path)), lambda old: load_filter(load_config(path)))


@pytest.fixture
def refresher(house):
    """Makes refreshers, and closes them."""
    made = []

    def make(live: Live, command, **more) -> Refresher:
        made.append(Refresher(live, command, **more))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.close()


def blocks(filter_: Filter, host: str) -> bool:
    answer, _ = filter_.judge(Facts(parse_url(f"http://{host}/")).with_page(None), filter_.policies.default)
    return bool(answer.blocked)


def test_what_was_never_fetched_is_fetched_and_put_in_force(house, refresher):
    path, live = house
    assert not blocks(live.filter, "name7.example")
    refresher(live, update_command(path, {}, live.filter.config.state), first=0.01)
    until(lambda: blocks(live.filter, "www.name7.example"))


@pytest.mark.parametrize("harm", ["flipped", "of another version"])
def test_what_is_damaged_in_the_store_is_fetched_at_once(house, refresher, harm):
    path, live = house
    config = live.filter.config
    update_lists(config.lists, config.state)
    state = store.state_of(config.state, config.lists[0])
    folder = store.list_dir(config.state, "names") / state.version
    file = folder / (META if harm == "of another version" else NAMES)
    data = bytearray(file.read_bytes().replace(b'"version": 2', b'"version": 1'))
    if harm == "flipped":
        data[-20] ^= 4
    file.chmod(0o600)
    file.write_bytes(data)
    live.reload()
    assert not blocks(live.filter, "name7.example")
    assert live.filter.report.missing == ("names",)
    refresher(live, update_command(path, {}, config.state), first=3600)
    until(lambda: blocks(live.filter, "name7.example"))
    assert store.open_version(config.state, store.state_of(config.state, config.lists[0])) is not None


def test_the_button_fetches_what_is_not_due(house, refresher, mirror: Mirror):
    path, live = house
    one = refresher(live, update_command(path, {}, live.filter.config.state), first=3600)
    assert one.update_now()
    assert one.updating
    until(lambda: not one.updating)
    assert blocks(live.filter, "name7.example")
    mirror.put("/names", BODY + b"fresh.example\n")
    assert one.update_now()
    until(lambda: blocks(live.filter, "fresh.example"))


def test_a_failure_comes_into_sight_and_the_old_list_holds(house, refresher, mirror: Mirror):
    path, live = house
    one = refresher(live, update_command(path, {}, live.filter.config.state), first=3600)
    one.update_now()
    until(lambda: not one.updating)
    mirror.answers["/names"] = page(b"", status="503 Busy")
    one.update_now()
    until(lambda: not one.updating)
    assert [state.reason for state in live.filter.report.states] == ["http"]
    assert blocks(live.filter, "name7.example")


def script(path: Path) -> list[str]:
    """A command that notes its arguments, and then waits for a file."""
    code = (
        "import sys, time, pathlib\n"
        f"p = pathlib.Path({str(path)!r})\n"
        "p.joinpath('ran').open('a').write(' '.join(sys.argv[1:]) + chr(10))\n"
        "while not p.joinpath('go').exists(): time.sleep(0.01)\n"
    )
    return [sys.executable, "-c", code]


def test_one_run_at_a_time_and_the_end_ends_it(house, tmp_path):
    _, live = house
    one = Refresher(live, script(tmp_path), first=3600)
    one.start()
    assert one.update_now() and not one.update_now()
    until(lambda: (tmp_path / "ran").exists())
    assert one.updating and not one.update_now()
    one.close()
    assert not one.update_now()
    assert not one._thread.is_alive()


def test_what_is_due_is_asked_for_as_due(house, refresher, tmp_path):
    _, live = house
    (tmp_path / "go").touch()
    refresher(live, script(tmp_path), first=0.01)
    until(lambda: (tmp_path / "ran").exists() and (tmp_path / "ran").read_text().endswith("\n"))
    assert (tmp_path / "ran").read_text() == "--due --background\n"


def test_nothing_of_the_default_choice_is_fetched_before_somebody_asked(tmp_path):
    path = tmp_path / "sfs.yaml"
    path.write_text(f"state: {tmp_path / 'state'}\nlevel: 2\n")
    live = Live(load_filter(load_config(path)), lambda old: old)
    one = Refresher(live, script(tmp_path))
    assert one._seconds(one._states()) > 0
    store.set_asked(tmp_path / "state")
    assert one._seconds(one._states()) == 0


def test_the_command_names_the_configuration(tmp_path):
    command = update_command(tmp_path / "a.yaml", {"level": 2, "listen": "127.0.0.1:1", "profile": None}, tmp_path)
    assert command[1:6] == ("-P", "-m", "sfs", "lists", "update")
    assert command[6:] == ("--state", str(tmp_path), "--config", str(tmp_path / "a.yaml"), "--level", "2")


def test_closing_what_never_started_does_nothing(house):
    Refresher(house[1], ["none"]).close()
