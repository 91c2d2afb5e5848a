"""Encodings of URLs inside URLs: each there and back, and any text at all."""

import base64
from codecs import encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.text.coded import ENCODINGS, decode_chain

ASCII = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200)


@given(ASCII)
def test_base64_in_both_alphabets_with_and_without_padding(text: str) -> None:
    for alphabet in (base64.b64encode, base64.urlsafe_b64encode):
        coded = alphabet(text.encode()).decode()
        assert decode_chain(coded, "base64") == decode_chain(coded.rstrip("="), "base64") == text


@given(ASCII)
def test_base64_in_folders(text: str) -> None:
    coded = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    folders = "/".join(coded[at : at + 16] for at in range(0, len(coded), 16))
    expected = text if len(coded) > 16 else None  # what fits into one folder is plain base64
    assert decode_chain(folders, "base64-folders") == decode_chain(f"{folders}.jpg", "base64-folders") == expected


@given(ASCII)
def test_the_others_there_and_back(text: str) -> None:
    assert decode_chain(text.encode().hex(), "hex") == decode_chain(text.encode().hex().upper(), "hex") == text
    assert decode_chain(encode(text, "rot13"), "rot13") == text
    assert decode_chain(decode_chain(text, "xor2") or "", "xor2") == text
    assert decode_chain(encode(text, "rot13").encode().hex(), "hex rot13") == text
    assert (
        decode_chain(quote(text, safe="").replace("-", "%2D").replace("_", "%5F").replace("%", "-"), "urldefense2")
        == text
    )


@pytest.mark.parametrize(
    ("coded", "plain"),
    [
        ("https://example.com/a__;!!x", "https://example.com/a"),
        ("https://example.com/a*b__;Iw!!x", "https://example.com/a#b"),
        ("https://example.com/a**Bb__;fn5-!!x", "https://example.com/a~~~b"),
        ("https://example.com/a*b*c__;Iw!!x", "https://example.com/a#bc"),
        ("https://example.com/a__", "https://example.com/a"),
    ],
)
def test_url_defense_of_the_third_form(coded: str, plain: str) -> None:
    assert decode_chain(coded, "urldefense3") == plain


def test_bytes_above_ascii_stay_as_they_were_sent() -> None:
    assert decode_chain("http://a.test/\u3042".encode().hex(), "hex") == "http://a.test/%E3%81%82"
    assert decode_chain(b"http://a.test/\xff".hex(), "hex") == "http://a.test/%FF"


@given(st.text(), st.lists(st.sampled_from(sorted(ENCODINGS)), min_size=1, max_size=3).map(" ".join))
def test_any_text_gives_text_or_none_and_never_more_than_it_had(text: str, chain: str) -> None:
    decoded = decode_chain(text, chain)
    bytes_of_one = 12  # a character above ASCII may come out as four bytes, %XX each
    assert decoded is None or len(decoded) <= len(text) * bytes_of_one
