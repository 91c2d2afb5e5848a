"""Find all of many keys in one text, in one pass: Aho-Corasick, by whichever library is there.

pyahocorasick is in the base. ahocorasick-rs (`pip install 'sfs-filter[fast]'`) finds the same 3 to 18 times faster,
which counts where whole pages are searched, and lets other threads run meanwhile. Nothing else of the two is used: the
`set` of pyahocorasick's iterators, which would go on from one piece of a text to the next, crashes the interpreter.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

import ahocorasick

try:
    import ahocorasick_rs
except ImportError:  # the extra [fast] is not installed
    ahocorasick_rs = None  # type: ignore[assignment]

# Characters that are searched at once: pyahocorasick holds the GIL while it finds nothing, and ahocorasick-rs makes a
# list of all it finds.
PIECE: Final = 64 * 1024
# Bytes of all keys up to which ahocorasick-rs makes a table of all steps: 12 MB for 41 KB of keys. It searches 1.4
# times faster than what is made of more keys, which would be too large.
MAX_DFA: Final = 64 * 1024
SHORT: Final = 4096  # characters of a text that ahocorasick-rs is asked about before it is searched


class Automaton(Protocol):
    """Keys that are looked for together. Built once, then only read, also by several threads at a time."""

    name: str  # of the library

    def find(self, text: str) -> Iterable[tuple[int, int]]:
        """(number of the key, end of the match, exclusive) of every place where a key stands, overlapping ones too, in
        the order of their ends."""


class PyAutomaton:
    """By pyahocorasick."""

    name = "pyahocorasick"

    def __init__(self, keys: Sequence[str]) -> None:
        self._overlap = max(map(len, keys)) - 1
        self._automaton = ahocorasick.Automaton()
        for number, key in enumerate(keys):
            self._automaton.add_word(key, number)
        self._automaton.make_automaton()

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        for start, at, window in _windows(text, self._overlap):
            for last, number in self._automaton.iter(window):
                if start + last >= at:
                    yield number, start + last + 1


class RustAutomaton:
    """By ahocorasick-rs."""

    name = "ahocorasick-rs"

    def __init__(self, keys: Sequence[str]) -> None:
        coded = [key.encode("utf-8", "surrogatepass") for key in keys]
        self._overlap = max(map(len, keys)) - 1
        ways = ahocorasick_rs.Implementation
        way = ways.DFA if sum(map(len, coded)) <= MAX_DFA else ways.ContiguousNFA
        self._automaton = ahocorasick_rs.BytesAhoCorasick(coded, implementation=way)

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        # In bytes: asked for places in a text, the library first makes a table of all its letters.
        for start, at, window in _windows(text, self._overlap):
            data = window.encode("utf-8", "surrogatepass")
            here, read = start, 0
            for number, _, end in self._automaton.find_matches_as_indexes(data, overlapping=True):
                here += len(data[read:end].decode("utf-8", "surrogatepass"))
                read = end
                if here > at:
                    yield number, here


class Keys[T]:
    """Keys, at least one, each with a value, in pyahocorasick: for short texts in which mostly none of them stands. It
    looks through all letters that any key begins with at each letter of a text; ahocorasick-rs tells sooner that there
    is nothing."""

    __slots__ = ("_automaton", "_fast")

    def __init__(self, values: Mapping[str, T]) -> None:
        self._automaton = ahocorasick.Automaton()
        for key, value in values.items():
            self._automaton.add_word(key, value)
        self._automaton.make_automaton()
        self._fast = None
        if ahocorasick_rs is not None:
            coded = [key.encode("utf-8", "surrogatepass") for key in values]
            self._fast = ahocorasick_rs.BytesAhoCorasick(
                coded, implementation=ahocorasick_rs.Implementation.ContiguousNFA
            )

    def iter(self, text: str) -> Iterable[tuple[int, T]]:
        """(last place of the match, value of its key) of every place where a key stands, in the order of their ends."""
        if self._fast is not None and len(text) <= SHORT:
            found = self._fast.find_matches_as_indexes(text.encode("utf-8", "surrogatepass"))
            if not found:
                return ()
        found_all: Iterable[tuple[int, T]] = self._automaton.iter(text)
        return found_all


INSTALLED: Final[tuple[Callable[[Sequence[str]], Automaton], ...]] = (
    (PyAutomaton,) if ahocorasick_rs is None else (RustAutomaton, PyAutomaton)
)


def automaton(keys: Sequence[str]) -> Automaton:
    """An automaton of these keys, at least one; they differ and are not empty. By the fastest library there is."""
    return INSTALLED[0](keys)


def _windows(text: str, overlap: int) -> Iterator[tuple[int, int, str]]:
    """The text in pieces, as (start of the window, start of the piece, window). A window begins before its piece, since
    a key may; what ends before the piece was found with the piece before."""
    for at in range(0, len(text), PIECE):
        start = max(0, at - overlap)
        yield start, at, text[start : at + PIECE]
