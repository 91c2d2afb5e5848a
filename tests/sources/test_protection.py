"""What protects now, in words and colours."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from sfs.lists import store
from sfs.lists.update import update_lists
from sfs.sources.choice import lists_in_use
from sfs.sources.config import load_config
from sfs.sources.filter import load_filter
from sfs.sources.protection import protection
from sfs.sources.public_lists import catalogue
from sfs.web.texts import texts_for
from tests.lists.mirror import page, serving

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BODY = b"".join(b"name%d.example\n" % n for n in range(300))


@pytest.fixture(scope="module")
def mirror():
    with serving() as running:
        yield running


@pytest.fixture
def house(mirror, tmp_path):
    """A configuration with one list on the mirror, and a way to load it."""
    url = mirror.put("/names", BODY)

    def load(level=2, text=None):
        path = tmp_path / "sfs.yaml"
        lists = f"lists:\n- {{name: names, url: '{url}', format: plain, rating: 4}}\n" if text is None else text
        path.write_text(f"state: {tmp_path / 'state'}\nlevel: {level}\n{lists}", encoding="utf-8")
        return load_filter(load_config(path))

    return load


def fetch(filter_, result: str = "new") -> None:
    config = filter_.config
    [outcome] = update_lists([s for s in lists_in_use(config, ()) if s.url], config.state)
    assert outcome.result == result


def later(state_dir, **more) -> None:
    state = store.load_state(state_dir, "names")
    store.save_state(state_dir, replace(state, **more))


def test_words_are_counted_that_act_at_the_level(house):
    rules = house(text="").ruleset.words.rules
    for level in range(5):
        own = "keywords:\n  2: [blue widget, red widget]\n  4: [green widget]\n"
        shield = protection(house(level, own))
        shipped = sum(not rule.guard and rule.rating > level for rule in rules)
        mine = (3, 3, 1, 1, 0)[level]
        assert dict(line[:2] for line in shield.lines).get("words", 0) == shipped + mine
        assert (f" {shipped + mine} words, " in shield.ready) is (level < 4)


def test_without_lists_it_is_orange_and_says_what_to_do(house):
    shield = protection(house(text=""))
    assert shield.state == "orange"
    assert "no category lists yet: run `sfs lists update`" in shield.ready
    assert ("no_lists", 1, 0) in shield.warnings


@pytest.mark.parametrize(
    ("meaning", "level", "warned"),
    [
        ("category: malware", 2, True),
        ("category: gambling", 2, True),
        ("category: malware", 4, False),
        ("category: porn", 2, False),
        ("category: nsfw", 3, False),
        ("rating: 4", 2, False),
        ("category: malware}]\ndefault_lists: false\n#", 2, False),
    ],
)
def test_without_a_list_of_adult_sites_it_is_orange_however_many_others_hold(house, mirror, meaning, level, warned):
    lists = f"lists: [{{name: names, url: '{mirror.put('/names', BODY)}', format: plain, {meaning}}}]\n"
    fetch(house(level, lists))
    shield = protection(house(level, lists))
    assert shield.state == ("orange" if warned else "green")
    assert shield.warnings == ((("no_adult_lists", 1, 0),) if warned else ())
    assert ("no list of adult sites" in shield.ready) == warned


def test_the_default_choice_has_lists_of_adult_sites_from_two_servers():
    rows = [row for row in catalogue().values() if row.recommended and row.category in ("adult", "porn", "nsfw")]
    assert len({urlsplit(row.url).hostname for row in rows}) >= 2


def test_a_list_that_never_came_is_missing(house):
    shield = protection(house())
    assert {key for key, _, _ in shield.warnings} == {"no_lists", "missing_lists"}


def test_with_fresh_lists_it_is_green(house):
    fetch(house())
    shield = protection(house(), now=datetime.now(UTC) + timedelta(days=2, hours=1))
    assert (shield.state, shield.warnings) == ("green", ())
    assert "1 category list (300 names, 2 days old)" in shield.ready
    assert {("lists", 1, 300), ("lists_age", 2, 0)} <= set(shield.lines)


def test_an_old_list_is_orange(house):
    fetch(house())
    later(house().config.state, checked=NOW)
    assert protection(house(), now=NOW + timedelta(days=14, hours=20)).state == "green"
    shield = protection(house(), now=NOW + timedelta(days=15))
    assert (shield.state, shield.warnings) == ("orange", (("old_lists", 1, 15),))
    assert "14 days" in shield.ready


def test_a_failure_is_orange_although_the_old_list_holds(house, mirror):
    fetch(house())
    mirror.answers["/names"] = page(b"", status="500 Error")
    fetch(house(), "failed")
    shield = protection(house())
    assert (shield.state, shield.warnings) == ("orange", (("failed_lists", 1, 0),))
    assert ("lists", 1, 300) in shield.lines


def test_a_policy_that_needs_no_lists_is_green(house):
    assert protection(house(text="profile: isp\n")).state == "green"
    assert protection(house(text="profile: only-allowed\n")).state == "green"


def test_lists_that_do_nothing_at_this_level_do_not_count(house):
    fetch(house())
    shield = protection(house(level=4))
    assert "lists" not in {key for key, _, _ in shield.lines}
    assert ("no_lists", 1, 0) in shield.warnings


def test_a_million_names_are_said_short(house):
    fetch(house())
    filter_ = house()

    class Many(type(filter_.ruleset.lists[0].index)):
        __slots__ = ()

        def __init__(self):
            pass

        def __len__(self):
            return 1_234_567

    lists = (replace(filter_.ruleset.lists[0], index=Many()),)
    ready = protection(replace(filter_, ruleset=replace(filter_.ruleset, lists=lists))).ready
    assert "1 category list (1.2 M names, 0 days old)" in ready


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_line_has_a_sentence(language):
    texts = texts_for(language)
    for key in ("lists", "lists_age", "no_lists", "no_adult_lists", "old_lists", "failed_lists", "missing_lists"):
        assert texts.text(f"protects.{key}", count="3", total="5")


def test_a_pause_is_no_reason_to_say_that_lists_are_missing(house):
    filter_ = house()
    fetch(filter_)
    until = (NOW + timedelta(minutes=15)).isoformat()
    url = filter_.config.lists[0].url
    lists = f"lists:\n- {{name: names, url: '{url}', format: plain, rating: 3}}\n"
    filter_ = house(text=f"{lists}pauses: [{{until: '{until}'}}]\n")
    policy = filter_.policies.policy_for(None, time=NOW)
    assert policy.level == 4
    shield = protection(filter_, policy, NOW)
    assert shield == protection(filter_, filter_.policies.default, NOW)
    assert "no_lists" not in [key for key, _, _ in shield.warnings]


def test_that_whole_texts_are_searched_is_said(house):
    assert ("scan_body", 0, 0) not in protection(house(text="")).lines
    shield = protection(house(text="scan_body: true\n"))
    assert ("scan_body", 0, 0) in shield.lines
    assert "words in the whole text of pages" in shield.ready
    assert ("scan_body", 0, 0) not in protection(house(4, text="scan_body: true\n")).lines
