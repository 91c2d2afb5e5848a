"""The configuration: layers, faults with their places, what is in effect and where it came from."""

import json
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfs.core.levels import Bypass, Strictness, Unrated
from sfs.core.ruleset import Axis
from sfs.errors import ConfigError
from sfs.match.entry import Entry, Unit
from sfs.sources import config as config_module
from sfs.sources import places
from sfs.sources.config import load_config
from sfs.sources.settings import SETTINGS, Checks, HttpsMode, Keep, PageLanguage
from sfs.sources.subscriptions import Ask, ListFormat
from sfs.sources.values import Listen

# Each: a configuration, and its one fault as "LINE:COLUMN what | mend".
FAULTS = json.loads((Path(__file__).parent.parent / "vectors" / "sources" / "config-faults.json").read_text("utf-8"))


@pytest.fixture
def faults(load, tmp_path):
    """The faults of a configuration, each as "LINE:COLUMN what | mend"."""

    def lister(text: str, changes: str | None = None, **overrides) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load(text, changes, **overrides)
        return [
            f"{str(fault.where).removeprefix(f'{tmp_path}/config.yaml:')} {fault.what} | {fault.mend}"
            for fault in caught.value.faults
        ]

    return lister


@pytest.fixture
def own_profiles(tmp_path, monkeypatch):
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / "household.yaml").write_text("retention: 7 days\n")
    monkeypatch.setattr(places, "profiles_dir", lambda: folder)
    return folder


def hosts(entries) -> list[str]:
    return [item.entry.text for item in entries]


# --- what is in effect


def test_level_alone_is_a_whole_configuration(load):
    config = load("level: 2\n")
    assert (config.level, config.profile) == (2, "household")
    assert (config.listen, config.admin) == (Listen("127.0.0.1", 8080), Listen("127.0.0.1", 8081))
    assert (config.https, config.record, config.language) == (HttpsMode.AUTO, Keep.BLOCKED, PageLanguage.AUTO)
    assert (config.self_labels, config.only_allowed, config.checks) == (True, False, Checks.ALL)
    assert config.retention == timedelta(days=7)
    assert config.upstream_ca is None
    assert config.unrated is None
    assert config.effective("unrated") is Unrated.SHOW
    assert config.effective("safesearch") is Strictness.STRICT
    assert config.effective("bypass") is Bypass.UNWRAP
    empty = (config.allow, config.block, config.keywords, config.ratings, config.lists, config.groups, config.bureaus)
    assert set(empty) == {()}
    assert config.warnings == ()


def test_without_a_file_the_command_line_is_enough(tmp_path):
    config = load_config(None, {"level": 1, "listen": None}, tmp_path)
    assert (config.level, config.file, config.state) == (1, None, tmp_path)


def test_without_a_level_the_command_decides(load):
    config = load("profile: household\n")
    assert config.level is None
    assert config.effective("unrated") is None


def test_nearest_layer_wins_and_origins_name_it(load, tmp_path):
    text = "record: visits\nlevel: 1\nhttps: sni\nunrated: block\nlanguage: ja\n"
    config = load(text, changes="level: 2\nlanguage: en\n", level=3)
    assert (config.level, config.origin("level")) == (3, "--level")
    assert (config.language, config.origin("language")) == ("en", f"{tmp_path}/state/changes.yaml:2")
    assert (config.https, config.origin("https")) == ("sni", f"{tmp_path}/config.yaml:3")
    assert config.origin("retention") == "profile household"
    assert config.origin("youtube") == "level 3"
    assert config.origin("listen") == "default"
    assert config.origin("allow") == "default"
    assert config.origin("state") == "--state"


def test_file_stands_above_its_profile(load):
    config = load("profile: isp\nlevel: 1\n")
    assert (config.profile, config.level, config.https, config.record) == ("isp", 1, "sni", "nothing")
    assert config.checks is Checks.MANDATORY
    assert config.origin("checks") == "profile isp"


def test_profile_of_the_command_line_stands_in_place_of_that_of_the_file(load):
    config = load("profile: isp\nlevel: 1\n", profile="school")
    assert (config.profile, config.https, config.retention) == ("school", "auto", timedelta(days=14))


