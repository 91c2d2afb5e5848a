import re

import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from sfs.errors import SfsError
from sfs.web.qr import qr_svg, qr_terminal

URL = "http://192.168.0.9:8080/"


def modules(svg: str) -> list[list[int]]:
    """The drawing as rows of modules, read from its path."""
    size = int(re.findall(r'viewBox="0 0 (\d+) \1"', svg)[0])
    rows = [[0] * size for _ in range(size)]
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1H\1z", svg):
        rows[int(y)][int(x) : int(x) + int(width)] = [1] * int(width)
    return rows


@pytest.mark.parametrize("text", [URL, "http://[2001:db8::1]:8080/", "a", "x" * 300])
def test_the_picture_is_the_code_with_its_quiet_zone(text: str) -> None:
    expected = [list(row) for row in segno.make_qr(text, error="m").matrix_iter(border=4)]
    assert modules(qr_svg(text)) == expected


def test_the_picture_loads_nothing_and_says_what_it_is() -> None:
    svg = qr_svg(URL, 'a "<b>" & c')
    node = LexborHTMLParser(svg).css_first("svg")
    assert node is not None
    assert (node.attributes["role"], node.attributes["aria-label"]) == ("img", 'a "<b>" & c')
    assert not re.search(r"href|src=|style=|<script|<b>", svg)
    assert len(svg) < 3000


def test_the_terminal_gets_two_rows_a_line_in_a_frame() -> None:
    lines = qr_terminal(URL).splitlines()
    drawn = [line for line in lines if line.strip()]
    size = segno.make_qr(URL, error="m").symbol_size(border=2)[1]
    assert len(drawn) == (size + 1) // 2
    assert {len(line) for line in drawn} == {size}
    assert set("".join(drawn)) <= set("█▀▄ ")


@settings(deadline=None)
@given(st.text(max_size=400))
def test_any_text_gives_a_code_or_an_error_with_a_mend(text: str) -> None:
    for draw in (qr_svg, qr_terminal):
        try:
            assert draw(text)
        except SfsError as error:
            assert error.mend
