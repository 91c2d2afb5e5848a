"""Both libraries behind the interface find the same, in whatever pieces the text is searched."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.match import automaton
from sfs.match.automaton import INSTALLED, Keys, PyAutomaton, RustAutomaton

KEYS = st.lists(st.text(alphabet="abあ𠮷", min_size=1, max_size=5), min_size=1, max_size=8, unique=True)
TEXT = st.text(alphabet="abあ𠮷 \ud800", max_size=60)  # half of a pair is no text, and may stand in a str


def plain(keys: list[str], text: str) -> list[tuple[int, int]]:
    return sorted(
        (number, at + len(key))
        for number, key in enumerate(keys)
        for at in range(len(text))
        if text.startswith(key, at)
    )


@pytest.mark.parametrize("made", [PyAutomaton, RustAutomaton])
@given(keys=KEYS, text=TEXT, piece=st.integers(1, 70), few=st.sampled_from([0, 1000]))
def test_every_place_of_every_key_is_found_whatever_the_pieces(made, keys, text, piece, few):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(automaton, "PIECE", piece)
        patch.setattr(automaton, "MAX_DFA", few)
        found = list(made(keys).find(text))
    assert sorted(found) == plain(keys, text)
    assert [end for _, end in found] == sorted(end for _, end in found)


@given(keys=KEYS, text=TEXT, short=st.integers(0, 60), fast=st.booleans())
def test_keys_are_found_with_their_values_whether_or_not_it_is_asked_first(keys, text, short, fast):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(automaton, "SHORT", short)
        if not fast:
            patch.setattr(automaton, "ahocorasick_rs", None)
        found = [(number, last + 1) for last, number in Keys({key: at for at, key in enumerate(keys)}).iter(text)]
    assert sorted(found) == plain(keys, text)
    assert [end for _, end in found] == sorted(end for _, end in found)


def test_an_automaton_may_search_several_texts_at_a_time():
    for made in (PyAutomaton, RustAutomaton):
        one = made(["ab"])
        first, second = iter(one.find("ab ab ab")), iter(one.find("xab"))
        assert [next(first), next(second), next(first), next(first)] == [(0, 2), (0, 3), (0, 5), (0, 8)]


def test_the_fastest_that_is_installed_is_taken():
    assert list(INSTALLED) == [RustAutomaton, PyAutomaton]
    assert automaton.automaton(["a"]).name == "ahocorasick-rs"


def test_without_the_extra_the_base_finds_the_same():
    code = """
import sys
sys.modules["ahocorasick_rs"] = None  # an import of it fails
from sfs.match.automaton import automaton
made = automaton(["ab", "b"])
print(made.name, sorted(made.find("xab")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "pyahocorasick [(0, 3), (1, 3)]\n", done.stderr
