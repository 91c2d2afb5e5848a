"""Disguised spellings of harmless words, each with the kind of its disguise, and neighbours that are other words."""

import re
from pathlib import Path

import pytest

from sfs.match.words import Place, WordIndex, parse_word_line

FILE = Path(__file__).parents[1] / "vectors" / "text" / "disguises.txt"
LEAST = 0.95


def _rows() -> list[tuple[str, str, str, str]]:
    rows = []
    for line in FILE.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            word, flags, text, kind = re.split(r" \| ", line)
            shown = re.sub(r"\\u([0-9a-f]{4})", lambda code: chr(int(code[1], 16)), text)
            rows.append((word, flags, shown, kind))
    return rows


ROWS = _rows()
CARRIERS = ("{}", "話題の「{}」です")


def found(word: str, flags: str, text: str) -> bool:
    index = WordIndex([parse_word_line(f"{word}\t{flags}", 3)])
    return all(index.find(carrier.format(text), place) for carrier in CARRIERS for place in (Place.QUERY, Place.META))


def test_disguised_words_are_found() -> None:
    disguised = [row for row in ROWS if row[3] != "neighbour"]
    assert len({(word, text) for word, _, text, _ in disguised}) >= 300
    missed = [row for row in disguised if not found(*row[:3])]
    assert len(missed) <= (1 - LEAST) * len(disguised), missed


@pytest.mark.parametrize("row", [row for row in ROWS if row[3] == "neighbour"], ids=lambda row: row[2])
def test_neighbours_are_not_found(row: tuple[str, str, str, str]) -> None:
    word, flags, text, _ = row
    index = WordIndex([parse_word_line(f"{word}\t{flags}", 3)])
    assert [place for place in Place for carrier in CARRIERS if index.find(carrier.format(text), place)] == []


def test_most_disguises_need_the_flags() -> None:
    plain = [row for row in ROWS if row[3] in ("one letter hidden", "digits for letters", "letters set apart")]
    assert not [row for row in plain if found(row[0], "", row[2])]
