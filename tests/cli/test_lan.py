"""What `sfs run --lan` prints."""

import sys
from unicodedata import east_asian_width

import pytest

from sfs.cli.lan import lan_lines
from sfs.sources.values import Listen

ADDRESSES = ("http://192", "192.168", "http://192", "https://192", "[fd00")
LISTENING = (Listen("127.0.0.1", 8080), Listen("192.168.1.5", 8080), Listen("fd00::5", 8080))


def test_the_addresses_are_those_that_devices_can_reach():
    lines = "\n".join(lan_lines(LISTENING))
    assert "http://192.168.1.5:8080/ " in lines and "http://192.168.1.5:8080/proxy.pac" in lines
    assert "[fd00::5]:8080" in lines and "127.0.0.1" not in lines


def test_without_such_an_address_nothing_is_said():
    assert lan_lines(LISTENING[:1]) == []


def test_the_page_that_sets_it_is_named_where_devices_reach_it():
    assert any("https://192.168.1.5:8081/" in line for line in lan_lines(LISTENING, "https://192.168.1.5:8081/"))


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_gets_a_code_to_hold_a_phone_to(monkeypatch, terminal):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    assert any("█" in line or "▀" in line for line in lan_lines(LISTENING)) is terminal


@pytest.mark.parametrize(("language", "words"), [("ja", "案内ページ"), ("en", "help page")])
def test_it_is_said_in_the_language_of_the_house(monkeypatch, language, words):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    lines = lan_lines(LISTENING, "https://192.168.1.5:8081/", language)
    text = "\n".join(lines)
    assert words in lines[2]
    for address in ("http://192.168.1.5:8080/ ", "http://192.168.1.5:8080/proxy.pac", "https://192.168.1.5:8081/"):
        assert address in text
    letters = [letter for letter in text if letter.isalpha()]
    assert any(letter > "\u3040" for letter in letters) is (language == "ja")
    columns = {_columns(line[: line.index(address)]) for line, address in zip(lines[2:7], ADDRESSES, strict=True)}
    assert len(columns) == 1  # they stand one below the other


def _columns(text: str) -> int:
    """How wide a terminal shows it."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
