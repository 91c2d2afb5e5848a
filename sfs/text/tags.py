"""Find the tags of an HTML text that comes in pieces of any size, as the HTML5 tokenizer finds them.

No tree is built: a tree of hostile HTML costs quadratic time (256 KiB of "<div>": ten seconds) and memory without a
bound, and what a head says can be read from its tags alone. Each state takes as much as it can from the buffer and
leaves at most LOOKAHEAD characters behind, so the whole costs time in proportion to the text, whatever the pieces.

    DATA -> "<a" NAME -> BEFORE <-> ATTR, AFTER, VALUE, QUOTED, BARE -> ">" -> DATA, RAW or SCRIPT
         -> "<!--" COMMENT     -> "<!", "<?", "</ " BOGUS

Spec: HTML, "Tokenization" (section 13.2.5); <noscript> is raw text as in a browser that runs scripts."""

import re
from collections.abc import Callable
from itertools import islice
from typing import Final, NamedTuple

from sfs.text.plain_tags import end_of_run

MAX_VALUE_NAME: Final = 256  # an attribute's name, or a value that is a name
MAX_ATTRIBUTES: Final = 32  # of one tag; more are left out
MAX_NAME: Final = 16  # longer than every element name that matters here
RUN: Final = "<"  # no element's name: that of a run
LOOKAHEAD: Final = 16  # the longest thing looked for is "</noscript" and one more
RAW_TEXT: Final = frozenset({"title", "textarea", "style", "xmp", "iframe", "noembed", "noframes", "noscript"})

_BLANKS: Final = " \n\t\r\f\v"
_SPACES = re.compile(r"[\t\n\f\r ]*")
_TAG_NAME = re.compile(r"[^\t\n\f\r />]*")
_ATTR_NAME = re.compile(r"[^\t\n\f\r />=]*")
_BARE_VALUE = re.compile(r"[^\t\n\f\r >]*")
_LESS = re.compile(r"<(?=[A-Za-z/!?]|\Z)")
# Attributes that are whole in the buffer, as nearly all are, in one step; what is cut takes the states one by one.
_WS = r"[\t\n\f\r ]*+"
_VALUE = rf"{_WS}=" + _WS + r"""(?:"[^"]*+"|'[^']*+'|[^\t\n\f\r >"'][^\t\n\f\r >]*+(?=[\t\n\f\r >])|(?=>))"""
_ATTRS = rf"(?:[\t\n\f\r /]++|[^\t\n\f\r />][^\t\n\f\r />=]*+(?:{_VALUE}|(?={_WS}[^\t\n\f\r =])))*+"
_WHOLE_ATTRS = re.compile(_ATTRS)
_WHOLE_TAG = re.compile(rf"<(/?+)([A-Za-z][^\t\n\f\r />]*+){_ATTRS}>")
_ATTRIBUTE = re.compile(
    r"([^\t\n\f\r />][^\t\n\f\r />=]*+)"
    r"(?:[\t\n\f\r ]*+=[\t\n\f\r ]*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\t\n\f\r >\"'][^\t\n\f\r >]*+))?+)?+"
)
_COMMENT_END = re.compile(r"--!?>")
_CLOSERS = {name: re.compile(rf"</{name}(?=[\t\n\f\r />])", re.I | re.A) for name in RAW_TEXT}
# A script may hold "<!-- <script> </script> -->": the inner tags do not end it. One pattern for each depth.
_SCRIPT = re.compile(r"<!--|</script(?=[\t\n\f\r />])", re.I | re.A)
_SCRIPT_ESCAPED = re.compile(r"-->|</?script(?=[\t\n\f\r />])", re.I | re.A)
_SCRIPT_DOUBLE = re.compile(r"-->|</script(?=[\t\n\f\r />])", re.I | re.A)


class Tag(NamedTuple):  # made by the ten thousand: a dataclass costs three times as much
    """One whole tag. `name` is lower case, cut at 16, "" for a comment; `text[start:end]` is the tag in all that was
    fed, as sent. `words`: letters outside of tags and raw text before it. A run: text and the tags between it."""

    name: str
    closing: bool
    start: int
    end: int
    words: int


def attributes(text: str, tag: Tag) -> dict[str, str]:
    """Names in lower case, values as sent; of one name the first counts, as in every browser. At most 32 attributes."""
    return attributes_of(text[tag.start + 1 + len(tag.name) : tag.end - 1])


