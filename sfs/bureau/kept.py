"""A label of the store as a PICS label and back, with nothing lost on the way.

PICS has no word for the hosts below a host and for where a label was imported from, and no double quote inside a
string. An optional extension carries these, percent-encoded; who does not know it reads the label without them, as
PICS Labels 1.1, "Extensions", asks.
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, unquote

from sfs.bureau.importing.meaning import Meaning
from sfs.errors import LabelError
from sfs.pics.coverage import parse_prefix
from sfs.pics.options import Extension, Options
from sfs.pics.stored import StoredLabel
from sfs.pics.values import Ratings

EXTENSION: Final = "http://sfs.home.arpa/pics/kept"
MAX_TEXT: Final = 8192  # characters of a name or a comment
_TEXTS: Final = ("by", "comment", "source")
_SAFE: Final = " !#$&'()*+,/:;=?@[]^`{|}"  # besides letters, digits, _ . - ~


def to_pics(label: StoredLabel) -> Options:
    """The options of the PICS label that says the same."""
    texts = {name: getattr(label, name) for name in _TEXTS}
    shown = {name: _shown(text) for name, text in texts.items() if text is not None}
    hidden = [name for name, text in texts.items() if text is not None and (name == "source" or text != shown[name])]
    data = [*(["below"] if label.below else []), *(f"{name}={quote(texts[name], _SAFE)}" for name in hidden)]
    extension = Extension(False, EXTENSION, tuple(f'"{item}"' for item in data))
    return Options(
        by=shown.get("by") or None,
        comments=(shown["comment"],) if shown.get("comment") else (),
        extensions=(extension,),
        for_=quote(label.for_, safe="".join(map(chr, range(0x21, 0x7F))).replace('"', "")),
        generic=True if label.generic else None,
        on=label.on,
        until=label.until,
    )


def from_pics(service: str, options: Options, ratings: Ratings, meaning: Meaning) -> tuple[StoredLabel, list[str]]:
    """The label to keep of a PICS label, and which of its options are not kept. LabelError for a label that says not
    what it is about, and for one with a mandatory extension, which is none for who does not know it."""
    if options.void:
        raise LabelError("E_EXTENSION", "a mandatory extension that is not known", None, "leave the label out")
    if options.for_ is None:
        raise LabelError("E_FOR", "a label that does not say which URL it is about", None, 'add for "http://..."')
    if parse_prefix(options.for_) is None:
        raise LabelError("E_FOR", "a label for no URL that a browser opens", None, "write it as http://host/path")
    own = next((extension for extension in options.extensions if extension.url == EXTENSION), None)
    said = dict(_said(own))
    by = said.get("by") or options.by or meaning.by
    comment = said.get("comment") or "\n".join(options.comments) or None
    if max(len(by or ""), len(comment or ""), len(said.get("source", ""))) > MAX_TEXT:
        raise LabelError("E_LIMIT", f"a text of more than {MAX_TEXT:,} characters", None, "shorten it")
    source = said.get("source") if own is not None and meaning.keep_source else meaning.source
    generic = bool(options.generic)
    on = options.on and options.on.replace(microsecond=0)
    until = options.until and options.until.replace(microsecond=0)
    below = generic and "below" in said
    label = StoredLabel(service, options.for_, ratings, generic, below, by, on, until, comment, source)
    return label, list(_lost(options))


def _said(extension: Extension | None) -> Iterator[tuple[str, str]]:
    for item in extension.data if extension is not None else ():
        name, _, text = item.strip('"').partition("=")
        yield name, unquote(text)


def _lost(options: Options) -> Iterator[str]:
    """The options of a label that are not kept, by their PICS names."""
    names = {"at": "at", "complete_label": "full", "mic_md5": "md5", "signature": "signature"}
    yield from (word for name, word in names.items() if getattr(options, name) is not None)
    if any(extension.url != EXTENSION for extension in options.extensions):
        yield "extension"


def _shown(text: str) -> str:
    """The text as a PICS string can hold it."""
    return "".join(char if char.isprintable() else " " for char in text.replace('"', "'"))
