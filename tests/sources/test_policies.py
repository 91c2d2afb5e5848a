"""What a configuration means for everybody, for a group, and at a time of the week."""

from datetime import datetime, timedelta, timezone

import pytest

from sfs.core.decide import CHECKS, decide
from sfs.core.facts import Facts, Kind
from sfs.core.identity import PolicyTable
from sfs.core.levels import LEVELS, Bypass, Strictness, Unrated
from sfs.core.ruleset import Ruleset
from sfs.core.verdict import Verdict
from sfs.errors import SfsError
from sfs.match.phrases import OWN_WEIGHT
from sfs.match.words import Place
from sfs.sources import places
from sfs.sources.policies import MANDATORY_ONLY, path_entries, policies_from
from sfs.text.url import parse_url

JAPAN = timezone(timedelta(hours=9))
MONDAY_NOON = datetime(2026, 11, 23, 12, 0, tzinfo=JAPAN)


@pytest.fixture
def policies(load):
    def maker(text: str, changes: str | None = None, **overrides) -> PolicyTable:
        return policies_from(load(text, changes, **overrides))

    return maker


@pytest.fixture
def profiles(tmp_path, monkeypatch):
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / "household.yaml").write_text("record: visits\n")
    monkeypatch.setattr(places, "profiles_dir", lambda: folder)
    return folder


def of_user(table: PolicyTable, login: str, time: datetime | None = None):
    return table.policy_for(None, login, None, time)


def judged(table: PolicyTable, url: str, login: str = "nobody") -> Verdict:
    # A picture rests on entries alone here: no label is asked for before row 8, and no row after it answers.
    policy = of_user(table, login)
    verdict = decide(Facts(parse_url(url), kind=Kind.DOCUMENT), policy, Ruleset())
    assert isinstance(verdict, Verdict)
    return verdict


@pytest.mark.parametrize("level", range(5))
def test_level_alone_means_its_row_of_the_table(policies, level):
    policy = policies(f"level: {level}\n").default
    row = LEVELS[level]
    assert (policy.level, policy.name, policy.profile) == (level, "default", "household")
    assert (policy.unrated, policy.bypass, policy.bureau_away) == (row.unrated, row.bypass, row.bureau_away)
    assert (policy.safesearch, policy.youtube, policy.on_error) == (row.safesearch, row.youtube, row.on_error)
    assert (policy.record, policy.self_labels, policy.only_allowed, policy.checks) == ("blocked", True, False, None)
    assert (policy.owners, policy.words) == ((), None)


def test_settings_go_beyond_the_level(policies):
    text = "level: 2\nunrated: block\nbypass: block\nsafesearch: 'off'\nyoutube: strict\nbureau_away: block\n"
    policy = policies(text + "self_labels: false\nrecord: nothing\n").default
    assert (policy.unrated, policy.bypass, policy.bureau_away) == (Unrated.BLOCK, Bypass.BLOCK, Unrated.BLOCK)
    assert (policy.safesearch, policy.youtube) == (Strictness.OFF, Strictness.STRICT)
    assert (policy.self_labels, policy.record) == (False, "nothing")


def test_without_a_level_there_is_no_policy(policies):
    with pytest.raises(SfsError, match=r"^no level is chosen\n") as caught:
        policies("")
    assert "--level 2" in (caught.value.mend or "")
    with pytest.raises(SfsError, match="no level"):
        policies("groups: [{name: a, users: [a], level: 1}]\n")


def test_provider_profile_walks_mandatory_lists_alone_and_records_nothing(policies):
    policy = policies("profile: isp\nrecord: visits\n").default
    assert policy.checks == frozenset({"own", "help", "mandatory"}) == MANDATORY_ONLY
    assert set(CHECKS) >= MANDATORY_ONLY
    assert (policy.profile, policy.record, policy.on_error) == ("isp", "nothing", Unrated.SHOW)
    assert policies("profile: isp\n", level=0).default.on_error is Unrated.SHOW


def test_only_allowed_profile_blocks_on_errors(policies):
    policy = policies("profile: only-allowed\nlevel: 3\n").default
    assert (policy.only_allowed, policy.on_error, policy.level) == (True, Unrated.BLOCK, 3)


def test_owners_stand_nearest_first(policies, profiles, tmp_path):
    (profiles / "household.yaml").write_text("block: [d.example.com]\n")
    text = "level: 2\nblock: [c.example.com]\ngroups: [{name: kids, users: [anna], block: [a.example.com]}]\n"
    table = policies(text, changes="allow: [b.example.com]\n")
    owners = of_user(table, "anna").owners
    assert [owner.name for owner in owners] == ["group kids", "page", "config", "profile"]
    assert [owner.file for owner in owners] == [
        str(tmp_path / "config.yaml"),
        str(tmp_path / "state" / "changes.yaml"),
        str(tmp_path / "config.yaml"),
        str(profiles / "household.yaml"),
    ]
    assert [owner.name for owner in table.default.owners] == ["page", "config", "profile"]
    assert table.default.owners == owners[1:]