def test_lists_add_up_and_each_layer_is_named(load, own_profiles, tmp_path):
    (own_profiles / "household.yaml").write_text("allow: [c.example.com]\ncompanions: [d.example.com]\n")
    config = load("allow: [b.example.com]\ncompanions: [e.example.com]\n", changes="allow: [a.example.com]\n")
    assert hosts(config.allow) == ["a.example.com", "b.example.com", "c.example.com"]
    assert hosts(config.companions) == ["e.example.com", "d.example.com"]
    changes, file = f"{tmp_path}/state/changes.yaml:1", f"{tmp_path}/config.yaml:1"
    assert config.origin("allow") == f"{changes}, {file}, profile household"
    assert [layer.name for layer in config.layers] == ["command line", "page", "config", "profile household"]


@pytest.mark.parametrize("nothing", ["", "~", "null"])
def test_key_without_a_value_says_nothing(load, nothing):
    config = load(f"level: 2\nallow: {nothing}\nunrated: {nothing}\nretention: {nothing}\n")
    assert (config.allow, config.unrated, config.retention) == ((), None, timedelta(days=7))
    assert config.origin("retention") == "profile household"


@pytest.mark.parametrize("text", ["", "# nothing\n", "~\n"])
def test_empty_file_says_nothing(load, text):
    assert load(text).level is None


def test_every_shipped_profile_loads_with_a_level(load):
    for path in sorted(places.profiles_dir().glob("*.yaml")):
        config = load(f"profile: {path.stem}\n", level=2)
        assert (config.profile, config.level, config.warnings) == (path.stem, 2, ())


def test_profile_may_be_a_path_beside_the_file(load, tmp_path):
    (tmp_path / "mine.yaml").write_text("level: 3\n")
    config = load("profile: ./mine.yaml\n")
    assert (config.profile, config.level, config.origin("level")) == ("mine", 3, "profile mine")


def test_state_folder_of_the_file_holds_the_changes(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "changes.yaml").write_text("level: 0\n")
    (tmp_path / "config.yaml").write_text("level: 2\nstate: data\n")
    config = load_config(tmp_path / "config.yaml")
    assert (config.state, config.level) == (tmp_path / "data", 0)


def test_state_is_the_data_folder_of_the_user_where_nothing_else_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "default_state_dir", lambda: tmp_path / "share")
    config = load_config(None, {"level": 2})
    assert (config.state, config.origin("state")) == (tmp_path / "share", "default")


def test_options_may_have_hyphens_and_values_of_python(load, tmp_path):
    config = load("", only_allowed=True, self_labels=False, allow=["example.com"], level=0, listen="[::1]:0")
    assert (config.only_allowed, config.self_labels, config.listen) == (True, False, Listen("::1", 0))
    assert hosts(config.allow) == ["example.com"]
    assert load_config(None, {"only-allowed": "true"}, tmp_path).only_allowed


# --- entries, words, ratings


def test_entries_keep_their_marks_and_lines(load):
    text = "allow:\n  - example.com/kids/\n  - {entry: search.example.com, search_words: skip}\n"
    text += "block:\n  - =example.net\n  - {entry: example.org, final: true}\n  - {entry: example.edu, final: false}\n"
    config = load(text)
    assert [(item.entry.text, item.line, item.mark) for item in config.allow] == [
        ("example.com/kids/", 2, False),
        ("search.example.com", 3, True),
    ]
    assert [(item.entry.text, item.line, item.mark) for item in config.block] == [
        ("=example.net", 5, False),
        ("example.org", 6, True),
        ("example.edu", 7, False),
    ]


def test_single_entry_needs_no_list(load):
    assert hosts(load("allow: example.com\n").allow) == ["example.com"]


def test_numbers_and_truths_are_read_as_entries_too(faults):
    assert faults("allow: [true, 7]\n") != []


def test_ratings_are_entries_with_numbers(load):
    config = load("ratings:\n  example.com: 0\n  'example.com/forum/': 3\n")
    assert [(item.entry.text, item.rating, item.line) for item in config.ratings] == [
        ("example.com", 0, 2),
        ("example.com/forum/", 3, 3),
    ]


def test_keywords_stand_under_their_rating(load):
    config = load('keywords:\n  3:\n    - some word\n    - "one + two"\n    - "!guard"\n  1: single\n')
    assert [(rule.rating, rule.parts, rule.guard) for rule in config.keywords] == [
        (3, ("some word",), False),
        (3, ("one", "two"), False),
        (3, ("guard",), True),
        (1, ("single",), False),
    ]
    assert config.keywords[0].where.line == 3


def test_flags_of_words_stand_after_a_tab(load):
    config = load('keywords: {2: ["word\\tsub,url"]}\n')
    assert config.keywords[0].sub


# --- lists, bureaus, reach


