"""The form of what stands in rules/ and profiles/: people edit these files by hand."""

import re
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sfs.errors import Where
from sfs.match.entry import Entry, Unit, parse_entry
from sfs.sources.helplines import helplines_from
from sfs.sources.never_divert import load_never_divert
from sfs.sources.settings import BY_NAME
from sfs.sources.yaml_nodes import load_plain
from sfs.text.address import Kind, address_class
from sfs.text.url import is_address

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules"
PROFILES = ROOT / "profiles"
CATEGORY_NAMES = ROOT / "tests" / "vectors" / "rules" / "category-names.txt"

ALLOWLISTS = ["allowlist/start-ja.txt", "allowlist/start-en.txt"]
LARGE = "very-large.txt"
ENTRY_FILES = [*ALLOWLISTS, "circumvention.txt", "never-decrypt.txt", "system-hosts.txt", LARGE]

# Sites where strangers publish: none of them may be open to everybody, or stand for children.
SHARED = [
    "amazonaws.com", "apple.com", "cloudfront.net", "discord.com", "facebook.com", "github.io", "google.co.jp",
    "google.com", "googleusercontent.com", "instagram.com", "jsdelivr.net", "line.me", "microsoft.com", "pinterest.com",
    "rakuten.co.jp", "reddit.com", "telegram.org", "tiktok.com", "twitter.com", "unpkg.com", "wikipedia.org",
    "wordpress.com", "x.com", "yahoo.co.jp", "yahoo.com", "youtube.com", "amazon.com", "amazon.co.jp", "bing.com",
]  # fmt: skip


def _entries(name: str) -> Iterator[tuple[int, Entry]]:
    """Every entry of a file with its line number; a line that is none raises."""
    for number, line in enumerate((RULES / name).read_text(encoding="utf-8").splitlines(), 1):
        entry = parse_entry(line, Where(f"rules/{name}", number))
        if entry is not None:
            yield number, entry


def _under(host: str, tree: str) -> bool:
    return host == tree or host.endswith("." + tree)


@pytest.mark.parametrize("name", ENTRY_FILES)
class TestEntryFiles:
    def test_every_line_is_an_entry_or_a_comment(self, name: str) -> None:
        assert list(_entries(name))

    def test_hosts_are_lower_case_ascii_names(self, name: str) -> None:
        for number, line in enumerate((RULES / name).read_text(encoding="utf-8").splitlines(), 1):
            entry = parse_entry(line)
            if entry is None:
                continue
            written = line.split(" ", 1)[0].lstrip("=").split("/", 1)[0]
            assert written == entry.host, f"{name}:{number}"
            assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", written), f"{name}:{number}"
            assert not is_address(entry.host), f"{name}:{number}"

    def test_no_entry_stands_twice_or_is_covered_by_another(self, name: str) -> None:
        entries = list(_entries(name))
        texts = [entry.text for _, entry in entries]
        assert sorted(set(texts)) == sorted(texts)
        trees = {entry.host for _, entry in entries if entry.unit is Unit.TREE}
        for number, entry in entries:
            labels = entry.host.split(".")
            start = 1 if entry.unit is Unit.TREE else 0
            above = {".".join(labels[i:]) for i in range(start, len(labels))}
            assert not above & trees, f"{name}:{number}: {above & trees} covers {entry.text}"

    def test_each_line_says_whose_site_it_is(self, name: str) -> None:
        for number, line in enumerate((RULES / name).read_text(encoding="utf-8").splitlines(), 1):
            if line and not line.startswith("#"):
                assert re.fullmatch(r"\S+  # \S.*", line), f"{name}:{number}"

    def test_the_file_says_when_it_was_checked(self, name: str) -> None:
        text = (RULES / name).read_text(encoding="utf-8")
        assert len(re.findall(r"^# checked: ", text, re.MULTILINE)) == 1
        for word in re.findall(r"\bchecked: (\S+)", text):
            assert word == "null" or date.fromisoformat(word)

    def test_a_path_ends_in_a_slash_or_names_a_page_without_query(self, name: str) -> None:
        assert all(entry.unit is not Unit.EXACT for _, entry in _entries(name))

    def test_no_site_where_strangers_publish(self, name: str) -> None:
        if name == LARGE:  # there they all stand
            assert set(SHARED) <= {entry.host for _, entry in _entries(name)}
            return
        for number, entry in _entries(name):
            if entry.unit is Unit.TREE:
                assert entry.host not in SHARED, f"{name}:{number}"


@pytest.mark.parametrize("name", ALLOWLISTS)
def test_allowlists_hold_a_hundred_sites_or_more(name: str) -> None:
    assert len({entry.host for _, entry in _entries(name)}) >= 100


