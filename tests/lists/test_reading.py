"""Lists that are more than lines: files they include, what holds against exceptions, why lines are left out."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.errors import RuleError, SfsError
from sfs.lists import includes, notes
from sfs.lists.compile import compile_list
from sfs.lists.compiled import open_compiled
from sfs.lists.files import How, Reading, read_into, read_list
from sfs.lists.formats import FORMATS, WORD_FORMATS
from sfs.lists.notes import BAD, LEFT, PART
from sfs.lists.tables import Tables
from sfs.text.url import parse_url


def put(folder: Path, **files: str) -> Path:
    """Write files, the first of which is given back; _ in a name stands for a slash."""
    for name, text in files.items():
        path = folder / name.replace("_", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / next(iter(files)).replace("_", "/")


def names_of(path: Path, format: str, only: tuple[str, ...] = ()) -> tuple[set[str], Reading]:
    tables = Tables()
    reading = read_into(path, format, tables, How(only=only))
    return {entry.text for entry, _ in tables.entries()}, reading


def reasons(reading: Reading) -> dict[tuple[str, str], int]:
    return {(reason.first.kind, reason.first.why): reason.count for reason in reading.notes.by_count()}


def test_included_files_are_read_with_their_own_line_numbers(tmp_path):
    first = put(
        tmp_path, a="example.com\n.Include</etc/lists/sub/b>\nexample.net\n", sub_b="# x\nnot a name\nexample.org\n"
    )
    names, reading = names_of(first, "e2guardian")
    assert names == {"example.com", "example.net", "example.org"}
    assert [str(fault.where) for fault in reading.skipped] == ["sub/b:2:4"]
    assert str(reading.where(3)) == f"{first}:3"
    assert str(reading.where(6)) == "sub/b:3"


def test_an_include_that_goes_round_is_read_once_and_said(tmp_path):
    first = put(tmp_path, a="include:b\na.example\n", b="include:a\ninclude:b\nb.example\n")
    names, reading = names_of(first, "v2fly")
    assert names == {"a.example", "b.example"}
    assert reasons(reading) == {(PART, "a file that was named before: read once"): 2}


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret", "sub/../../secret", "link", "nothing", ".", "a\\..\\b"])
def test_nothing_outside_of_the_folder_is_read(tmp_path, name):
    put(tmp_path, secret="secret.example\n")
    first = put(tmp_path / "lists", a=f"example.com\n.Include<{name}>\n")
    (tmp_path / "lists" / "link").symlink_to(tmp_path / "secret")
    names, reading = names_of(first, "e2guardian")
    assert names == {"example.com"}
    assert "in the folder of the list" in reading.skipped[0].what


def test_a_file_elsewhere_may_be_named_as_it_stood_there(tmp_path):
    first = put(
        tmp_path, banned_sites="example.com\n.Include</etc/e2guardian/lists/banned/more>\n", banned_more="a.example\n"
    )
    assert names_of(first, "e2guardian")[0] == {"example.com", "a.example"}


def test_the_number_of_files_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(includes, "MAX_FILES", 3)
    first = put(
        tmp_path, a="include:b\ninclude:c\ninclude:d\na.example\n", b="b.example\n", c="c.example\n", d="d.example\n"
    )
    names, reading = names_of(first, "v2fly")
    assert names == {"a.example", "b.example", "c.example"}
    assert "more than 3 files" in reading.skipped[0].what


def test_attributes_choose_the_lines_of_an_included_file(tmp_path):
    lines = "one.example @ads\ntwo.example @ads @cn\nthree.example @cn\nfour.example\n"
    first = put(tmp_path, a="include:b @ads @-cn\nfive.example @ads\nsix.example\n", b=lines)
    assert names_of(first, "v2fly")[0] == {"one.example", "five.example", "six.example"}
    assert names_of(first, "v2fly", ("@ads",))[0] == {"one.example", "five.example"}
    assert names_of(first, "v2fly", ("@-ads",))[0] == {"six.example"}
    with pytest.raises(RuleError, match="has no parts"):
        names_of(first, "plain", ("@ads",))


def test_important_holds_against_exceptions(tmp_path):
    text = (
        "@@||a.example^\n||a.example^$important\n"  # whatever stands first
        "||b.example^\n@@||b.example^\n||c.example^$important\n@@||x.c.example^\n"
        "||d.example^$important\n@@||d.example^$important\n||e.example^\n||x.e.example^$important\n@@||e.example^\n"
    )
    path = put(tmp_path, list=text)
    compile_list(path, "adblock", tmp_path / "compiled")
    for index in (read_list(path, "adblock").index, open_compiled(tmp_path / "compiled").index):
        hosts = ("a", "b", "c", "x.c", "d", "e", "x.e")
        assert {host for host in hosts if index.match(parse_url(f"http://{host}.example"))} == {"a", "c", "x.c", "x.e"}


def test_every_line_that_is_not_taken_is_told_and_counted_by_reason(tmp_path):
    text = "||a.example^\n||b.example^$third-party\n||c.example^$third-party,script\n##.x\nb.example\n"
    told = []
    reading = read_into(put(tmp_path, list=text), "adblock", Tables(), How(each=told.append))
    assert reasons(reading) == {
        (LEFT, "option $third-party"): 2,
        (LEFT, "option $script"): 1,
        (LEFT, "cosmetic rule"): 1,
        (BAD, "is no rule of a content blocker"): 1,
    }
    assert [(note.where.line, note.text) for note in told] == [
        (2, "||b.example^$third-party"),
        (3, "||c.example^$third-party,script"),
        (3, "||c.example^$third-party,script"),
        (4, "##.x"),
        (5, "b.example"),
    ]
    assert reading.passed_over == 3


def test_reasons_are_bounded_and_say_nothing_that_steers_a_terminal(tmp_path, monkeypatch):
    monkeypatch.setattr(notes, "MAX_REASONS", 2)
    text = "||a.example^$script\n||a.example^$image\n||a.example^$font\n||a.example^$media\x1b[31m\n##\x1b[31mred\n"
    reading = read_into(put(tmp_path, list=text), "adblock", Tables())
    assert sum(reasons(reading).values()) == 5
    assert len(reading.notes.reasons) == 3
    assert all(reason.first.text.isprintable() for reason in reading.notes.by_count())


def test_a_list_in_several_files_is_not_followed_where_it_is_one_part_of_a_folder(tmp_path):
    (tmp_path / "domains").write_text("example.com\n.Include<urls>\n")
    (tmp_path / "urls").write_text("example.net/a\n")
    assert read_list(tmp_path, "squidguard").skipped_count == 1


def test_table_in_shift_jis_with_a_head_of_words(tmp_path):
    table = tmp_path / "t.csv"
    table.write_bytes("番号,サイト,分類\r\n1,example.com,玩具\r\n2,日本語.example,玩具\r\n".encode("cp932"))
    names, reading = names_of(table, "csv")
    assert names == {"example.com", "xn--wgv71a119e.example"}
    assert names_of(table, "csv", ("玩具",))[0] == names
    assert names_of(table, "csv", ("本",))[0] == set()
    assert reading.skipped_count == 0


def test_table_without_a_head_takes_the_first_column_with_sites(tmp_path):
    table = put(tmp_path, t="1;example.com;a\n2;example.net;b\n")
    assert names_of(table, "csv")[0] == {"example.com", "example.net"}


def test_table_without_sites_is_refused(tmp_path):
    with pytest.raises(SfsError, match="no column of the table names sites"):
        read_list(put(tmp_path, t="a,b\n" * 30), "csv")


def test_byte_order_mark_before_the_head_of_a_table(tmp_path):
    table = tmp_path / "t.csv"
    table.write_bytes(b"\xef\xbb\xbfurl,category\nhttps://example.com/a,x\n")
    assert names_of(table, "csv")[0] == {"example.com/a"}


lines = st.one_of(
    st.binary(max_size=60), st.sampled_from([b".Include<list>", b"include:list", b"user_rules:", b"url,a"])
)


@settings(max_examples=150)
@given(st.lists(lines, max_size=5), st.sampled_from((*FORMATS, *WORD_FORMATS)))
def test_any_bytes_are_a_list_or_an_error_in_every_format(tmp_path_factory, written, format):
    path = tmp_path_factory.mktemp("any", numbered=True) / "list"
    path.write_bytes(b"\n".join(written))
    try:
        reading = read_into(path, format, Tables())
    except SfsError as fault:
        assert fault.what
        return
    assert reading.passed_over <= reading.lines
    assert json.dumps([reason.first.text for reason in reading.notes.by_count()])
