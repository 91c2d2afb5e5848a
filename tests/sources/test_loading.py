"""What a reload takes over from the filter before, and what it never reads."""

import os
from pathlib import Path

import pytest

from sfs.core.facts import Facts
from sfs.errors import RuleError
from sfs.lists import store
from sfs.lists.compile import NAMES
from sfs.lists.update import Options, needs_update, update_lists
from sfs.sources import choice
from sfs.sources.config import load_config
from sfs.sources.filter import Filter, load_filter
from sfs.text.url import parse_url
from tests.lists.test_update import NOW

NAMED = "".join(f"name{n}.example\n" for n in range(300))


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A list of the owner that counts as long, and what loads it."""
    monkeypatch.setattr(choice, "BIG", 100)
    path = tmp_path / "list.txt"
    path.write_text(NAMED + "site.test\n")
    config = tmp_path / "sfs.yaml"
    lists = f"lists: [{{name: own, url: '{path}', format: plain, rating: 4}}]\ndefault_lists: false\n"
    config.write_text(f"state: {tmp_path / 'state'}\nlevel: 2\n{lists}", encoding="utf-8")
    return path, lambda before=None: load_filter(load_config(config), before)


def update(filter_: Filter) -> None:
    update_lists(filter_.config.lists, filter_.config.state, Options(now=lambda: NOW))


def blocks(filter_: Filter, host: str) -> bool:
    answer, _ = filter_.judge(Facts(parse_url(f"http://{host}/")).with_page(None), filter_.policies.default)
    return bool(answer.blocked)


def index_of(filter_: Filter) -> object:
    return next(lst.index for lst in filter_.ruleset.lists if lst.name == "own")


def rewrite(path: Path, text: str) -> None:
    """Another file in its place, at another time."""
    seen = path.stat()
    path.write_text(text)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns + 5_000_000_000))


def test_what_did_not_change_is_taken_over(house):
    path, load = house
    read = load()
    assert index_of(load(read)) is index_of(read)
    update(read)
    mapped = load(read)
    assert index_of(mapped) is not index_of(read)  # from now on it is mapped
    assert index_of(load(mapped)) is index_of(mapped)
    rewrite(path, NAMED + "other.test\n")
    update(mapped)
    assert index_of(load(mapped)) is not index_of(mapped)


def test_a_short_list_that_changed_is_read_at_once(house):
    path, load = house
    rewrite(path, "site.test\n")
    old = load()
    rewrite(path, "other.test\n")
    new = load(old)
    assert (blocks(new, "site.test"), blocks(new, "other.test")) == (False, True)
    assert new.report.waiting == ()


@pytest.mark.parametrize("compiled", [False, True])
def test_a_long_list_that_changed_holds_as_it_was_until_it_is_compiled(house, compiled):
    path, load = house
    old = load()
    if compiled:
        update(old)
        old = load(old)
    rewrite(path, NAMED + "other.test\n")
    waiting = load(old)
    assert waiting.report.waiting == ("own",)
    assert index_of(waiting) is index_of(old)
    assert blocks(waiting, "site.test")
    update(waiting)
    new = load(waiting)
    assert (blocks(new, "site.test"), blocks(new, "other.test"), new.report.waiting) == (False, True, ())


def test_garbage_in_the_place_of_a_long_list_leaves_the_last_good_one(house):
    path, load = house
    old = load()
    update(old)
    rewrite(path, "<html>moved</html>\n" * 300)
    update(old)
    (source,) = old.config.lists
    assert not needs_update(old.config.state, source, NOW)  # it was tried
    for filter_ in (load(old), load()):  # at a reload and at the next start
        assert blocks(filter_, "site.test")
        assert next(state for state in filter_.report.states).failure is not None
    rewrite(path, NAMED + "other.test\n")
    assert needs_update(old.config.state, source, NOW)  # another file is tried at once
    update(old)
    assert blocks(load(old), "other.test")


def test_garbage_that_was_never_a_list_stops_the_start(house):
    path, load = house
    rewrite(path, "<html>moved</html>\n" * 300)
    with pytest.raises(RuleError, match="web page"):
        load()


def test_what_is_damaged_in_the_store_is_made_anew_and_never_believed(house):
    path, load = house
    old = load()
    update(old)
    mapped = load()
    state = store.state_of(mapped.config.state, mapped.config.lists[0])
    names = store.list_dir(mapped.config.state, state.key) / state.version / NAMES
    damaged = names.with_name("damaged")
    damaged.write_bytes(names.read_bytes()[:-1] + b"x")
    damaged.replace(names)
    (source,) = mapped.config.lists
    assert needs_update(mapped.config.state, source, NOW)
    again = load(mapped)
    assert index_of(again) is index_of(mapped)  # what is mapped is what was checked
    fresh = load()
    assert blocks(fresh, "site.test")  # a start reads the file itself
    update(fresh)
    assert not needs_update(mapped.config.state, source, NOW)
    assert blocks(load(), "site.test")


@pytest.mark.parametrize("harm", ["one bit", "cut short"])
def test_what_is_written_into_while_it_is_mapped_is_not_believed_any_more(house, harm):
    path, load = house
    update(load())
    mapped = load()
    (source,) = mapped.config.lists
    state = store.state_of(mapped.config.state, source)
    names = store.list_dir(mapped.config.state, state.key) / state.version / NAMES
    names.chmod(0o600)
    data = names.read_bytes()
    with names.open("r+b") as file:  # the same file, not another one in its place
        if harm == "cut short":
            file.truncate(len(data) // 2)
        else:
            file.seek(len(data) // 2)
            file.write(bytes([data[len(data) // 2] ^ 4]))
    again = load(mapped)
    assert index_of(again) is not index_of(mapped)
    assert blocks(again, "site.test")  # read from its source
    assert needs_update(mapped.config.state, source, NOW)
    update(again)
    assert blocks(load(again), "site.test") and not needs_update(mapped.config.state, source, NOW)