def test_nearer_owner_opens_what_a_farther_one_blocks(policies):
    text = "level: 2\nblock: [example.com]\ngroups: [{name: staff, users: [otto], allow: [www.example.com]}]\n"
    table = policies(text)
    assert judged(table, "http://www.example.com/").blocked
    assert not judged(table, "http://www.example.com/", "otto").blocked


def test_final_block_stands_against_nearer_owners(policies, tmp_path):
    text = "level: 2\nblock:\n  - {entry: example.com, final: true}\n"
    table = policies(text, changes="allow: [example.com]\n")
    verdict = judged(table, "http://example.com/")
    assert (verdict.blocked, verdict.reason) == (True, "own-final")
    assert verdict.source == f"{tmp_path}/config.yaml:3 example.com"


def test_entry_that_leaves_search_words_alone_is_marked(policies):
    text = "level: 2\nallow: [{entry: a.example.com, search_words: skip}, b.example.com]\n"
    [owner] = policies(text).default.owners
    assert {entry.host for entry in owner.free_search} == {"a.example.com"}
    assert len(owner.allow) == 2


def test_own_ratings_are_looked_up_by_entry(policies):
    [owner] = policies("level: 2\nratings: {example.com/forum/: 3}\n").default.owners
    [hit] = owner.rated.match(parse_url("http://example.com/forum/x"))
    assert (owner.ratings[hit.entry], hit.line) == (3, 2)


def test_words_of_all_layers_are_looked_for(policies):
    text = "level: 1\nkeywords: {3: [oneword]}\ngroups: [{name: a, users: [anna], keywords: {2: [twoword]}}]\n"
    table = policies(text, changes="keywords: {4: [fourword]}\n")
    own, default = of_user(table, "anna").words, table.default.words
    assert own is not None
    assert default is not None
    text = "oneword twoword fourword"
    assert [hit.rule.rating for hit in own.find(text, Place.META)] == [4, 3, 2]
    assert [hit.rule.rating for hit in default.find(text, Place.META)] == [4, 3]


def test_companions_and_hosts_never_decrypted_add_up(policies):
    text = "level: 2\ncompanions: [a.example.com]\nnever_decrypt: [bank.example.com]\n"
    table = policies(text + "groups: [{name: a, users: [anna], companions: [b.example.com]}]\n")
    policy = of_user(table, "anna")
    assert policy.companions.match(parse_url("http://a.example.com/"))
    assert policy.companions.match(parse_url("http://b.example.com/"))
    assert not table.default.companions.match(parse_url("http://b.example.com/"))
    assert policy.never_decrypt.match(parse_url("https://www.bank.example.com/"))


def test_shipped_hosts_are_never_decrypted(policies):
    shipped = (places.rules_dir() / "never-decrypt.txt").read_text(encoding="utf-8").splitlines()
    host = next(line.split("#")[0].strip() for line in shipped if line and not line.startswith(("#", "=")))
    assert policies("level: 2\n").default.never_decrypt.match(parse_url(f"https://{host}/"))


def test_group_inherits_what_it_does_not_say(policies):
    text = "level: 2\nunrated: block\nrecord: nothing\ngroups: [{name: a, users: [anna], level: 1, youtube: 'off'}]\n"
    policy = of_user(policies(text), "anna")
    assert (policy.level, policy.unrated, policy.record) == (1, Unrated.BLOCK, "nothing")
    assert (policy.youtube, policy.safesearch) == (Strictness.OFF, Strictness.STRICT)
    assert (policy.name, policy.profile) == ("a", "household")


def test_level_of_the_command_line_holds_for_groups_without_one(policies):
    text = "level: 2\ngroups:\n  - {name: a, users: [anna]}\n  - {name: b, users: [otto], level: 0}\n"
    table = policies(text, level=1)
    assert [of_user(table, login).level for login in ("anna", "otto", "nobody")] == [1, 0, 1]


def test_profile_of_a_group_stands_in_place_of_that_of_everybody(policies, profiles):
    (profiles / "household.yaml").write_text("record: visits\nblock: [a.example.com]\nself_labels: false\n")
    (profiles / "strict.yaml").write_text("level: 0\nblock: [b.example.com]\nunrated: show\nyoutube: 'off'\n")
    text = "level: 3\nunrated: block\ngroups: [{name: a, users: [anna], profile: strict, youtube: moderate}]\n"
    table = policies(text)
    policy = of_user(table, "anna")
    assert (policy.profile, policy.level, policy.unrated, policy.youtube) == ("strict", 0, "show", "moderate")
    assert (policy.record, policy.self_labels) == ("blocked", True)
    assert [owner.file for owner in policy.owners] == [str(profiles / "strict.yaml")]
    assert (table.default.record, table.default.unrated) == ("visits", "block")


