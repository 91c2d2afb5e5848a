"""Files as texts in which words are looked for: each block of an HTML page, each line of any other file."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from selectolax.lexbor import LexborHTMLParser

from sfs.errors import SfsError, Where
from sfs.text.charset import decode, detect, html_charset
from sfs.text.metadata import head_from_html

MAX_FILE: Final = 32 * 1024 * 1024  # bytes that are read of one file
MAX_FILES: Final = 100_000
STDIN: Final = "-"
_HTML_NAMES: Final = frozenset({".html", ".htm", ".xhtml", ".shtml"})
_HTML_STARTS: Final = (b"<!doctype html", b"<html", b"<?xml")
_UNSEEN: Final = ["script", "style", "template", "noscript", "noframes", "iframe"]
_INLINE: Final = [
    *(
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "mark",
        "q",
    ),
    *("rb", "rp", "rt", "ruby", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"),
]
_BLOCK_END: Final = "\0"  # no text of HTML holds it: the parser makes it U+FFFD


@dataclass(frozen=True, slots=True)
class FileTexts:
    """The texts of a file with their lines (from 1; blocks of HTML are counted). `cut`: it was longer than is read."""

    name: str
    texts: tuple[tuple[int, str], ...]
    cut: bool = False


def read_texts(paths: Iterable[Path], stdin: BinaryIO) -> Iterator[FileTexts]:
    """The texts of files, of all files below folders, and of standard input for "-". Files that are no text (a NUL byte
    early on, but UTF-16) are left out of folders. SfsError for what cannot be read, or too many files."""
    for number, path in enumerate(_files(paths)):
        if number >= MAX_FILES:
            raise SfsError(f"more than {MAX_FILES:,} files", mend="name fewer folders at once")
        if str(path) == STDIN:
            yield texts_of("standard input", stdin.read(MAX_FILE + 1))
            continue
        try:
            with path.open("rb") as file:
                data = file.read(MAX_FILE + 1)
        except OSError as fault:
            raise SfsError(f"cannot be read: {fault.strerror}", Where(str(path)), "see who may read it") from None
        if path in paths or not _is_binary(data):
            yield texts_of(str(path), data)


def texts_of(name: str, data: bytes) -> FileTexts:
    """The texts of one file's bytes, in whatever charset. Never raises."""
    cut, data = len(data) > MAX_FILE, data[:MAX_FILE]
    start = data[:1024].lstrip().lower()
    is_html = Path(name).suffix.lower() in _HTML_NAMES or start.startswith(_HTML_STARTS)
    if is_html:
        return FileTexts(name, tuple(enumerate(_blocks(decode(data, html_charset(data)[0])), 1)), cut)
    charset, how = html_charset(data[:4])
    text = decode(data, charset if how == "bom" else detect(data) or "utf-8").removeprefix("\ufeff")
    return FileTexts(name, tuple((number, line) for number, line in enumerate(text.splitlines(), 1) if line), cut)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if str(path) == STDIN or not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders.sort()
            yield from (Path(folder, name) for name in sorted(names) if Path(folder, name).is_file())


def _is_binary(data: bytes) -> bool:
    start = data[:4096]
    return (
        b"\0" in start
        and not (detect(start) or "").startswith("utf-16")
        and start[:2] not in (b"\xff\xfe", b"\xfe\xff")
    )


def _blocks(html: str) -> Iterator[str]:
    """What a reader sees, block by block, and what the head says of the page. A word may be written with tags in it."""
    tree = LexborHTMLParser(html)
    tree.strip_tags(_UNSEEN)
    tree.unwrap_tags(_INLINE)
    title_and_more = head_from_html(html).texts()[1:]  # the title stands among the blocks
    text = ""
    if tree.root is not None:
        tree.root.merge_text_nodes()
        text = tree.root.text(separator=_BLOCK_END)
    for block in (*title_and_more, *text.split(_BLOCK_END)):
        if plain := " ".join(block.split()):
            yield plain
