"""PICS label lists out of files: every label with its place, whatever stands around it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.bureau.importing.label_cuts import MAX_LABEL
from sfs.bureau.importing.label_lists import is_label_file, read_label_lists
from sfs.bureau.importing.meaning import Meaning
from sfs.pics.values import Span

GOOD = '(PICS-1.1 "http://a.test/" l for "http://h.test/y" r (lv 1))'


@pytest.fixture
def read(tmp_path):
    def reading(data: str | bytes):
        path = tmp_path / "labels.txt"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        notes = []
        labels = list(read_label_lists(path, "f", Meaning(source="s"), notes.append))
        return labels, [(str(note.where), note.kind, note.why) for note in notes]

    return reading


def test_a_list_over_several_lines_with_all_that_may_stand_in_it(read):
    labels, notes = read("""(PICS-1.1 "http://a.test/svc" by "x" l
  for "http://h.test/a" r (lv 3)
  for "http://h.test/b" gen true r (lv 3 x (1 2:4))
  for "http://h.test/c" extension (optional "http://e.test" (1 2)) comment "r (" r (lv 0)
  error (not-labeled "http://h.test/q")
  (for "http://h.test/d" r (lv 1) for "http://h.test/e" r (lv 2))
  "http://b.test/svc" error (request-denied "no")
  "http://c.test/svc" labels for "http://h.test/f" r (n 1)
  error (no-ratings "unknown"))
""")
    assert [(one.line, one.label.service, one.label.for_, one.label.ratings, one.label.by) for one in labels] == [
        (2, "http://a.test/svc", "http://h.test/a", (("lv", 3),), "x"),
        (3, "http://a.test/svc", "http://h.test/b", (("lv", 3), ("x", (1, Span(2, 4)))), "x"),
        (4, "http://a.test/svc", "http://h.test/c", (("lv", 0),), "x"),
        (6, "http://a.test/svc", "http://h.test/d", (("lv", 1),), "x"),
        (6, "http://a.test/svc", "http://h.test/e", (("lv", 2),), "x"),
        (8, "http://c.test/svc", "http://h.test/f", (("n", 1),), None),
    ]
    assert notes == [
        ("f:4:3", "part", "not kept of a label: extension"),
        ("f:5:3", "left", "error (not-labeled) in place of a label"),
        ("f:7:3", "left", "error (request-denied) in place of labels"),
        ("f:9:3", "left", "error (no-ratings) in place of labels"),
    ]


@pytest.mark.parametrize(
    ("line", "place", "why"),
    [
        ('(PICS-1.1 "http://a.test/" l for "http://h.test/c" r (lv Z))', "1:58", "no label (E_NUMBER)"),
        ('(PICS-1.1 "http://a.test/" l for "http://h.test/z r (lv 1))', "1:34", "a quoted string is never closed"),
        ('(PICS-1.1 "http://a.test/" l r (lv 1))', "1:30", "a label that does not say which URL it is about"),
        ('(PICS-1.1 "http://a.test/" l for "http://" r (lv 1))', "1:30", "a label for no URL that a browser opens"),
        ("(PICS-1.1 http://a.test/ l)", "1:11", "no quoted URL of a service"),
        ("junk", "1:1", "no label list: it does not start with ("),
        ('(PICS-1.1 "http://a.test/" l for "http://h.test/" r (lv 1)', "1:59", "the label list ends too early"),
        (f'(PICS-1.1 "s" l {"(" * 70}', "1:17", "parentheses nest deeper than 64"),
        (f'(PICS-1.1 "s" l for "{"a" * MAX_LABEL}', "1:17", None),
        (f'(PICS-1.1 "s" l comment "{"a" * MAX_LABEL}" r (lv 1))', "1:17", None),
        (
            '(PICS-1.1 "http://a.test/" l extension (mandatory "http://e.test") for "http://h.test/" r (lv 1))',
            "1:30",
            "a mandatory extension that is not known",
        ),
    ],
)
def test_a_bad_line_is_named_with_its_place_and_costs_no_other(read, line, place, why):
    labels, notes = read(f"{line}\n{GOOD}\n")
    assert [one.label.for_ for one in labels][-1:] == ["http://h.test/y"]
    assert notes[0][0] == f"f:{place}"
    assert why in (None, notes[0][2])


def test_one_bad_label_of_a_long_list_costs_itself(read):
    text = "\n".join(f'for "http://h.test/{n}" r (lv {"x" if n == 250 else n % 5})' for n in range(600))
    labels, notes = read(f'(PICS-1.1 "http://a.test/" l\n{text})')
    assert [one.label.for_ for one in labels] == [f"http://h.test/{n}" for n in range(600) if n != 250]
    assert [one.line for one in labels] == [n + 2 for n in range(600) if n != 250]
    assert notes == [("f:252:31", "bad", "no label (E_NUMBER)")]


def test_two_lists_on_one_line_and_text_behind_them(read):
    labels, notes = read(f"{GOOD} {GOOD} junk\n")
    assert len(labels) == 2
    assert notes == [("f:1:123", "bad", "text behind a list")]


def test_japanese_in_the_encoding_of_old_files(read):
    line = '(PICS-1.1 "http://a.test/" l by "評価者" for "http://h.test/" r (lv 1))\n'
    assert [one.label.by for one in read(line.encode("cp932"))[0]] == ["評価者"]
    assert [one.label.by for one in read(b"\xef\xbb\xbf" + line.encode())[0]] == ["評価者"]


def test_a_file_is_told_by_its_start():
    assert is_label_file(b"\xef\xbb\xbf\n (pics-1.0 ")
    assert not is_label_file(b"url,rating\n")


TOKENS = ["(", ")", '"', "PICS-1.1", '"http://a.test/"', "l", "r", "error", "lv", "1", "for", "gen", "true", "\n", " "]


@given(st.lists(st.sampled_from([*TOKENS, "(PICS-1.1 ", "extension", "no-ratings", "\0", "é"]), max_size=60))
def test_any_text_gives_labels_or_notes(tmp_path_factory, tokens):
    path = tmp_path_factory.mktemp("any") / "f"
    path.write_text(" ".join(tokens), encoding="utf-8")
    notes = []
    labels = list(read_label_lists(path, "f", Meaning(), notes.append))
    assert all(one.label.ratings for one in labels)
    assert all(note.where.line for note in notes)
