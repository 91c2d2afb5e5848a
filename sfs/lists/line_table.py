"""lines.bin of a compiled list: the line of each name in the source, in as few bits as its order allows.

    fields    one for each key of the trie, by its number. Of a list in order: its run and its place in its block.
              Of one in no order: its line, in as many bits as the last line needs (`packed`)
    samples   in order only: the number of the first key of each block of BLOCK names
    runs      in order only: where each run of rising names begins, counted in names
    steps     in order only: where lines stop counting as names do (comments, doubles, other files), and the line there
    pages     the numbers of keys with pages, rising; then where the pages of each begin in entries.txt

Public lists are sorted, most of them, or made of sorted parts. There the blocks of a run are searched for the one that
holds a name: 5 to 9 bits a name instead of 20. It takes 15 us, and only a hit that is written down asks for it.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Protocol

BLOCK: Final = 16  # names; of larger ones the places in them take more than the samples save
BLOCK_BITS: Final = 4
STRIDE: Final = (
    64  # blocks; the first name of each so many is kept as text once a line was asked for (0.1 bytes a name)
)
MAX_RUNS: Final = 16  # of a list that counts as sorted; more cost more bits than they save
_PIECE: Final = 4096  # fields that are packed at once; a multiple of 8, so that each piece fills its bytes


class Keys(Protocol):
    """What is asked of the trie."""

    def __len__(self) -> int: ...
    def key_id(self, key: str) -> int: ...
    def restore_key(self, number: int) -> str: ...


def by_name(key: str) -> str:
    """A key as `sort` orders names: example.com."""
    return key.rstrip("=")[-2::-1]


def by_labels(key: str) -> str:
    """A key as lists are ordered whose keeper thinks of domains: com.example."""
    return ".".join(by_name(key).split(".")[::-1])


def by_letters(key: str) -> str:
    """A key as it stands: moc.elpmaxe."""
    return key


_ORDERS: Final[dict[str, Callable[[str], str]]] = {"name": by_name, "labels": by_labels, "letters": by_letters}


@dataclass(slots=True)
class _Order:
    """One way to order names, and where those of a list do not rise that way."""

    name: str
    of: Callable[[str], str]
    runs: list[int] = field(default_factory=list)
    last: str = ""

    def take(self, ordinal: int, key: str) -> None:
        """The next name of the list. Equal ones (a tree and its host alone) begin a run: in a run each is found."""
        now = self.of(key)
        if now <= self.last or not ordinal:
            self.runs.append(ordinal)
        self.last = now


def table_of(
    keys: Iterable[str], lines: Sequence[int], trie: Keys, size: int, pages: Mapping[str, int]
) -> tuple[bytes, dict[str, object]]:
    """lines.bin, and what meta.json has to say of it. `keys`: of all names in the order of the source, doubles too,
    with their `lines`; `size`: of the trie; `pages`: where the pages of a key begin."""
    numbers, firsts = array("I"), array("I")
    orders = [_Order(name, of) for name, of in _ORDERS.items()]
    seen = bytearray(size)
    key_id = trie.key_id
    for key, line in zip(keys, lines, strict=True):
        number = key_id(key)
        if seen[number]:
            continue
        seen[number] = 1
        for order in orders:
            order.take(len(numbers), key)
        orders = [order for order in orders if len(order.runs) <= MAX_RUNS]
        numbers.append(number)
        firsts.append(line)
    best = min(orders, key=lambda order: len(order.runs), default=None)
    steps = _steps(firsts)
    paged = sorted((key_id(key), offset) for key, offset in pages.items())
    tail = array("I", [number for number, _ in paged]).tobytes() + array("I", [place for _, place in paged]).tobytes()
    if best is None or len(steps) > len(numbers) // 64 + BLOCK:
        bits = max(firsts, default=0).bit_length()
        fields = array("I", bytes(4 * size))
        for number, line in zip(numbers, firsts, strict=True):
            fields[number] = line
        return _packed(fields, bits) + tail, {"order": None, "bits": bits, "names": len(numbers), "pages": len(paged)}
    bits = BLOCK_BITS + (len(best.runs) - 1).bit_length()
    sample_bits = _sample_bits(size)
    data = _packed(_fields(numbers, best.runs, size), bits) + _packed(numbers[::BLOCK], sample_bits)
    for column in (best.runs, [ordinal for ordinal, _ in steps], [line for _, line in steps]):
        data += array("I", column).tobytes()
    counts = {"names": len(numbers), "runs": len(best.runs), "steps": len(steps), "pages": len(paged)}
    return data + tail, {"order": best.name, "bits": bits, **counts}


def _steps(lines: Sequence[int]) -> list[tuple[int, int]]:
    """Where the line is not the one behind that of the name before."""
    found: list[tuple[int, int]] = []
    before = -1
    for ordinal, line in enumerate(lines):
        if line != before + 1 or not ordinal:
            found.append((ordinal, line))
        before = line
    return found


def _fields(numbers: Sequence[int], runs: Sequence[int], size: int) -> "array[int]":
    fields = array("I", bytes(4 * size))
    for run, (begin, end) in enumerate(pairwise([*runs, len(numbers)])):
        for ordinal in range(begin, end):
            fields[numbers[ordinal]] = run << BLOCK_BITS | ordinal % BLOCK
    return fields


def _packed(values: Sequence[int], bits: int) -> bytes:
    """Numbers of `bits` bits each, one behind the other, the lowest bits first."""
    if not bits:
        return b""
    write = f"{{:0{bits}b}}".format
    pieces = (values[at : at + _PIECE] for at in range(0, len(values), _PIECE))
    return b"".join(
        int("".join(map(write, reversed(piece))), 2).to_bytes((len(piece) * bits + 7) // 8, "little")
        for piece in pieces
    )


class LineTable:
    """lines.bin, mapped. `meta`: what `table_of` said of it. ValueError where the two do not fit together."""

    __slots__ = (
        *("_bits", "_blocks", "_data", "_names", "_of", "_paged"),
        *("_places", "_runs", "_samples", "_step_lines", "_steps", "_tops"),
    )

    def __init__(self, data: memoryview, meta: Mapping[str, object], size: int) -> None:
        order = meta["order"]
        bits, names = _count(meta, "bits"), _count(meta, "names")
        self._of = None if order is None else _ORDERS[str(order)]
        self._bits, self._names = bits, names
        self._blocks = -(-names // BLOCK)
        self._tops: list[str] = []
        columns = _Columns(data)
        self._data = columns.take((size * bits + 7) // 8)
        self._samples = columns.take((self._blocks * _sample_bits(size) + 7) // 8 if order is not None else 0)
        runs, steps = (_count(meta, "runs"), _count(meta, "steps")) if order is not None else (0, 0)
        self._runs, self._steps, self._step_lines = (columns.numbers(count) for count in (runs, steps, steps))
        pages = _count(meta, "pages")
        self._paged, self._places = columns.numbers(pages), columns.numbers(pages)
        if columns.left:
            raise ValueError("longer than it says")

    def pages_at(self, number: int) -> int:
        """Where the pages of a key begin in entries.txt."""
        return self._places[bisect_left(self._paged, number)]

    def line(self, key: str, trie: Keys) -> int:
        """The line of a name that is in the list."""
        number = trie.key_id(key)
        value = _field(self._data, self._bits, number)
        if self._of is None:
            return value
        run = value >> BLOCK_BITS
        begin = self._runs[run]
        end = self._runs[run + 1] if run + 1 < len(self._runs) else self._names
        ordinal = self._block(key, trie, begin // BLOCK, (end - 1) // BLOCK) * BLOCK + value % BLOCK
        step = bisect_right(self._steps, ordinal) - 1
        return self._step_lines[step] + ordinal - self._steps[step]

    def _block(self, key: str, trie: Keys, low: int, high: int) -> int:
        """The block of a name among those that its run touches; the first may begin in the run before."""
        assert self._of is not None
        wanted = self._of(key)
        tops = self._tops = self._tops or [self._name_at(block, trie) for block in range(0, self._blocks, STRIDE)]
        first, last = low // STRIDE + 1, high // STRIDE
        if first <= last:
            top = bisect_right(tops, wanted, first, last + 1) - 1
            if top >= first:
                low = top * STRIDE
            high = min(high, (top + 1) * STRIDE - 1)
        while low < high:
            middle = (low + high + 1) // 2
            if self._name_at(middle, trie) <= wanted:
                low = middle
            else:
                high = middle - 1
        return low

    def _name_at(self, block: int, trie: Keys) -> str:
        """The first name of a block, as its list is ordered."""
        assert self._of is not None
        return self._of(trie.restore_key(_field(self._samples, _sample_bits(len(trie)), block)))


@dataclass(slots=True)
class _Columns:
    """What is left of the file while its parts are taken."""

    left: memoryview

    def take(self, size: int) -> memoryview:
        """The next bytes."""
        if size > len(self.left):
            raise ValueError("shorter than it says")
        taken, self.left = self.left[:size], self.left[size:]
        return taken

    def numbers(self, count: int) -> memoryview:
        """The next numbers."""
        return self.take(4 * count).cast("I")


def _sample_bits(size: int) -> int:
    return max(size - 1, 0).bit_length()


def _count(meta: Mapping[str, object], name: str) -> int:
    value = meta[name]
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} is no count")
    return value


def _field(data: memoryview, bits: int, number: int) -> int:
    place = number * bits
    start = place >> 3
    return int.from_bytes(data[start : start + 8], "little") >> (place & 7) & ((1 << bits) - 1)