@pytest.mark.parametrize("name", ALLOWLISTS)
def test_allowlists_hold_no_host_of_shared_platforms(name: str) -> None:
    assert not [e.text for _, e in _entries(name) if any(_under(e.host, shared) for shared in SHARED)]


def test_what_is_never_decrypted_is_named_without_a_path() -> None:
    assert not [e.text for _, e in _entries("never-decrypt.txt") if e.needs_path]


def test_system_hosts_with_a_path_are_pages_of_vendors_that_cannot_be_opened_whole() -> None:
    hosts = {e.host for _, e in _entries("system-hosts.txt") if e.needs_path}
    assert hosts == {"www.apple.com", "www.microsoft.com", "fedoraproject.org"}


HELP_KEYS = [
    "id", "country", "name_ja", "name_en", "number", "fallback_number", "url", "hosts",
    "hours_ja", "hours_en", "for_ja", "for_en", "checked", "source",
]  # fmt: skip


class TestHelpLines:
    lines: list[dict[str, Any]] = load_plain(RULES / "helplines.yaml")

    def test_each_has_the_same_keys(self) -> None:
        for line in self.lines:
            assert [key for key in line if key not in ("images", "reports")] == HELP_KEYS, line["id"]
            assert line.get("images", True) is line.get("reports", True) is True, line["id"]

    def test_reports_of_pictures_are_taken_in_japan_and_everywhere(self) -> None:
        assert {"JP", "INT"} <= {line["country"] for line in self.lines if line.get("reports")}

    def test_ids_are_plain_and_stand_once(self) -> None:
        ids = [line["id"] for line in self.lines]
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text) for text in ids)

    def test_words_are_there_and_short_enough_for_a_page(self) -> None:
        for line in self.lines:
            for key in ("name_ja", "name_en", "hours_ja", "hours_en", "for_ja", "for_en", "source"):
                assert 0 < len(line[key]) <= 80, (line["id"], key)
            assert line["name_en"].isascii(), line["id"]

    def test_a_number_is_what_one_dials(self) -> None:
        for line in self.lines:
            for number in (line["number"], line["fallback_number"]):
                assert number is None or re.fullmatch(r"#?[0-9]+([- ][0-9]+)*", number), line["id"]
            assert line["number"] or not line["fallback_number"], line["id"]

    def test_each_can_be_reached(self) -> None:
        assert all(line["number"] or line["url"] for line in self.lines)

    def test_the_page_of_a_line_is_on_a_host_that_it_opens(self) -> None:
        for line in self.lines:
            if line["url"] is None:
                assert line["hosts"] == [], line["id"]
                continue
            url = urlsplit(line["url"])
            assert url.scheme == "https", line["id"]
            trees = [host for host in line["hosts"] if not host.startswith("=")]
            exact = [host[1:] for host in line["hosts"] if host.startswith("=")]
            assert url.hostname in exact or any(_under(url.hostname or "", t) for t in trees), line["id"]

    def test_hosts_are_entries_by_name_alone(self) -> None:
        for line in self.lines:
            for host in line["hosts"]:
                entry = parse_entry(host, Where("rules/helplines.yaml"))
                assert entry is not None and not entry.needs_path and entry.text == host, line["id"]

    def test_no_platform_where_strangers_publish_is_opened(self) -> None:
        for line in self.lines:
            assert not [h for h in line["hosts"] if any(_under(h.lstrip("="), shared) for shared in SHARED)]

    def test_checked_is_null_or_a_day(self) -> None:
        for line in self.lines:
            assert line["checked"] is None or date.fromisoformat(line["checked"]), line["id"]

    def test_the_filter_reads_every_line(self) -> None:
        assert [line.id for line in helplines_from(self.lines)] == [line["id"] for line in self.lines]

    def test_what_a_japanese_page_must_offer_stands_before_the_others(self) -> None:
        """A page shows the first 24."""
        first = {line["id"] for line in self.lines[:24]}
        assert first >= {
            "jp-police-110", "jp-police-9110", "jp-police-8103", "jp-one-stop-8891", "jp-yorisoi",
            "jp-mental-health-dial", "jp-cure-time", "jp-24h-child-sos", "jp-childline", "jp-childrens-rights-110",
            "jp-parent-child-line", "jp-child-abuse-189", "jp-paps", "take-it-down", "stop-ncii",
            "jp-internet-hotline", "jp-safe-line", "jp-tell",
        }  # fmt: skip

    def test_lines_in_english_stand_for_several_countries(self) -> None:
        assert {line["country"] for line in self.lines} >= {"JP", "INT", "GB", "US", "CA", "AU", "NZ", "IE"}


