"""What the head of an HTML page says of it: title and META; and, while a page still comes in, whether its head is over.

Both stand on the tags alone (tags.py says why no tree is built). Only the values found, a few at a time and never
nested, go through a real parser, for their entities."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from selectolax.lexbor import LexborHTMLParser

from sfs.text.plain_head import PlainHead, parts_of_plain_head
from sfs.text.tags import MAX_VALUE_NAME, Tag, TagScan, attributes, attributes_of

MAX_TEXT: Final = 256 * 1024  # characters; the proxy holds at most so many bytes of a page
MAX_METAS: Final = 256
MAX_CONTENT: Final = 64 * 1024
MAX_BODY_WORDS: Final = 1024  # letters outside of tags: more of them are no stray mark before the head

_ATTRIBUTES: Final = ("name", "http-equiv", "property")
# What describes the page in words a person reads. Read as name= and as property=, since authors mix the two up.
_WORD_NAMES: Final = (
    "description",
    "keywords",
    "og:title",
    "og:description",
    "og:site_name",
    "twitter:title",
    "twitter:description",
    "abstract",
    "subject",
    "title",
    "dc.title",
    "dc.description",
    "dc.subject",
    "news_keywords",
)
WORD_PLACES: Final = {name: place for place, name in enumerate(_WORD_NAMES)}
# Start tags that may stand in a head; any other one opens the body. HTML, "in head" insertion mode.
_HEAD_TAGS: Final = frozenset(
    {"html", "head", "base", "basefont", "bgsound", "link", "meta", "title", "noscript", "noframes", "style", "script"}
    | {"template"}
)
_HEAD_ENDS: Final = frozenset({"head", "body", "html", "br"})  # end tags that end the head
_LOOKED_AT: Final = ("<meta", "<title", "</title", "<html", "<template", "</template")
_TITLE_END = re.compile(r"</title(?=[\t\n\f\r />])", re.I | re.A)
# What may add to a head wherever it stands, by whether its title and its language are known. Most of a page is read by
# this alone: to make it lower case and look for each word costs twice as much.
_ADDS: Final = {
    (title, lang): re.compile("<meta" + "|<title" * (not title) + "|<html" * (not lang), re.I | re.A)
    for title in (False, True)
    for lang in (False, True)
}
# A META as most are written, read in one match.
_USUAL_META = re.compile(r"[\t\n\f\r ]++(name|property)=\"([^\"]*+)\"[\t\n\f\r ]++content=\"([^\"]*+)\"[\t\n\f\r /]*+")
CODED: Final = re.compile(r"[&\0\r]")  # what a parser would change
_MOST_HEADS: Final = 4096  # bytes that nearly every plain head ends in: its page is not made text behind them
_STEP: Final = 512  # characters that are looked at in one go
_FEW: Final = 64
_ESCAPE = re.compile(r"\x1b(?:\$[@B]|\([BIJ])")
_PART_OF_ESCAPE = re.compile(r"\x1b[$(]?\Z")
type _Raw = tuple[list[dict[str, str]], str, str]


# Never changed once made, as text/url.py has it: a page has a dozen of these.
@dataclass(slots=True, unsafe_hash=True)
class Meta:
    """One META: `attribute` ("name", "http-equiv" or "property") has the value `name` (lower case, stripped)."""

    attribute: Final[str]
    name: Final[str]
    content: Final[str]


@dataclass(slots=True, unsafe_hash=True)
class Head:
    """Title (spaces collapsed), METAs in document order, and the language tag of the root ("" if none)."""

    title: Final[str] = ""
    metas: Final[tuple[Meta, ...]] = ()
    lang: Final[str] = ""

    def texts(self) -> tuple[str, ...]:
        """Every text in which words are looked for, each once: title, description, keywords, Open Graph and its kin."""
        found = [
            (place, meta.content)
            for meta in self.metas
            if (place := WORD_PLACES.get(meta.name)) is not None
            and meta.attribute != "http-equiv"
            and meta.content.strip()
        ]
        found.sort(key=itemgetter(0))
        texts = dict.fromkeys([self.title, *(content for _, content in found)])
        texts.pop("", None)
        return tuple(texts)


def head_from_html(text: str) -> Head:
    """Title, METAs and language of an HTML text, cut at 256 KiB characters. Never raises.

    A META counts wherever it stands, also after a tag that opened the body; not in comments, scripts, <noscript> or
    <template>, and not after <plaintext>. At most 256 METAs and 64 KiB characters a content (pics.md 2.1)."""
    text = text[:MAX_TEXT]
    raws, raw_title, raw_lang = _read_plain(text) or _read(text)
    attributes, values = [], [raw_lang[:MAX_VALUE_NAME]]
    for raw in raws:
        if (content := raw.get("content")) is None:
            continue
        for attribute in _ATTRIBUTES:  # a META that has both name= and property= counts as both
            if name := raw.get(attribute):
                attributes.append(attribute)
                values += (name[:MAX_VALUE_NAME], content[:MAX_CONTENT])
    title, (lang, *plain) = _decoded(raw_title[:MAX_CONTENT], values)
    named = zip(attributes, plain[::2], plain[1::2], strict=True)
    metas = [Meta(attribute, bare.lower(), content) for attribute, name, content in named if (bare := name.strip())]
    return Head(" ".join(title.split()), tuple(metas), lang.strip())


def _read_plain(text: str) -> _Raw | None:
    """As _read, of a plain head with nothing behind it that might add to it; None of any other."""
    found = parts_of_plain_head(text)
    if found is None:
        return None
    parts, end = found
    raws: list[dict[str, str]] = []
    title = lang = ""
    for name, inside in parts:
        if name == "meta":
            raws.append(meta_values(inside))
        elif name == "html":
            lang = lang or attributes_of(inside).get("lang", "")
        elif not title and inside.strip():
            title = inside
    if _ADDS[bool(title), bool(lang)].search(text, end):
        return None
    return raws[:MAX_METAS], title, lang


def meta_values(inside: str) -> dict[str, str]:
    """The attributes of a META, by what stands between its name and its end; as `attributes_of`."""
    usual = _USUAL_META.fullmatch(inside)
    return {usual[1]: usual[2], "content": usual[3]} if usual else attributes_of(inside)


def _read(text: str) -> _Raw:
    """The attributes of each META, the title and the language, as sent."""
    raw_title, raw_lang = "", ""
    raws: list[dict[str, str]] = []
    titles: Tag | None = None
    for tag in _outside_templates(_tags(text)):
        if tag.name == "meta" and not tag.closing and len(raws) < MAX_METAS:
            raws.append(attributes(text, tag))
        elif tag.name == "html" and not tag.closing:
            raw_lang = raw_lang or attributes(text, tag).get("lang", "")
        elif tag.name == "title":
            if titles and not raw_title.strip():
                raw_title = text[titles.end : tag.start]
            titles = None if tag.closing else tag
    if titles and not raw_title.strip():  # the text ends inside the title, or inside the tag that ends it
        raw_title = _TITLE_END.split(text[titles.end :], maxsplit=1)[0]
    return raws, raw_title, raw_lang


def _tags(text: str) -> Iterator[Tag]:
    """The tags of a text, at least up to the last one that is looked at: what follows is most of a page."""
    lower = text.lower()  # never shorter than the text, so what is found there is not before its place here
    at = max(map(lower.rfind, _LOOKED_AT)) + 1
    scan = TagScan()
    yield from scan.feed(text[:at])
    while at < len(text) and scan.inside_tag:
        yield from scan.feed(text[at : at + _FEW])
        at += _FEW


def _outside_templates(tags: Iterator[Tag]) -> Iterator[Tag]:
    depth = 0
    for tag in tags:
        if tag.name == "template":
            depth = max(0, depth + (-1 if tag.closing else 1))
        elif not depth:
            yield tag


def _decoded(title: str, values: list[str]) -> tuple[str, list[str]]:
    """The same texts with their entities decoded, by the rules for text and for attributes."""
    if not CODED.search(title) and not CODED.search("".join(values)):
        return title, values  # as on most pages; making a parser takes longer than all else that is done with a head
    metas = "".join('<meta content="' + value.replace('"', "&quot;") + '">' for value in values)
    tree = LexborHTMLParser(f"<title>{title}</title>{metas}")
    first = tree.css_first("title")
    plain = [node.attributes.get("content") or "" for node in tree.css("meta")]
    return first.text() if first else "", plain


class HeadScan:
    """Says of a page that comes in, decompressed, in pieces of any size, whether its head is over.

    Over: `</head`, `<body`, a tag that only a body has, or much text outside of tags; comments, scripts, styles,
    titles, <noscript> and <template> do not count. The answer depends on the bytes so far, not on their pieces.
    Any ASCII-compatible charset, ISO-2022-JP (by its escapes), UTF-16 (by `charset`, byte order mark or zeros)."""

    def __init__(self, charset: str | None = None) -> None:
        self.over = False
        self.plain: PlainHead | None = None  # of the bytes, one a character, where the first of them hold a plain head
        self._wide = {"utf-16le": "utf-16-le", "utf-16be": "utf-16-be"}.get((charset or "").lower())
        self._decoder: codecs.IncrementalDecoder | None = None
        self._first = b""
        self._rest = ""
        self._hidden = False  # inside a run of two-byte characters of ISO-2022-JP
        self._templates = 0
        self._template_start = 0
        self._template_words = 0

    def feed(self, chunk: bytes) -> bool:
        """True once the head is over, and from then on. Never raises."""
        if self.over or not chunk:
            return self.over
        if self._decoder is None:
            self._first += chunk
            if len(self._first) < 2:
                return False
            chunk, self._first = self._first, b""
            codec = self._codec(chunk)
            if codec == "latin-1" and (plain := _plain(chunk)) is not None:
                self.over, self.plain = True, plain
                return True
            self._tags = TagScan()
            self._decoder = codecs.getincrementaldecoder(codec)("replace")
        decode = self._decoder.decode  # what comes after the end of the head is not even decoded
        return any(self._feed(decode(chunk[at : at + _STEP])) for at in range(0, len(chunk), _STEP))

    def _feed(self, text: str) -> bool:
        for tag in self._tags.feed(self._unescaped(text)):
            self._see(tag)
        words = self._template_start if self._templates else self._tags.words
        self.over = self.over or words - self._template_words > MAX_BODY_WORDS
        return self.over

    def _codec(self, start: bytes) -> str:
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return "utf-16-le" if start[0] == 0xFF else "utf-16-be"
        if self._wide:
            return self._wide
        if (start[0] == 0) != (start[1] == 0):  # no text in bytes starts with NUL: UTF-16 without its mark
            return "utf-16-be" if start[0] == 0 else "utf-16-le"
        return "latin-1"

    def _unescaped(self, text: str) -> str:
        """Two-byte runs of ISO-2022-JP may hold the bytes of any tag: show letters in their place."""
        if not self._hidden and not self._rest and "\x1b" not in text:
            return text
        text, shown, at = self._rest + text, [], 0
        for escape in _ESCAPE.finditer(text):
            shown.append(self._show(text[at : escape.start()]))
            self._hidden = escape[0] not in ("\x1b(B", "\x1b(J")
            at = escape.end()
        partial = _PART_OF_ESCAPE.search(text, at)
        end = partial.start() if partial else len(text)
        self._rest = text[end:]
        shown.append(self._show(text[at:end]))
        return "".join(shown)

    def _show(self, piece: str) -> str:
        return "x" * len(piece) if self._hidden else piece

    def _see(self, tag: Tag) -> None:
        if tag.name == "template":
            if not self._templates and not tag.closing:
                self._template_start = tag.words
            if self._templates == 1 and tag.closing:
                self._template_words += tag.words - self._template_start
            self._templates = max(0, self._templates + (-1 if tag.closing else 1))
        elif not self._templates:
            self.over = self.over or (tag.name in _HEAD_ENDS if tag.closing else tag.name not in _HEAD_TAGS)


def _plain(start: bytes) -> PlainHead | None:
    """The head of a page of which these are the first bytes, where they hold all of it, plainly."""
    sent = start.removeprefix(b"\xef\xbb\xbf")
    text = sent[:_MOST_HEADS].decode("latin-1")
    plain = parts_of_plain_head(text)
    if plain is None and len(sent) > _MOST_HEADS:
        text = sent.decode("latin-1")
        plain = parts_of_plain_head(text)
    return None if plain is None or "\x1b" in text[: plain.end] else plain
