"""YAML without traps: what stays text, what is refused, where it stood."""

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.errors import ConfigError, SfsError
from sfs.sources import yaml_nodes
from sfs.sources.yaml_nodes import ListNode, MapNode, Scalar, load_plain, parse_yaml, plain, read_yaml


def value_of(text: str):
    document = parse_yaml(text.encode(), "c.yaml")
    assert document.faults == ()
    return plain(document.root)


def faults_of(text: str | bytes) -> list[str]:
    data = text if isinstance(text, bytes) else text.encode()
    return [str(fault) for fault in parse_yaml(data, "c.yaml").faults]


def error_of(text: str | bytes) -> str:
    with pytest.raises(SfsError) as caught:
        parse_yaml(text if isinstance(text, bytes) else text.encode(), "c.yaml")
    assert caught.value.mend
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        *("no", "yes", "on", "off", "y", "n", "No", "Yes", "ON", "True", "FALSE", "Null", "NULL"),
        *("1:30", "21:00", "0777", "0o17", "0x1F", "1_000", "+1", "1.5", "1e3", ".inf", ".nan", "00", "-0x1", "0b1"),
        *("2026-11-23", "2026-11-23T10:00:00Z", "=", "192.0.2.1", "1234567890123456789012345"),
    ],
)
def test_words_that_yaml_11_takes_for_something_else_stay_text(text):
    assert value_of(f"key: {text}") == {"key": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [("", None), ("~", None), ("null", None), ("true", True), ("false", False), ("0", 0), ("-12", -12), ("8080", 8080)],
)
def test_null_truth_and_decimal_integers_are_no_text(text, value):
    assert value_of(f"key: {text}") == {"key": value}


@pytest.mark.parametrize("text", ["null", "true", "12", "~", ""])
def test_quoted_words_are_text(text):
    assert value_of(f"key: '{text}'") == {"key": text}
    assert value_of(f'key: "{text}"') == {"key": text}


def test_every_value_knows_its_place():
    root = parse_yaml("あ: い\nlist:\n  - a\n  - {b: 2}\n".encode(), "c.yaml").root
    assert isinstance(root, MapNode)
    (key, value), (_, items) = root.pairs
    assert (str(key.where), str(value.where)) == ("c.yaml:1:1", "c.yaml:1:4")
    assert isinstance(items, ListNode)
    second = items.items[1]
    assert isinstance(second, MapNode)
    assert str(second.pairs[0][1].where) == "c.yaml:4:9"


def test_byte_order_mark_does_not_move_places():
    root = parse_yaml(b"\xef\xbb\xbfkey: 1\n", "c.yaml").root
    assert isinstance(root, MapNode)
    assert str(root.pairs[0][0].where) == "c.yaml:1:1"


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "~"])
def test_empty_document_is_null(text):
    assert value_of(text) is None


def test_key_that_stands_twice_is_a_fault_and_the_first_counts():
    document = parse_yaml(b"level: 1\nlevel: 2\n", "c.yaml")
    assert plain(document.root) == {"level": 1}
    assert [str(fault.where) for fault in document.faults] == ["c.yaml:2:1"]
    assert "first in line 1" in document.faults[0].what


def test_all_faults_are_collected():
    faults = faults_of("a: &x 1\nb: *x\nc: !t 2\na: 3\n")
    assert [fault.split(": ")[0] for fault in faults] == ["c.yaml:1:4", "c.yaml:2:4", "c.yaml:3:4", "c.yaml:4:1"]


@pytest.mark.parametrize(
    ("item", "said"),
    [("!phrase", "tag"), ("*name", "alias"), ("&name x", "anchor"), ("!!python/name:os.system", "tag")],
)
def test_item_that_begins_with_a_mark_of_yaml_is_told_to_be_quoted(item, said):
    [fault] = faults_of(f"- {item}\n")
    assert f"is a{'n' if said[0] == 'a' else ''} {said} in YAML" in fault
    assert "quotes" in fault


def test_tag_that_says_text_makes_text():
    assert value_of("- !!str 12\n") == ["12"]


def test_aliases_are_never_followed():
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    document = parse_yaml(bomb.encode(), "c.yaml")
    assert len(document.faults) == 9 + 16
    assert plain(document.root)["i"] == [None, None]