def test_shipped_list_opens_and_needs_only_its_name(load):
    [source] = load("lists: [{name: start-en}]\n").lists
    assert source.path == places.rules_dir() / "allowlist" / "start-en.txt"
    assert (source.opens, source.rating, source.axis, source.format) == (True, None, None, ListFormat.ENTRIES)


@pytest.mark.parametrize(
    ("meaning", "expected"),
    [
        ("category: gambling", (3, None, False, False, "gambling")),
        ("category: malware", (None, Axis.SECURITY, False, False, "malware")),
        ("category: vpn", (None, Axis.CIRCUMVENTION, False, False, "vpn")),
        ("category: child", (0, None, True, False, "child")),
        ("category: child, opens: false", (0, None, False, False, "child")),
        ("category: bank, opens: true", (None, None, True, False, "bank")),
        ("rating: 2", (2, None, False, False, None)),
        ("opens: true", (None, None, True, False, None)),
        ("mandatory: true", (None, None, False, True, None)),
        ("mandatory: false, rating: 4", (4, None, False, False, None)),
    ],
)
def test_list_has_one_meaning(load, tmp_path, meaning, expected):
    (tmp_path / "names.txt").write_text("example.com\n")
    [source] = load(f"lists: [{{url: names.txt, format: plain, {meaning}}}]\n").lists
    assert (source.rating, source.axis, source.opens, source.mandatory, source.category) == expected
    assert (source.path, source.name, source.format) == (tmp_path / "names.txt", "names.txt", ListFormat.PLAIN)


def test_list_may_be_final_and_have_a_name(load, tmp_path):
    (tmp_path / "names.txt").write_text("")
    [source] = load("lists: [{name: ours, url: names.txt, rating: 4, final: true, format: hosts}]\n").lists
    assert (source.name, source.final, source.format) == ("ours", True, "hosts")


def test_list_at_an_address_is_taken(load):
    config = load("lists:\n  - {url: 'https://lists.example.com/ads/names.txt', rating: 1}\n")
    [source] = config.lists
    assert (source.path, source.url, source.name) == (None, "https://lists.example.com/ads/names.txt", "names.txt")
    assert config.warnings == ()


def test_list_of_the_catalogue_is_taken_by_its_name(load):
    [source] = load("lists: [{name: ut1-gambling}]\n").lists
    assert (source.format, source.category, source.rating) == (ListFormat.SQUIDGUARD, "gambling", 3)
    assert source.url is not None and source.url.startswith("https://") and not source.default


def test_list_of_the_catalogue_may_be_given_another_meaning(load):
    [source] = load("lists: [{name: ut1-gambling, rating: 1, final: true}]\n").lists
    assert (source.category, source.rating, source.final) == (None, 1, True)
    [source] = load("lists: [{name: ut1-games, category: malware, format: plain}]\n").lists
    assert (source.category, source.axis, source.format) == ("malware", Axis.SECURITY, ListFormat.PLAIN)


def test_list_of_the_catalogue_that_maps_to_nothing_may_be_named(load):
    [source] = load("lists: [{name: oisd-big}]\n").lists
    assert (source.category, source.rating, source.axis, source.opens) == ("unified", None, None, False)


def test_of_lists_with_one_name_the_nearest_layer_counts(load, own_profiles, tmp_path):
    (own_profiles / "household.yaml").write_text("lists: [{name: start-ja}, {name: start-en}]\n")
    config = load("lists: [{name: start-en, rating: 0, opens: true}]\n")
    assert sorted((source.name, source.rating) for source in config.lists) == [("start-en", 0), ("start-ja", None)]


def test_bureaus_are_checked(load):
    text = "bureaus:\n  - https://bureau.example.com/ratings\n  - http://127.0.0.1:8082/\n"
    text += "  - {url: 'https://b.example.com/', service: 'http://s.example.com/', trust: false, ask: url,"
    text += " timeout: 500 ms, keep: 5 minutes}\n"
    config = load(text)
    assert [(b.url, b.ask) for b in config.bureaus[:2]] == [
        ("https://bureau.example.com/ratings", Ask.HOST),
        ("http://127.0.0.1:8082/", Ask.URL),
    ]
    last = config.bureaus[2]
    assert (last.service, last.trust, last.ask) == ("http://s.example.com/", False, "url")
    assert last.timeout == timedelta(milliseconds=500)
    assert [b.timeout for b in config.bureaus[:2]] == [timedelta(milliseconds=200)] * 2
    assert (last.keep, config.bureaus[0].keep) == (timedelta(minutes=5), timedelta(hours=1))
    assert not config.warnings