class TestCategories:
    file: dict[str, Any] = load_plain(RULES / "ratings" / "categories.yaml")

    def test_the_file_has_three_parts(self) -> None:
        assert list(self.file) == ["categories", "unrated", "refused"]

    def test_each_category_has_exactly_one_meaning(self) -> None:
        for name, meaning in self.file["categories"].items():
            match meaning:
                case {"rating": int(rating), **rest}:
                    assert 0 <= rating <= 4, name
                    assert rest in ({}, {"opens": True}), name
                    assert rating == 0 or not rest, f"{name}: what opens at level 0 has rating 0"
                case {"block": axis, **rest}:
                    assert axis in ("security", "circumvention") and not rest, name
                case _:
                    pytest.fail(f"{name}: {meaning}")

    def test_no_name_stands_in_two_parts(self) -> None:
        names = [*self.file["categories"], *self.file["unrated"], *self.file["refused"]]
        assert len(set(names)) == len(names)
        assert all(re.fullmatch(r"[a-z0-9]+([-_./][a-z0-9]+)*", name) for name in names)

    @pytest.mark.parametrize(("source", "count"), [("ut1", 76), ("shallalist", 74), ("others", 30)])
    def test_every_name_of_a_source_is_known(self, source: str, count: int) -> None:
        names = CATEGORY_NAMES.read_text(encoding="utf-8").split(f"[{source}]\n")[1].split("\n[")[0].split()
        assert len(names) == count
        assert not {*names} - {*self.file["categories"], *self.file["unrated"], *self.file["refused"]}

    def test_second_names_mean_the_same_as_the_first(self) -> None:
        same = {
            "ads": "publicite", "aggressive": "agressif", "drugs": "drogue", "mail": "forums", "porn": "adult",
            "proxy": "redirector", "violence": "agressif", "gamble": "gambling", "socialnet": "social_networks",
            "anonvpn": "vpn", "remotecontrol": "remote-control", "forum": "forums", "fortunetelling": "astrology",
        }  # fmt: skip
        for second, first in same.items():
            assert self._meaning(second) == self._meaning(first), second

    def test_health_and_trade_mean_nothing(self) -> None:
        for name in ("sexual_education", "hospitals", "shopping", "sports", "press", "bank"):
            assert self._meaning(name) is None

    def _meaning(self, name: str) -> object:
        return self.file["categories"].get(name)


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.yaml")), ids=lambda p: p.stem)
class TestProfiles:
    def test_keys_and_values_are_those_of_the_configuration(self, path: Path) -> None:
        profile = load_plain(path)
        assert set(profile) <= {name for name, setting in BY_NAME.items() if not setting.file_only}
        assert profile.get("level", 0) in range(5)
        for key, value in profile.items():
            if (choices := BY_NAME[key].choices) is not None:
                assert value in list(choices), key

    def test_entries_parse(self, path: Path) -> None:
        profile = load_plain(path)
        for key in ("allow", "block", "companions", "never_decrypt"):
            entries = [parse_entry(text) for text in profile.get(key, [])]
            assert None not in entries
            assert not [e for e in entries if e and any(_under(e.host, s) for s in SHARED) and e.unit is Unit.TREE]

    def test_lists_named_are_files_that_open(self, path: Path) -> None:
        for source in load_plain(path).get("lists", []):
            assert (RULES / "allowlist" / f"{source['name']}.txt").is_file()
            assert source["opens"] is True


def test_the_profiles_are_there() -> None:
    names = {path.stem for path in PROFILES.glob("*.yaml")}
    assert names >= {"household", "school", "isp", "only-allowed", "simple"}


def test_the_provider_profile_neither_decrypts_nor_records() -> None:
    assert load_plain(PROFILES / "isp.yaml") == {
        "checks": "mandatory", "https": "sni", "level": 4, "record": "nothing", "lists": [],
        "default_lists": False,
    }  # fmt: skip


def test_the_simple_profile_is_one_line_and_its_comments_are_in_both_languages() -> None:
    text = (PROFILES / "simple.yaml").read_text(encoding="utf-8")
    assert load_plain(PROFILES / "simple.yaml") == {"level": 2}
    assert "小学生" in text and "primary school" in text


def test_household_and_school_leave_the_level_to_whoever_sets_them_up() -> None:
    assert not [name for name in ("household", "school") if "level" in load_plain(PROFILES / f"{name}.yaml")]


def test_networks_that_are_never_diverted_say_whose_they_are_and_overlap_nowhere() -> None:
    text = (RULES / "never-divert.txt").read_text(encoding="utf-8")
    assert re.findall(r"^# checked: (\S+)", text, re.MULTILINE) == ["null"]
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[0-9a-f.:]+/[0-9]+  # \S.*", line) for line in lines)
    found = sorted(load_never_divert(), key=lambda net: (net.version, int(net.network_address), net.prefixlen))
    assert len(found) == len(lines)
    for one, after in pairwise(found):
        assert one.version != after.version or not one.overlaps(after), (one, after)
    assert all(address_class(net.network_address) is Kind.PUBLIC for net in found)