def attributes_of(inside: str) -> dict[str, str]:
    """As attributes, of what stands between a tag's name and its end."""
    found: dict[str, str] = {}
    for match in islice(_ATTRIBUTE.finditer(inside), MAX_ATTRIBUTES):
        found.setdefault(match[1][:MAX_VALUE_NAME].lower(), match[2] or match[3] or match[4] or "")
    return found


class TagScan:
    """Feed it text, get the tags that became whole, where asked for with the comments, declarations and the like
    between them. `words` counts the letters outside of tags and raw text. `runs`: many tags may come as one named RUN,
    which takes a tenth of the time; those of raw text, and of attributes that are shown, always come by themselves.
    Letters are not counted then."""

    def __init__(self, *, comments: bool = False, runs: bool = False) -> None:
        self.words = 0
        self._comments = comments
        self._runs = runs
        self._rest = ""
        self._base = 0
        self._state: Callable[[str, int], int | None] = self._data
        self._tags: list[Tag] = []
        self._name = ""
        self._closing = False
        self._start = 0
        self._quote = '"'
        self._closer = _CLOSERS["title"]
        self._script = _SCRIPT
        self._keep = 0

    @property
    def inside_tag(self) -> bool:
        """Whether a tag has begun that is not whole yet."""
        return self.open_at is not None or "<" in self._rest

    @property
    def open_at(self) -> int | None:
        """Where the tag or comment begins that is not whole yet, in all that was fed; None outside of one."""
        outside = (self._data, self._raw, self._script_text, self._plaintext)
        return None if self._state in outside else self._start

    def feed(self, text: str) -> list[Tag]:
        """The tags that end in this piece, in order. Never raises."""
        buf = self._rest + text
        self._tags = []
        at: int | None = 0
        self._keep = 0
        while at is not None and at < len(buf):
            self._keep = at
            at = self._state(buf, at)
        keep = self._keep if at is None else len(buf)
        self._rest = buf[keep:]
        self._base += keep
        return self._tags

    # A state returns where the next one goes on, or None: it needs more text, and keeps buf[self._keep:].

    def _data(self, buf: str, at: int) -> int | None:
        if self._runs and (end := end_of_run(buf, at)) is not None:
            self._tags.append(Tag(RUN, False, self._base + at, self._base + end, self.words))
            at = end
        found = _LESS.search(buf, at)
        less = found.start() if found else len(buf)
        if less > at:
            piece = buf[at:less]
            self.words += len(piece) - sum(map(piece.count, _BLANKS))
        if not found:
            return less
        self._keep = less
        whole = _WHOLE_TAG.match(buf, less)
        if whole:
            self._begin(less, bool(whole[1]), whole[2][:MAX_NAME].lower())
            return self._emit(whole.end())
        after = buf[less + 1 : less + 2]
        if after == "/":
            return self._open(buf, less, 2, True)
        if after == "!":
            return self._declaration(buf, less)
        if after == "?":
            self._begin(less, False, "")
            return self._to(self._bogus, less + 2)
        return self._open(buf, less, 1, False)

    def _open(self, buf: str, less: int, skip: int, closing: bool) -> int | None:
        """A tag if a letter comes next; else "</" is a comment and "<" is text."""
        after = buf[less + skip : less + skip + 1]
        if not after:
            return None
        if after.isascii() and after.isalpha():
            self._begin(less, closing, "")
            return self._to(self._tag_name, less + skip)
        if closing:
            self._begin(less, False, "")
        return self._to(self._bogus if closing else self._data, less + skip)

    def _declaration(self, buf: str, less: int) -> int | None:
        ahead = buf[less : less + 4]
        self._begin(less, False, "")
        if ahead == "<!--":
            return self._to(self._comment_start, less + 4)
        if "<!--".startswith(ahead):
            return None
        return self._to(self._bogus, less + 2)

    def _bogus(self, buf: str, at: int) -> int | None:
        end = buf.find(">", at)
        return len(buf) if end < 0 else self._end_comment(end + 1)

    def _end_comment(self, end: int) -> int:
        if self._comments:
            self._tags.append(Tag("", False, self._start, self._base + end, self.words))
        return self._to(self._data, end)

    def _comment_start(self, buf: str, at: int) -> int | None:
        """ "<!-->" and "<!--->" are whole comments."""
        ahead = buf[at : at + 2]
        if ahead[0] == ">" or ahead == "->":
            return self._end_comment(at + ahead.index(">") + 1)
        if ahead == "-":
            return None
        return self._to(self._comment, at)

    def _comment(self, buf: str, at: int) -> int | None:
        found = self._search(_COMMENT_END, buf, at)
        return self._end_comment(found.end()) if found else None

    def _raw(self, buf: str, at: int) -> int | None:
        found = self._search(self._closer, buf, at)
        if found is None:
            return None
        self._begin(found.start(), True, self._name)
        return self._to(self._before, found.end())

    def _search(self, what: re.Pattern[str], buf: str, at: int) -> re.Match[str] | None:
        self._keep = max(at, len(buf) - LOOKAHEAD)  # what stands before holds nothing that could still begin it
        return what.search(buf, at)

    def _script_text(self, buf: str, at: int) -> int | None:
        found = self._search(self._script, buf, at)
        if found is None:
            return None
        mark = found[0].lower()
        if mark == "<!--":
            self._script = _SCRIPT_ESCAPED
            return found.end() - 2  # its dashes may be those of "-->"
        if mark == "-->":
            self._script = _SCRIPT
        elif mark == "<script":
            self._script = _SCRIPT_DOUBLE
        elif self._script is _SCRIPT_DOUBLE:
            self._script = _SCRIPT_ESCAPED
        else:
            self._begin(found.start(), True, "script")
            return self._to(self._before, found.end())
        return found.end()

    def _plaintext(self, buf: str, at: int) -> int | None:
        return len(buf)

    # Inside a tag.

    def _begin(self, start: int, closing: bool, name: str) -> None:
        self._start = self._base + start
        self._closing = closing
        self._name = name

    def _tag_name(self, buf: str, at: int) -> int | None:
        end = self._end(_TAG_NAME, buf, at)
        self._name += buf[at : min(end, at + MAX_NAME - len(self._name))].lower()
        return self._to(self._before, end) if end < len(buf) else end

    def _before(self, buf: str, at: int) -> int | None:
        end = self._end(_WHOLE_ATTRS, buf, at)
        if end == len(buf):
            return end
        if buf[end] == ">":
            return self._emit(end + 1)
        return self._to(self._attr, end + 1)  # the first character of a name may even be "="

    def _attr(self, buf: str, at: int) -> int | None:
        end = self._end(_ATTR_NAME, buf, at)
        return self._to(self._after, end) if end < len(buf) else end

    def _after(self, buf: str, at: int) -> int | None:
        end = self._end(_SPACES, buf, at)
        if end < len(buf) and buf[end] == "=":
            return self._to(self._value, end + 1)
        return self._to(self._before, end) if end < len(buf) else end

    def _value(self, buf: str, at: int) -> int | None:
        end = self._end(_SPACES, buf, at)
        if end == len(buf):
            return end
        if buf[end] in "\"'":
            self._quote = buf[end]
            return self._to(self._quoted, end + 1)
        return self._to(self._bare, end)

    def _quoted(self, buf: str, at: int) -> int | None:
        end = buf.find(self._quote, at)
        return len(buf) if end < 0 else self._to(self._before, end + 1)

    def _bare(self, buf: str, at: int) -> int | None:
        end = self._end(_BARE_VALUE, buf, at)
        return self._to(self._before, end) if end < len(buf) else end

    def _emit(self, end: int) -> int:
        self._tags.append(Tag(self._name, self._closing, self._start, self._base + end, self.words))
        state: Callable[[str, int], int | None] = self._data
        if not self._closing and self._name in RAW_TEXT:
            self._closer = _CLOSERS[self._name]
            state = self._raw
        elif not self._closing and self._name == "script":
            self._script = _SCRIPT
            state = self._script_text
        elif not self._closing and self._name == "plaintext":
            state = self._plaintext
        return self._to(state, end)

    def _to(self, state: Callable[[str, int], int | None], at: int) -> int:
        self._state = state
        return at

    @staticmethod
    def _end(what: re.Pattern[str], buf: str, at: int) -> int:
        found = what.match(buf, at)
        assert found is not None  # every pattern here matches the empty text
        return found.end()