def test_reach_names_addresses_inside(load):
    assert [str(entry) for entry in load("reach: ['127.0.0.1:8000', 10.0.0.0/8, '::1']\n").reach] == [
        "127.0.0.1:8000",
        "10.0.0.0/8",
        "::1",
    ]


# --- groups and times


GROUPS = """
level: 2
groups:
  - name: class 3
    clients: [192.0.2.0/25, "2001:db8::1"]
    users: [anna, otto]
    port: 8083
    level: 1
    allow: [example.com]
    schedule:
      - {days: mon-fri, from: "08:00", to: 12:30, level: 0}
      - {days: [sat, sun], from: 21:00, to: 6:00, profile: only-allowed}
"""


def test_group_has_members_settings_and_times(load):
    [group] = load(GROUPS).groups
    assert (group.name, group.users, group.port) == ("class 3", ("anna", "otto"), 8083)
    assert group.clients == (ip_network("192.0.2.0/25"), ip_network("2001:db8::1/128"))
    [layer] = group.layers
    assert {key: value.value for key, value in layer.values.items() if key == "level"} == {"level": 1}
    first, second = group.schedule
    assert (first.window.days, first.window.start, first.window.end) == (frozenset(range(5)), 480, 750)
    assert (first.level, first.profile) == (0, None)
    assert (second.window.days, second.window.start, second.window.end) == (frozenset({5, 6}), 1260, 360)
    assert second.profile is not None
    assert second.profile.name == "only-allowed"


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("daily", range(7)),
        ("weekdays", range(5)),
        ("weekend", (5, 6)),
        ("fri-mon", (4, 5, 6, 0)),
        ("mon", (0,)),
        ("Mon, wed", (0, 2)),
        ("[mon-tue, sun]", (0, 1, 6)),
    ],
)
def test_days_are_written_as_people_do(load, days, expected):
    text = f"groups: [{{name: g, users: [a], schedule: [{{days: '{days}', from: '1:00', to: '24:00', level: 1}}]}}]"
    text = text.replace("'[", "[").replace("]',", "],")
    [row] = load(text).groups[0].schedule
    assert (row.window.days, row.window.end) == (frozenset(expected), 1440)


def test_what_two_layers_say_of_a_group_is_one_group(load):
    text = "groups:\n  - {name: kids, clients: [192.0.2.1], level: 1}\n  - {name: staff, users: [otto], level: 3}\n"
    config = load(text, changes="groups:\n  - {name: kids, level: 0, allow: [example.com]}\n")
    kids, staff = config.groups
    assert (kids.name, kids.clients, staff.name) == ("kids", (ip_network("192.0.2.1/32"),), "staff")
    assert [layer.values["level"].value for layer in kids.layers] == [0, 1]


def test_members_of_two_groups_are_warned_of(load):
    text = "groups:\n  - {name: a, users: [anna], clients: [192.0.2.1]}\n  - {name: b, users: [ANNA]}\n"
    [warning] = load(text).warnings
    assert "anna is in the group 'a' too" in warning.what


def test_mapped_networks_of_clients_are_plain(load):
    config = load("groups: [{name: a, clients: ['::ffff:192.0.2.0/120']}]\n")
    assert config.groups[0].clients == (ip_network("192.0.2.0/24"),)


# --- faults


def test_all_faults_of_all_layers_come_at_once_in_order(load, own_profiles, tmp_path):
    (own_profiles / "household.yaml").write_text("retention: long\n")
    with pytest.raises(ConfigError) as caught:
        load("levle: 2\nallow: [exa mple.com]\nhttps: maybe\n", changes="record: all\n", level=7)
    assert [str(fault.where) for fault in caught.value.faults] == [
        "--level",
        f"{tmp_path}/config.yaml:1:1",
        f"{tmp_path}/config.yaml:2:12",
        f"{tmp_path}/config.yaml:3:8",
        f"{tmp_path}/state/changes.yaml:1:9",
        f"{own_profiles}/household.yaml:1:12",
    ]
    assert all(fault.mend for fault in caught.value.faults)
    assert str(caught.value).count("mend:") == 6


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: case["yaml"])
def test_fault_names_its_place_what_is_wrong_and_how_to_mend_it(faults, case):
    assert faults(case["yaml"] + "\n") == [case["fault"]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("upstream_ca: none.pem", "there is no file"),
        ("lists: [{url: none.txt, rating: 1}]", "there is no file"),
        ("lists: [{name: start-fr}]", "neither rules/allowlist nor the catalogue has a list 'start-fr'"),
        ("lists: [{url: 'https://a.example/x', mandatory: true}]", "a mandatory list at an address"),
        ("allow: [[2001:db8::1]]", "in quotes"),
        ("profile: ./none.yaml", "there is no file"),
    ],
)
def test_fault_that_depends_on_the_machine_names_what_it_is_about(faults, text, said):
    [fault] = faults(text + "\n")
    assert fault.startswith("1:")
    assert said in fault