@pytest.mark.parametrize(
    ("text", "place", "mend"),
    [
        ("a:\n\tb: 1\n", "c.yaml:2:1", "not tabs"),
        ("a: b: c\n", "c.yaml:1:5", "colon and a blank"),
        ("- |https://example.com\n", "c.yaml:1:4", "begins with |"),
        ("- *.example.com\n", "c.yaml:1:4", "begins with *"),
        ("a: [!guard]\n", "c.yaml:1:11", "begins with !"),
        ("a: [1, 2\n", "c.yaml:2:1", "close the brackets"),
        ("a: 'x\n", "c.yaml:2:1", "close the quotes"),
        ("a: 1\n- b\n", "c.yaml:2:1", "same indentation"),
        ("a: `x`\n", "c.yaml:1:4", "quotes"),
        ("key\nkey: 1\n", "c.yaml:2:4", "colon"),
    ],
)
def test_syntax_error_has_its_place_and_a_mend(text, place, mend):
    said = error_of(text)
    assert said.startswith(f"{place}: not YAML: ")
    assert mend in said


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("level: 2\n".encode("utf-16"), "UTF-16"),
        (b"a: 1\nb: \x83\x65\n", "c.yaml:2:4: a byte that is not UTF-8"),
        (b"a: 1\n\x00", "c.yaml:2:1: the control character"),
        (b"a: 1\n---\nb: 2\n", "a second document"),
    ],
)
def test_what_is_not_one_utf8_text_is_refused(data, said):
    try:
        text = "\n".join(faults_of(data))
    except SfsError as fault:
        text = str(fault)
    assert said in text


def test_lists_and_mappings_are_no_keys():
    assert faults_of("? [a]\n: b\n")[0].startswith("c.yaml:1:3: a list or mapping as a key")


def test_size_is_bounded():
    assert "larger than" in error_of(b"a" * (yaml_nodes.MAX_FILE + 1))


def test_number_of_values_is_bounded(monkeypatch):
    monkeypatch.setattr(yaml_nodes, "MAX_NODES", 10)
    assert value_of("[1, 2, 3, 4, 5, 6, 7, 8, 9]") == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert "more than 10 values" in error_of("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]")


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}")])
def test_depth_is_bounded_before_anything_is_built(opening, closing):
    assert value_of(opening * 19 + "x" + closing * 19) is not None
    assert "nested deeper than 20" in error_of(opening * 20 + "x" + closing * 20)
    assert "nested deeper than 20" in error_of(opening * 100_000)


def test_file_is_read_with_its_name_in_every_place(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("a: [1]\n")
    root = read_yaml(path).root
    assert isinstance(root, MapNode)
    assert root.pairs[0][0].where.file == str(path)
    assert load_plain(path) == {"a": [1]}


def test_file_with_faults_is_no_plain_value(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("a: 1\na: 2\n")
    with pytest.raises(ConfigError, match="stands twice"):
        load_plain(path)


def test_missing_file_and_folder_are_clear_errors(tmp_path):
    with pytest.raises(SfsError, match="no such file"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(SfsError, match="folder"):
        read_yaml(tmp_path)


def test_both_loaders_of_pyyaml_read_the_same(monkeypatch):
    text = "a: [1, no, '2']\nb: {c: ~, d: \"x\\ty\"}\ne: |\n  two\n  lines\n"
    fast = value_of(text)
    monkeypatch.setattr(yaml_nodes, "_LOADER", yaml.SafeLoader)
    assert value_of(text) == fast == {"a": [1, "no", "2"], "b": {"c": None, "d": "x\ty"}, "e": "two\nlines\n"}


# What JSON writes as it is and YAML takes for a line break, or refuses, is left out.
texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn", "Zl", "Zp"], exclude_characters="\ufeff"), max_size=20
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**17), 10**17), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=20,
)


@given(values, st.sampled_from([None, 2]))
def test_any_json_is_read_as_what_it_is(value, indent):
    document = parse_yaml(json.dumps(value, ensure_ascii=False, indent=indent).encode(), "c.json")
    assert document.faults == ()
    assert plain(document.root) == value


@settings(max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=60), st.text(alphabet="ab:-[]{}&*!|>'\"#%@`,?\n \t\\0ux~", max_size=60).map(str.encode)
    )
)
def test_any_bytes_are_a_document_or_an_error(data):
    try:
        document = parse_yaml(data, "c.yaml")
    except SfsError as fault:
        assert fault.where is not None
        return
    assert isinstance(document.root, Scalar | ListNode | MapNode)
