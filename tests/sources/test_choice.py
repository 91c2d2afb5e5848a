"""Which lists are in use: those of the configuration, and the default choice of its levels."""

import pytest

from sfs.core.ruleset import Axis
from sfs.lists import store
from sfs.sources.choice import acts, is_big, levels_in_use, list_states, lists_in_use, stored, wanted
from sfs.sources.config import load_config
from sfs.sources.policies import policies_from
from sfs.sources.subscriptions import ListFormat, ListSource


@pytest.fixture
def chosen(tmp_path):
    """The default choice of a configuration, by name."""

    def make(text: str) -> dict[str, ListSource]:
        path = tmp_path / "sfs.yaml"
        path.write_text(f"state: {tmp_path / 'state'}\n{text}", encoding="utf-8")
        config = load_config(path)
        return {s.name: s for s in lists_in_use(config, levels_in_use(policies_from(config)))}

    return make


def source(**more) -> ListSource:
    return ListSource("a", None, "https://a.example/", ListFormat.PLAIN, **more)


@pytest.mark.parametrize(
    ("meaning", "levels"),
    [
        ({"rating": 4}, [0, 1, 2, 3]),
        ({"rating": 3}, [0, 1, 2]),
        ({"rating": 1}, [0]),
        ({"rating": 0}, []),
        ({"axis": Axis.SECURITY}, [0, 1, 2, 3, 4]),
        ({"axis": Axis.CIRCUMVENTION}, [0, 1, 2]),
        ({"rating": 0, "opens": True}, [0]),
        ({}, []),
    ],
)
def test_a_list_acts_where_its_meaning_does(meaning, levels):
    assert [level for level in range(5) if acts(source(**meaning), [level])] == levels


def test_levels_bring_a_default_choice(chosen):
    two = chosen("level: 2\n")
    assert {"oisd-nsfw", "ut1-gambling", "ut1-vpn", "urlhaus"} <= two.keys()
    assert not {"ut1-lingerie", "ut1-child", "oisd-big", "ut1-adult"} & two.keys()
    assert all(one.default for one in two.values())
    assert {"ut1-lingerie"} <= chosen("level: 1\n").keys()
    assert {"ut1-child"} <= chosen("level: 0\n").keys()
    four = chosen("level: 4\n")
    assert four and all(one.axis is Axis.SECURITY for one in four.values())


def test_every_group_counts(chosen):
    assert "ut1-child" in chosen("level: 3\ngroups: [{name: small, clients: [192.0.2.0/24], level: 0}]\n")


@pytest.mark.parametrize("text", ["level: 2\ndefault_lists: false\n", "profile: isp\n", "profile: only-allowed\n"])
def test_nobody_need_take_it(chosen, text):
    assert not [one for one in chosen(text).values() if one.default]


def test_what_the_configuration_names_itself_is_no_default(chosen):
    assert not chosen("level: 2\nlists: [{name: ut1-gambling, rating: 1}]\n")["ut1-gambling"].default


def test_only_what_was_asked_for_is_fetched_without_a_question(chosen, tmp_path):
    sources = tuple(chosen("level: 2\nlists: [{url: 'https://a.example/x', rating: 3}]\n").values())
    state = tmp_path / "state"
    assert [one.name for one in wanted(sources, state)] == ["x"]
    store.set_asked(state)
    assert wanted(sources, state) == sources


def test_the_store_holds_what_is_fetched_and_big_files_but_no_mandatory_one(chosen, tmp_path):
    (tmp_path / "big.txt").write_bytes(b"".join(b"n%d.example\n" % n for n in range(50_001)))
    (tmp_path / "small.txt").write_text("a.example\n" * 20)
    (tmp_path / "comments.txt").write_text("#" * 200_000 + "\n")
    assert [is_big(tmp_path / name) for name in ("big.txt", "small.txt", "comments.txt", "none")] == [
        True,
        *[False] * 3,
    ]
    text = "level: 2\ndefault_lists: false\nlists:\n- {url: big.txt, rating: 3}\n- {url: small.txt, rating: 3}\n"
    text += "- {name: law, url: big.txt, mandatory: true}\n- {url: 'https://a.example/x', rating: 3}\n"
    assert [one.name for one in stored(tuple(chosen(text).values()))] == ["big.txt", "x"]
    config = load_config(tmp_path / "sfs.yaml")
    assert [state.name for state in list_states(config)] == ["big.txt", "x"]