def test_bad_item_does_not_hide_the_next_one(faults):
    found = faults("allow:\n  - a b\n  - example.com\n  - c d\nkeywords: {2: [x, ok word, y]}\n")
    assert [fault.split(" ")[0] for fault in found] == ["2:6", "4:6", "5:16", "5:28"]


def test_file_that_is_not_yaml_or_not_there_is_one_fault(faults, tmp_path):
    assert len(faults("level: [1\n")) == 1
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "none.yaml", {}, tmp_path)


def test_options_name_themselves_in_their_faults(faults):
    unknown, level, listen = faults("", level=9, listen="x", no_such=1)
    assert unknown.startswith("--no-such the configuration knows no key 'no_such' | known are level, profile")
    assert level == "--level '9' is not a level | write 0, 1, 2, 3 or 4 (`sfs levels` explains)"
    assert listen.startswith("--listen 'x' is not an address and a port | ")


@pytest.mark.parametrize("key", ["profile: isp", "state: x", "groups: []"])
def test_profile_cannot_say_what_belongs_in_a_file(faults, own_profiles, key):
    (own_profiles / "household.yaml").write_text(f"level: 1\n{key}\n")
    [fault] = faults("")
    assert "household.yaml:2:1" in fault
    assert "cannot stand here" in fault


def test_changes_cannot_move_the_folder_they_lie_in(faults):
    [fault] = faults("", changes="state: elsewhere\n")
    assert "changes.yaml:1:1" in fault


def test_faults_are_bounded(faults, monkeypatch):
    monkeypatch.setattr(config_module, "MAX_FAULTS", 10)
    found = faults("allow: [" + "a b, " * 25 + "]\n")
    assert len(found) == 11
    assert "and 15 faults more" in found[-1]


def test_missing_default_profile_is_a_fault(faults, own_profiles):
    (own_profiles / "household.yaml").unlink()
    assert "no profile 'household'" in faults("level: 2\n")[0]


def test_profile_of_a_group_is_read_and_checked(faults, own_profiles):
    (own_profiles / "strict.yaml").write_text("unrated: maybe\n")
    [fault] = faults("groups: [{name: a, users: [a], profile: strict}]\n")
    assert "strict.yaml:1:10" in fault


def test_recording_beside_mandatory_lists_alone_is_warned_of(load):
    [warning] = load("profile: isp\nrecord: visits\n").warnings
    assert "nothing is recorded" in warning.what


KEYS = [setting.name for setting in SETTINGS]
INNER_KEYS = ["name", "url", "entry", "users", "clients", "schedule", "from", "to", "days", "1", "port", "final", "x"]
WORDS = ["example.com", "=a.test", "a b", "127.0.0.1:80", "192.0.2.0/24", "7 days", "mon-fri", "21:00", "skip", "block"]
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 90_000), st.text(max_size=12), st.sampled_from([*WORDS, "category"])
)
nodes = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS + INNER_KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)


def written(value) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {written(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(c if c.isalnum() or c in " .:/=-" else f"\\U{ord(c):08x}" for c in value) + '"'
    return "null" if value is None else str(value).lower()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([s.name for s in SETTINGS]), nodes, max_size=5))
def test_any_configuration_is_a_config_or_faults_with_places_and_mends(tmp_path, values):
    path = tmp_path / "config.yaml"
    path.write_text(written(values), encoding="utf-8")
    try:
        config = load_config(path, {}, tmp_path / "state")
    except ConfigError as fault:
        assert fault.faults
        assert all(one.where is not None and one.mend for one in fault.faults)
        return
    assert all(isinstance(config.origin(setting.name), str) for setting in SETTINGS)


def test_tree_of_an_entry_is_what_the_list_line_means(load):
    assert load("block: [Example.COM]\n").block[0].entry == Entry(Unit.TREE, "example.com")


def test_paths_start_from_the_folder_of_the_file_that_names_them(load, tmp_path):
    (tmp_path / "ca.pem").write_text("x")
    config = load("upstream_ca: ca.pem\n")
    assert config.upstream_ca == tmp_path / "ca.pem"
    assert isinstance(config.upstream_ca, Path)
