"""What a provider says of itself on the page of its blocking lists: the key `stop_page` of the configuration.

stop_page:
  name: {ja: 見本ネット, en: Example Net}     # who blocks; one text where both languages have the same
  about: https://net.example/blocking        # who that is, and why: the target of `rel="blocked-by"` (RFC 7725)
  contact: [https://net.example/contact, 0120-000-000]
  appeal: [appeal@net.example]
  purpose: child-protection
"""

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote

from sfs.errors import SfsError
from sfs.lists.mandatory import Purpose
from sfs.sources.values import Reader, choice_of, each, fields_of, text_of
from sfs.sources.yaml_nodes import MapNode, Node

MAX_NAME: Final = 80
MAX_BASIS: Final = 300
MAX_WAYS: Final = 4
_KEYS: Final = ("name", "about", "contact", "appeal", "purpose", "made_by", "basis", "country")
# What may stand unquoted in the configuration of every web server, too.
_URL: Final = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?(?:/[A-Za-z0-9/._~-]{0,200})?")
_MAIL: Final = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_PHONE: Final = re.compile(r"[0-9+#*][0-9#*() -]{2,28}")
_MEND: Final = "write {name: ..., about: https://..., contact: [https://..., or a mail address, or a telephone number]}"


@dataclass(frozen=True, slots=True)
class Said:
    """A text in both languages."""

    ja: str
    en: str

    def text(self, language: Literal["ja", "en"]) -> str:
        """That of one language."""
        return self.ja if language == "ja" else self.en


@dataclass(frozen=True, slots=True)
class Way:
    """How somebody is reached. `href`: a link that a browser or a telephone follows; `shown`: what a reader sees."""

    href: str
    shown: str


@dataclass(frozen=True, slots=True)
class StopPage:
    """Who blocks, and whom to ask. `about`: a page that says who blocks; `appeal`: where owners of sites turn;
    `made_by`: who makes the list; `basis`: on what it rests; `country`: two letters, whose help lines stand there."""

    name: Said
    about: str
    contact: tuple[Way, ...]
    appeal: tuple[Way, ...] = ()
    purpose: Purpose | None = None
    made_by: Said | None = None
    basis: Said | None = None
    country: str | None = None

    def __str__(self) -> str:
        return f"{self.name.en}, {self.about}"


def stop_page_of(node: Node, reader: Reader) -> StopPage:
    """The value of `stop_page`. SfsError for what is missing; other faults are collected."""
    if not isinstance(node, MapNode):
        raise SfsError("stop_page is a mapping", node.where, _MEND)
    fields = fields_of(node, reader, _KEYS, "stop_page")
    missing = [key for key in ("name", "about", "contact") if key not in fields]
    if missing:
        raise SfsError(f"a stop page without {' and '.join(missing)}", node.where, _MEND)
    about = text_of(fields["about"], "an address")
    if not _URL.fullmatch(about):
        mend = "write https://, a host and a plain path of letters, digits, / . _ ~ -"
        raise SfsError(f"{about[:80]!r} is no address of a page", fields["about"].where, mend)
    contact = _ways(fields["contact"], reader)
    if not contact:
        raise SfsError("a stop page that says nobody to ask", fields["contact"].where, _MEND)
    return StopPage(
        _said(fields["name"], reader, "a name", MAX_NAME),
        about,
        contact,
        _ways(fields["appeal"], reader) if "appeal" in fields else (),
        choice_of(fields["purpose"], Purpose) if "purpose" in fields else None,
        _said(fields["made_by"], reader, "a name", MAX_NAME) if "made_by" in fields else None,
        _said(fields["basis"], reader, "a sentence", MAX_BASIS) if "basis" in fields else None,
        _country(fields["country"]) if "country" in fields else None,
    )


def _said(node: Node, reader: Reader, what: str, most: int) -> Said:
    if not isinstance(node, MapNode):
        text = _line(node, what, most)
        return Said(text, text)
    fields = fields_of(node, reader, ("ja", "en"), what)
    if len(fields) < 2:
        raise SfsError(f"{what} in one language", node.where, "write {ja: ..., en: ...}, or one text for both")
    return Said(_line(fields["ja"], what, most), _line(fields["en"], what, most))


def _line(node: Node, what: str, most: int) -> str:
    text = text_of(node, what)
    if len(text) > most or not text.isprintable():
        raise SfsError(f"{what} of {len(text)} characters", node.where, f"one line of at most {most}")
    return text


def _ways(node: Node, reader: Reader) -> tuple[Way, ...]:
    found = each(node, reader, "ways to reach somebody", _way)
    if len(found) > MAX_WAYS:
        raise SfsError(f"{len(found)} ways to reach somebody", node.where, f"name {MAX_WAYS} at most")
    return found


def _way(node: Node) -> Way:
    text = text_of(node, "a way to reach somebody")
    if _URL.fullmatch(text):
        return Way(text, text.partition("://")[2].rstrip("/"))
    if _MAIL.fullmatch(text):
        return Way(f"mailto:{text}", text)
    if _PHONE.fullmatch(text):
        return Way(f"tel:{quote(re.sub('[() -]', '', text), safe='+*')}", text)
    mend = "write https://..., a mail address, or a telephone number in quotes"
    raise SfsError(f"{text[:80]!r} reaches nobody", node.where, mend)


def _country(node: Node) -> str:
    text = text_of(node, "a country")
    if not (len(text) == 2 and text.isascii() and text.isalpha() and text.isupper()):
        raise SfsError(f"{text[:80]!r} is no country", node.where, "write two capital letters, as JP")
    return text
