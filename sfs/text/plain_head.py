"""The head of a page that is written as nearly all are, read in one go: a few matches of one pattern.

Plain is a head of whole tags with nothing but white space between them: a declaration, html, head, metas, links, a
title, comments, and scripts, styles and <noscript> that hold nothing that looks like another of their tags. What is not
plain is left to metadata.py, which reads every head; tests/text/test_plain_head.py holds one against the other."""

import re
from typing import Final, NamedTuple

_WS: Final = r"[\t\n\f\r ]*+"
_VALUE: Final = rf"{_WS}={_WS}(?:\"[^\"]*+\"|'[^']*+'|[^\t\n\f\r >\"'][^\t\n\f\r >]*+(?=[\t\n\f\r >]))"
_ATTRS: Final = rf"(?:[\t\n\f\r /]++|[^\t\n\f\r />\"'=<][^\t\n\f\r />\"'=<]*+(?:{_VALUE}|(?={_WS}[^\t\n\f\r =])))*+"


def _tag(names: str) -> str:
    return rf"<(?:{names})(?=[\t\n\f\r />]){_ATTRS}>"


def _raw(name: str, inside: str) -> str:
    return rf"{_tag(name)}{inside}{_tag('/' + name)}"


_NAMES: Final = "|".join(
    (
        "html|head|base|basefont|bgsound|link|meta|title|noscript|noframes|style|script|template",  # of a head
        "textarea|xmp|iframe|noembed",  # end it, and hold text that is none of tags
    )
)
_SKIPPED: Final = "|".join(
    (
        r"[\t\n\f\r ]++",
        r"<(?:!(?!--)|\?)[^>]*+>",
        r"<!--(?!-?>)(?:[^-]++|-(?!-!?>))*+--!?>",
        _tag("head|link|base"),
        _raw("script", r"(?:[^<]++|<(?!/?script|!--))*+"),
        _raw("style", r"(?:[^<]++|<(?!/style))*+"),
        _raw("noscript", r"(?:[^<]++|<(?!/noscript))*+"),
    )
)
_TITLE: Final = rf"{_tag('title')}([^<]*+){_tag('/title')}"
_ENDS: Final = rf"/(?:head|body|html|br)|(?!(?:{_NAMES}|plaintext)[\t\n\f\r />])[A-Za-z][A-Za-z0-9]*+"
_END: Final = rf"<(?:{_ENDS})(?=[\t\n\f\r />]){_ATTRS}>"
_NEXT: Final = re.compile(
    rf"(?:{_SKIPPED})*+(?:<(html|meta)(?=[\t\n\f\r />])({_ATTRS})>|{_TITLE}|({_END}))", re.IGNORECASE | re.ASCII
)
_BEFORE_CHARSET: Final = re.compile(
    rf"(?:[\t\n\f\r ]++|<!(?!--)[^>]*+>|{_tag('html|head')}|<title>[^<]*+</title>)*+"
    rf"<meta[\t\n\f\r ]++charset=(?:\"([\w.:-]++)\"|'([\w.:-]++)'|([\w.:-]++)(?=[\t\n\f\r >]))[\t\n\f\r ]*+/?+>",
    re.IGNORECASE | re.ASCII,
)


class PlainHead(NamedTuple):
    """`parts`: (name, what its tag holds) of each html, meta and title, in order, for a title its text. `end`: where
    the tag that ends the head ends itself."""

    parts: list[tuple[str, str]]
    end: int


def parts_of_plain_head(text: str) -> PlainHead | None:
    """The plain head that a text begins with; None where it is not plain or not over."""
    found: list[tuple[str, str]] = []
    at = 0
    while part := _NEXT.match(text, at):
        at = part.end()
        if part[4]:
            return PlainHead(found, at)
        found.append(("title", part[3]) if part[1] is None else (part[1].lower(), part[2]))
    return None


def plain_charset(start: str) -> str | None:
    """The charset that the first META of a plain start names, before any other tag but html, head and title."""
    found = _BEFORE_CHARSET.match(start)
    return (found[1] or found[2] or found[3]) if found else None
