"""The text of a whole HTML page: what a reader sees, and apart from it what scripts and data blocks hold.

Visible is text outside of tags, in titles and text areas, and attributes that are shown or read out. Inline tags join
what they stand in ("wid<b>get</b>" is one word), all others part it. Text that is hidden (`hidden`, `display: none`)
counts: scripts show it at a click, and no style sheet is read here. What no reader with scripts ever sees does not
count: comments, styles, <noscript>, <noframes>, <noembed>, the inside of <iframe>; but a page in `srcdoc` does.

Stands on the tags alone (tags.py), in time proportional to the text; what comes back does not depend on its pieces, but
for how many blanks stand between two parts, which folding (fold.py) makes one.
"""

import html
import re
from typing import Final

from sfs.text.plain_tags import INLINE, pieces_of_run
from sfs.text.tags import RUN, Tag, TagScan, attributes

MAX_DEPTH: Final = 2  # pages in srcdoc inside of srcdoc; deeper ones are not looked at
_SHOWN_RAW: Final = frozenset({"title", "textarea", "xmp", "plaintext"})  # raw text that is shown
_CODED_RAW: Final = frozenset({"title", "textarea"})  # of these with entities
_DROPPED: Final = frozenset({"style", "iframe", "noembed", "noframes", "noscript"})
_RAW: Final = _SHOWN_RAW | _DROPPED | {"script"}
_SHOWN_ATTRIBUTES: Final = ("alt", "title", "placeholder", "aria-label", "label", "srcdoc")
_HAS_SHOWN = re.compile(r"alt|title|placeholder|label|srcdoc|value", re.I)
_BUTTONS: Final = frozenset({"button", "submit", "reset", "text", "search", ""})  # inputs that show their value
_LONG_NUMBER = re.compile(r"&#(?:0*([0-9]{8,})|x0*([0-9a-f]{7,}));?", re.I)  # beyond Unicode: U+FFFD
_ZEROS = re.compile(r"&#(x?)0+(?=[0-9a-f])", re.I)  # Python refuses to read a number of 4,300 digits
_ESCAPE = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\u\{([0-9a-fA-F]{1,6})\}|\\x([0-9a-fA-F]{2})|\\(.)", re.S)


class PageText:
    """Feed it the text of a page in pieces, then ask for `visible` and `script`."""

    def __init__(self, depth: int = 0, *, runs: bool = True) -> None:
        """`runs`: take plain tags many at a time (plain_tags.py); without, each by itself."""
        self._scan = TagScan(comments=True, runs=runs)
        self._runs = runs
        self._visible: list[str] = []
        self._script: list[str] = []
        self._depth = depth
        self._new: list[str] = []  # fed since the last tag ended
        self._base = 0  # where that begins in all that was fed
        self._inside = ""  # the element whose raw text we are in

    def feed(self, text: str) -> None:
        """Take the next piece. Never raises."""
        self._new.append(text)
        tags = self._scan.feed(text)
        if not tags:
            return
        held, base, at = "".join(self._new), self._base, self._base
        for tag in tags:
            if tag.name == RUN:
                self._run(held[at - base : tag.end - base])
            else:
                self._text(held[at - base : tag.start - base])
                self._tag(tag, held, base)
            at = tag.end
        self._new, self._base = [held[at - base :]], at

    def finish(self) -> None:
        """The page has ended: what stands behind the last tag counts, a tag or comment that is cut does not."""
        rest = "".join(self._new)
        if self._scan.open_at is not None:
            rest = rest[: max(0, self._scan.open_at - self._base)]
        self._text(rest)
        self._new = []

    @property
    def visible(self) -> str:
        """What a reader sees."""
        return "".join(self._visible)

    @property
    def script(self) -> str:
        """What scripts and data blocks hold, their escapes undone."""
        return "\n".join(self._script)

    def _text(self, text: str) -> None:
        if not text or self._inside in _DROPPED:
            return
        if self._inside == "script":
            self._script.append(unescaped(text))
        elif self._inside and self._inside not in _CODED_RAW:
            self._visible.append(text)
        else:
            self._visible.append(_decoded(text))

    def _run(self, run: str) -> None:
        pieces = pieces_of_run(run)
        self._visible += map(_decoded, pieces) if "&" in run else pieces  # one by one: no tag ends a reference

    def _tag(self, tag: Tag, held: str, base: int) -> None:
        if not tag.name:
            return  # a comment
        if tag.name not in INLINE:
            self._visible.append("\n")
        if tag.closing:
            self._inside = "" if tag.name == self._inside else self._inside
            return
        if tag.name in _RAW:
            self._inside = tag.name
        if _HAS_SHOWN.search(held, tag.start - base, tag.end - base):
            self._attributes(tag, held[tag.start - base : tag.end - base])

    def _attributes(self, tag: Tag, written: str) -> None:
        found = attributes(written, tag._replace(start=0, end=len(written)))
        for name in _SHOWN_ATTRIBUTES:
            if found.get(name):
                self._shown(name, _decoded(found[name]))
        if tag.name == "input" and found.get("type", "").lower() in _BUTTONS and found.get("value"):
            self._shown("value", _decoded(found["value"]))

    def _shown(self, name: str, value: str) -> None:
        if name != "srcdoc":
            self._visible += ("\n", value, "\n")
        elif self._depth < MAX_DEPTH:
            visible, script = page_text(value, self._depth + 1, runs=self._runs)
            self._visible += ("\n", visible, "\n")
            self._script.append(script)


def page_text(text: str, depth: int = 0, *, runs: bool = True) -> tuple[str, str]:
    """What a reader sees of a whole HTML text, and what its scripts hold."""
    page = PageText(depth, runs=runs)
    for at in range(0, len(text), 1 << 16):  # pieces: the tags of one are kept at a time
        page.feed(text[at : at + (1 << 16)])
    page.finish()
    return page.visible, page.script


def unescaped(text: str) -> str:
    r"""Text of a script or JSON with \u3042, \u{3042}, \x41 and \n undone, as far as that can be without reading it."""
    return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def _unescape(found: re.Match[str]) -> str:
    if found[3] is not None:
        return {"n": "\n", "t": "\t", "r": "\r"}.get(found[3], found[3])
    if found[1] or found[2]:
        code = int(found[1] or found[2], 16)
        return chr(code) if code < 0x110000 else "\ufffd"
    units = bytes.fromhex(found[0].replace("\\u", ""))
    return units.decode("utf-16-be", "replace")


def _decoded(text: str) -> str:
    if "&" not in text:
        return text
    if "&#" in text:
        text = _LONG_NUMBER.sub("\ufffd", _ZEROS.sub(r"&#\1", text))
    return html.unescape(text)
