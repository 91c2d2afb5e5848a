"""The folder rules/ as a filter: files that somebody added or spoiled."""

import shutil
from dataclasses import replace

import pytest

from sfs.core.facts import Facts, Https
from sfs.core.verdict import Verdict
from sfs.errors import SfsError
from sfs.sources import places, rules
from sfs.sources.config import load_config
from sfs.sources.filter import load_filter
from sfs.sources.protection import protection
from sfs.text.url import parse_url


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of rules/ that a test may change."""
    copy = tmp_path / "rules"
    shutil.copytree(places.rules_dir(), copy)
    monkeypatch.setattr(rules, "rules_dir", lambda: copy)
    return copy


@pytest.fixture
def load(tmp_path):
    return lambda level=2: load_filter(load_config(None, {"level": level, "state": str(tmp_path / "state")}))


def verdict(filter_, url: str) -> Verdict:
    """The verdict on a page that says nothing of itself."""
    policy = filter_.policies.default
    answer, facts = filter_.judge(Facts(parse_url(url)), policy)
    return answer if isinstance(answer, Verdict) else filter_.judge(facts.with_page(None), policy)[0]


def test_a_file_of_ratings_rates(folder, load):
    (folder / "ratings" / "own.txt").write_text(
        "# ours\nrated.test\t3\nrated.test/kind/\t0  # all fine\nkind.test\t1\n"
    )
    filter_ = load()
    blocked = verdict(filter_, "http://www.rated.test/")
    assert (blocked.check, blocked.reason, blocked.rating) == ("rating", "label-rating", 3)
    assert blocked.source == "rules/ratings/own.txt:2 rated.test"
    assert verdict(filter_, "http://rated.test/kind/x").reason == "rated-shown"
    assert verdict(filter_, "http://kind.test/").rating == 1
    assert verdict(load(level=0), "http://kind.test/").blocked


def test_a_bad_line_is_skipped_and_named(folder, load):
    (folder / "ratings" / "example.txt").write_text("rated.test\t3\n\nexample.com\t5\nexa mple.com\t1\nexample.net 2\n")
    (folder / "keywords" / "en-3.txt").write_text("blue widget\nred +\n")
    filter_ = load()
    assert verdict(filter_, "http://rated.test/").blocked
    assert verdict(filter_, "http://a.test/blue-widget").check == "url-words"
    assert [str(fault).splitlines()[0] for fault in filter_.report.skipped] == [
        "rules/keywords/en-3.txt:2: 'red +' has an empty word",
        "rules/ratings/example.txt:3: '5' is not a rating",
        "rules/ratings/example.txt:4:4: 'exa mple.com' is not an entry: it has a space",
        "rules/ratings/example.txt:5:12: 'example.net 2' is not an entry: it has a space",
    ]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("ratings/own.txt", b"example.com 3\n" * 30, "30 of 30 lines are bad; the first: 'example.com 3'"),
        ("keywords/en-2.txt", b"good word\n" * 300 + b"a\n" * 30, "30 of 330 lines are bad; the first: 'a'"),
        ("keywords/ja-2.txt", "\ufeff <!DOCTYPE html><html>".encode(), "this is a web page, not a list"),
        ("keywords/help-en.txt", "words".encode("utf-16"), "this is UTF-16, not UTF-8"),
        ("keywords/help-ja.txt", b"\x1f\x8b\x08", "this is packed with gzip"),
        ("ratings/own.txt", "日本.test\t3".encode("shift_jis"), "not UTF-8 at byte 0"),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_its_name(folder, load, name, data, said):
    (folder / name).write_bytes(data)
    with pytest.raises(SfsError) as caught:
        load()
    assert said in caught.value.what
    assert caught.value.where.file == f"rules/{name}"
    assert caught.value.mend


@pytest.mark.parametrize("level", range(5))
@pytest.mark.parametrize("https", Https)
def test_ways_around_that_are_known_by_name_follow_the_level(load, level, https):
    filter_ = load(level)
    for host in ("dns.google", "mozilla.cloudflare-dns.com", "mask.icloud.com", "www.nordvpn.com", "croxyproxy.com"):
        facts = Facts(parse_url(f"https://{host}/").by_name() if https is Https.SNI else parse_url(f"https://{host}/"))
        answer, _ = filter_.judge(replace(facts, https=https).with_page(None), filter_.policies.default)
        assert answer.blocked is (level <= 2), host
        if level <= 2:
            assert (answer.check, answer.reason) == ("subscribed", "circumvention")
            assert answer.source.startswith("rules/circumvention.txt:")
    if level:
        for host in ("www.cloudflare.com", "www.google.com", "www.icloud.com", "www.opendns.com", "adguard.com"):
            assert not verdict(filter_, f"https://{host}/").blocked, host


def test_an_own_entry_opens_a_way_around_and_a_provider_closes_none(tmp_path):
    state = {"state": str(tmp_path / "state")}
    own = load_filter(load_config(None, {"level": 2, "allow": ["dns.google"], **state}))
    assert verdict(own, "https://dns.google/").check == "entry"
    isp = load_filter(load_config(None, {"checks": "mandatory", "level": 0, **state}))
    assert not verdict(isp, "https://dns.google/").blocked
    assert not isp.ruleset.lists


def test_shipped_names_of_ways_around_count_as_no_list(load):
    shield = protection(load())
    assert "category list (" not in shield.ready
    assert "lists" not in [key for key, _, _ in shield.lines]
    assert ("no_lists", 1, 0) in shield.warnings