def test_provider_profile_of_a_group_leaves_the_others_alone(policies):
    table = policies("level: 1\ngroups: [{name: guests, clients: [192.0.2.0/24], profile: isp}]\n")
    assert table.policy_for("192.0.2.9").checks == MANDATORY_ONLY
    assert table.default.checks is None


def test_level_of_a_window_brings_its_row_of_the_table(policies):
    text = "level: 3\ngroups:\n  - name: kids\n    users: [anna]\n    level: 2\n    safesearch: moderate\n"
    text += "    schedule:\n      - {days: weekdays, from: 8:00, to: 15:00, level: 0}\n"
    table = policies(text)
    lesson = of_user(table, "anna", MONDAY_NOON)
    assert (lesson.level, lesson.unrated, lesson.bypass) == (0, Unrated.BLOCK, Bypass.BLOCK)
    assert (lesson.safesearch, lesson.name) == (Strictness.MODERATE, "kids")
    assert lesson.valid_until == MONDAY_NOON.replace(hour=15)
    evening = of_user(table, "anna", MONDAY_NOON.replace(hour=15))
    assert (evening.level, evening.unrated) == (2, Unrated.SHOW)
    assert evening.valid_until == MONDAY_NOON.replace(day=24, hour=8)
    assert of_user(table, "nobody", MONDAY_NOON).valid_until is None


def test_profile_of_a_window_comes_before_the_group(policies, profiles):
    (profiles / "lesson.yaml").write_text("only_allowed: true\nlevel: 0\nallow: [school.example.com]\n")
    (profiles / "home.yaml").write_text("youtube: 'off'\n")
    text = "level: 3\ngroups:\n  - name: kids\n    users: [anna]\n    level: 2\n    profile: home\n"
    text += "    block: [example.org]\n    schedule:\n      - {from: 8:00, to: 15:00, profile: lesson}\n"
    table = policies(text)
    lesson = of_user(table, "anna", MONDAY_NOON)
    assert (lesson.profile, lesson.level, lesson.only_allowed, lesson.youtube) == ("lesson", 0, True, "strict")
    assert [owner.name for owner in lesson.owners] == ["group kids", "profile"]
    later = of_user(table, "anna", MONDAY_NOON.replace(hour=16))
    assert (later.profile, later.level, later.only_allowed, later.youtube) == ("home", 2, False, "off")


def test_owners_and_words_that_policies_share_are_made_once(policies):
    text = "level: 2\nblock: [example.com]\nkeywords: {3: [oneword]}\ngroups:\n"
    text += "".join(f"  - {{name: g{number}, users: [u{number}]}}\n" for number in range(3))
    table = policies(text)
    assert len({id(policy.owners[0]) for policy in table.policies()}) == 1
    assert len({id(policy.words) for policy in table.policies()}) == 1
    assert len({id(policy.never_decrypt) for policy in table.policies()}) == 1


def test_entries_that_need_a_path_are_counted_over_all_layers(load):
    text = "level: 2\nblock: [example.com/a, example.net]\nratings: {example.org/x/: 1}\n"
    config = load(text + "groups: [{name: a, users: [anna], allow: ['example.com/?q=1']}]\n")
    assert sorted(item.entry.text for item in path_entries(config)) == [
        "example.com/?q=1",
        "example.com/a",
        "example.org/x/",
    ]


def test_example_of_the_school_profile_works(load):
    text = (places.profiles_dir() / "school.yaml").read_text(encoding="utf-8")
    example = text[text.index("#   profile: school") :].replace("#   ", "", 1).replace("\n#   ", "\n")
    table = policies_from(load(example))
    assert len(table.groups) >= 2
    assert table.default.profile == "school"


def test_bodies_are_scanned_where_a_layer_says_so_and_own_words_are_looked_for_in_them(policies):
    text = "level: 1\nkeywords: {3: [blue widget]}\n"
    off = policies(text).default
    assert (off.scan_body, off.body_limit, off.phrases) == (False, 100, None)
    table = policies(text + "groups:\n- {name: a, clients: [192.0.2.1], scan_body: true, body_limit: 80, level: 2}\n")
    [group] = table.groups
    assert (group.policy.scan_body, group.policy.body_limit, table.default.scan_body) == (True, 80, False)
    assert [phrase.weight for phrase in group.policy.phrases.phrases] == [OWN_WEIGHT]
    on = policies("level: 3\nscan_body: true\n").default
    assert (on.scan_body, on.body_limit, on.phrases) == (True, 150, None)
