"""Which charset a page has, and decoding as browsers do it."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webencodings.labels import LABELS

from sfs.text.charset import canonical, decode, decode_bytes, decode_html, decode_strict, detect, html_charset

ROWS = json.loads((Path(__file__).parents[1] / "vectors" / "text" / "charsets.json").read_text("utf-8"))
DATA = os.environ.get("SFS_TEST_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="SFS_TEST_DATA names no folder of reference vectors")
# What Python's codecs and the web read differently, and half-width katakana, which ISO-2022-JP does not have.
UNSURE = "\\~¥‾〜‖−¢£¬\x0e\x0f\x1b" + "".join(map(chr, range(0xFF61, 0xFFA0)))
CHARSETS = sorted({str(canonical(label)) for label in LABELS})


@pytest.mark.parametrize("row", ROWS, ids=[row["why"] for row in ROWS])
def test_charset_of_a_page(row: dict[str, str]) -> None:
    decoded = decode_html(bytes.fromhex(row["hex"]) + row["text"].encode(row["as"]), row["type"])
    assert (decoded.charset, decoded.how) == (row["charset"], row["how"])
    assert row.get("lost") or decoded.text == row["text"]


def test_meta_after_the_first_1024_bytes_counts_as_in_browsers() -> None:
    page = b"<head>" + b"<link rel=x>" * 200 + b"<meta charset=euc-jp>"
    assert html_charset(page) == ("euc-jp", "meta")
    page = b"<!-- " + b"x" * 2000 + b"--><meta content='text/html; charset=\"sjis\"' http-equiv=content-type>"
    assert html_charset(page) == ("shift_jis", "meta")
    assert html_charset(b"<script>" + b"x" * 2000 + b"'<meta charset=euc-jp>'</script>") == ("utf-8", "default")


@pytest.mark.parametrize(
    ("header", "charset"),
    [
        ("text/html; charset=EUC-JP", "euc-jp"),
        ("text/html;charset='x-sjis'", "shift_jis"),
        ("text/html; x=1; Charset = ms932 ; y=2", "shift_jis"),
        ("text/html; charset=iso-8859-1", "windows-1252"),
        ("text/html; notcharset=euc-jp", "utf-8"),
        ("text/html; charset=", "utf-8"),
        ("", "utf-8"),
        # Of several types the last counts; with the charset of the same type before it, as in every browser.
        ("text/html; charset=utf-8, text/html; charset=euc-jp", "euc-jp"),
        ("text/html; charset=euc-jp, text/html", "euc-jp"),
        ("text/plain; charset=euc-jp, text/html", "utf-8"),
        ("text/html; charset=euc-jp, */*; charset=utf-8, charset=utf-8", "euc-jp"),
        ('text/html; x=", text/html; charset=utf-8"; charset=euc-jp', "euc-jp"),
        ('text/html; x=1; charset="euc-jp"', "euc-jp"),
        ('text/html; x=","; charset=euc-jp', "euc-jp"),
        ("charset=euc-jp", "euc-jp"),
    ],
)
def test_charset_of_a_header(header: str, charset: str) -> None:
    assert html_charset(b"plain", header)[0] == charset


@pytest.mark.parametrize(
    ("charset", "sent", "text"),
    [
        ("shift_jis", "8740 878a fbfc 8160", "①㈱髙～"),
        ("shift_jis", "41 80 a0 fd 42", "A\x80\ufffd\ufffdB"),
        ("shift_jis", "81 3c 62 3e", "\ufffd<b>"),
        ("euc-jp", "ada1 adea fce2 a1c1 a1dd 8eb1 8fb0a1", "①㈱髙～－ｱ丂"),
        ("euc-jp", "a4 3c a4ff 41", "\ufffd<\ufffdA"),
        ("iso-2022-jp", "41 1b2442 2d21 2d6a 2141 1b2842 42", "A①㈱～B"),
        ("iso-2022-jp", "1b2449 1b284a 5c7e 1b2849 31 1b2842 80", "\ufffd$I¥‾ｱ\ufffd"),
        ("iso-2022-jp", "1b2442 1b2842 41", "\ufffdA"),
        ("iso-2022-jp", "1b2442 2422 0a 2424 1b2842 41", "あ\ufffdいA"),
        ("windows-1252", "80 81 e9", "€\x81é"),
        ("windows-1253", "81 aa d2", "\x81\ufffd\ufffd"),
        ("gbk", "81308130", "\x80"),
        ("replacement", "4142", "\ufffd"),
        ("x-user-defined", "41 80 ff", "A\uf780\uf7ff"),
        ("no-such-charset", "41 e9", "Aé"),
    ],
)
def test_decoding_is_that_of_the_web(charset: str, sent: str, text: str) -> None:
    assert decode(bytes.fromhex(sent), charset) == text


@pytest.mark.parametrize(
    ("charset", "sent"),
    [
        ("utf-8", "e381"),
        ("shift_jis", "82"),
        ("euc-jp", "a4"),
        ("euc-jp", "8fb0"),
        ("iso-2022-jp", "1b2442242224"),
        ("iso-2022-jp", "1b24"),
        ("utf-16le", "4230 42"),
    ],
)
def test_a_character_cut_at_the_end_is_dropped_or_marked(charset: str, sent: str) -> None:
    data = bytes.fromhex(sent)
    assert "\ufffd" not in decode(data, charset)
    assert decode_bytes(data, charset).endswith("\ufffd")
    assert decode_strict(data, charset) is None


def test_strict_decoding_tells_charsets_apart() -> None:
    data = "動物園".encode("euc_jp")
    assert decode_strict(data, "utf-8") is None
    assert decode_strict(data, "euc-jp") == "動物園"


@given(st.binary(max_size=300) | st.text(max_size=80).map(str.encode), st.sampled_from(CHARSETS))
def test_any_bytes_are_text_in_any_charset(data: bytes, charset: str) -> None:
    decode(data, charset)
    assert decode_bytes(data, charset).startswith(decode(data, charset)[:-2])


@given(st.binary(max_size=300), st.none() | st.text(max_size=60))
def test_any_page_has_a_charset(data: bytes, header: str | None) -> None:
    decoded = decode_html(data, header)
    assert decoded.charset in CHARSETS
    assert decoded.how in ("bom", "header", "meta", "detected", "default")


@given(
    st.text(st.characters(codec="shift_jis", exclude_characters=UNSURE), max_size=60),
    st.sampled_from(["shift_jis", "euc_jp", "iso2022_jp"]),
)
def test_japanese_text_comes_back(text: str, codec: str) -> None:
    assert decode(text.encode(codec), codec.replace("_", "-").replace("iso2022", "iso-2022")) == text


@given(st.binary(max_size=200))
def test_detection_names_what_decodes(data: bytes) -> None:
    found = detect(data)
    assert found is None or found in CHARSETS


def reference(name: str) -> list[tuple[bytes, str]]:
    folder = Path(str(DATA)) / "vectors" / "encoding-rs"
    sent = (folder / f"{name}_in.txt").read_bytes().split(b"\n")
    return list(zip(sent, (folder / f"{name}_in_ref.txt").read_text("utf-8").split("\n"), strict=True))


@needs_data
@pytest.mark.parametrize(
    ("name", "charset", "valid"),
    [("shift_jis", "shift_jis", 9604), ("jis0208", "euc-jp", 7336), ("iso_2022_jp", "iso-2022-jp", 7336)],
)
def test_every_code_of_the_reference_tables(name: str, charset: str, valid: int) -> None:
    rows = [(sent, text) for sent, text in reference(name) if text]
    assert [(sent, text) for sent, text in rows if decode_bytes(sent, charset) != text] == []
    assert len([text for _, text in rows if "\ufffd" not in text]) >= valid


@needs_data
def test_declared_charsets_of_html5lib() -> None:
    wrong = []
    for file in sorted((Path(str(DATA)) / "vectors" / "html5lib-encoding").glob("*.dat")):
        for case in file.read_bytes().split(b"#data\n")[1:]:
            page, _, name = case.partition(b"#encoding\n")
            charset, how = html_charset(page.removesuffix(b"\n"))
            expected = canonical(name.split(b"\n")[0].decode().strip())
            if expected != ("windows-1252" if how == "default" else charset):  # the tests' default
                wrong.append(page)
    assert wrong == []


def test_canonical_names_are_those_of_the_web() -> None:
    names: Callable[[str], str | None] = canonical
    assert [names(label) for label in ("SJIS", " latin1 ", "utf8", "cp932", "")] == [
        "shift_jis",
        "windows-1252",
        "utf-8",
        None,
        None,
    ]
