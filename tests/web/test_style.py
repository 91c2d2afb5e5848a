"""The colours of the style sheet against WCAG 2.2, success criteria 1.4.3 (text, 4.5) and 1.4.11 (marks, 3)."""

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[2] / "sfs/web/templates/style.css").read_text(encoding="utf-8")
SCHEMES = ["light", "dark"]
GROUNDS = ["back", "card", "calm", "warm"]


def colours(scheme: str) -> dict[str, str]:
    found = re.findall(r":root\{([^}]*)\}", CSS)
    assert len(found) == 2
    return dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{3,6})", found[SCHEMES.index(scheme)]))


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_and_white_is_21() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_can_be_read_on_every_ground(scheme: str) -> None:
    values = colours(scheme)
    pairs = [(ink, ground) for ink in ("ink", "soft", "act") for ground in GROUNDS] + [("on-act", "act")]
    low = {pair: contrast(values[pair[0]], values[pair[1]]) for pair in pairs}
    assert {pair: value for pair, value in low.items() if value < 4.5} == {}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_focus_ring_can_be_seen_on_every_ground(scheme: str) -> None:
    values = colours(scheme)
    assert [ground for ground in GROUNDS if contrast(values["focus"], values[ground]) < 3] == []


def test_both_schemes_name_the_same_colours() -> None:
    assert colours("light").keys() == colours("dark").keys()
    assert set(re.findall(r"var\(--([a-z-]+)\)", CSS)) == colours("light").keys()
