"""Files as texts: any bytes, any charset, bounded."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import SfsError
from sfs.sources import texts
from sfs.sources.texts import read_texts, texts_of

LINES = ((1, "青い風車の作り方です。"), (3, "ウィジェットも、あります。"))


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "shift_jis", "euc_jp", "iso2022_jp", "utf-16"])
def test_lines_of_text_in_any_charset(codec):
    data = "青い風車の作り方です。\n\nウィジェットも、あります。\n".encode(codec)
    assert texts_of("a.txt", data).texts == LINES


@pytest.mark.parametrize("codec", ["utf-8", "shift_jis", "euc-jp", "iso-2022-jp"])
def test_blocks_of_html_in_any_charset(codec):
    page = f"""<!DOCTYPE html><meta charset={codec}><title>風車</title><meta name=description content="青い 風車">
        <style>p {{}}</style><h1>風<b>車</b>の\n  話</h1><!-- x --><ul><li>一<li>二</ul>"""
    found = [text for _, text in texts_of("page", page.encode(codec)).texts]
    assert found == ["青い 風車", "風車", "風車の 話", "一", "二"]


@given(st.binary(max_size=300), st.sampled_from(["a.txt", "a.html"]))
def test_any_bytes_are_texts(data, name):
    assert all(line >= 1 and text for line, text in texts_of(name, data).texts)


def test_a_file_is_read_up_to_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "MAX_FILE", 10)
    (tmp_path / "long.txt").write_text("0123456789abc")
    (file,) = read_texts([tmp_path / "long.txt"], io.BytesIO())
    assert (file.texts, file.cut) == (((1, "0123456789"),), True)
    (file,) = read_texts([Path("-")], io.BytesIO(b"0123456789"))
    assert (file.name, file.texts, file.cut) == ("standard input", ((1, "0123456789"),), False)


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "MAX_FILES", 2)
    for name in "abc":
        (tmp_path / name).write_text(name)
    with pytest.raises(SfsError, match="more than 2 files"):
        list(read_texts([tmp_path], io.BytesIO()))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SfsError, match=r"gone.txt: cannot be read: No such file"):
        list(read_texts([tmp_path / "gone.txt"], io.BytesIO()))
