"""What a bureau is asked: of which URLs, in which spelling, and how many at once."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import quote

from sfs.pics.coverage import form_text, forms_of
from sfs.text.url import Form, Url

MAX_URLS: Final = 256  # of one question (pics.md 2.4)
MAX_QUESTION: Final = 48_000  # characters of one: bureaus take 64 KiB
MAX_FORMS: Final = 8  # readings of one URL that are asked for
_BARE: Final = "$_-.+!*'(),"  # stand unencoded beside letters and digits
_PATH: Final = "/:@!$&'()*+,;=~-._"


class Opt(StrEnum):
    """Which labels are asked for. Spec: PICS Labels 1.1, "Requesting Labels from a Label Bureau"."""

    NORMAL = "normal"  # of this URL, a generic one as a stand-in
    GENERIC = "generic"  # the generic one that covers it
    TREE = "tree"  # all of what begins with it


class Question(NamedTuple):
    """`url` as it is asked, canonical, with http for https: labels mean both, and old bureaus know http alone."""

    opt: Opt
    url: str


def whole_url(url: Url) -> tuple[Question, ...]:
    """The questions for a page: in each form of its URL, since a label for any of them may close it."""
    start = _origin(url)
    further = (_escaped(form) for form in forms_of(url)[1:MAX_FORMS])
    texts = dict.fromkeys(start + text for text in (form_text(url.sent), *further))
    return tuple(Question(Opt.NORMAL, text) for text in texts)


def whole_host(url: Url) -> tuple[Question, ...]:
    """The question for a page of which the bureau learns the host alone."""
    return (Question(Opt.GENERIC, f"{_origin(url)}/"),)


def whole_tree(url: Url) -> Question:
    """The question for all labels of a host."""
    return Question(Opt.TREE, f"{_origin(url)}/")


def query_of(opt: Opt, urls: Iterable[str], service: str | None) -> str:
    """The query of a GET, or the form of a POST: the same text. Without a service the bureau's own are meant."""
    parts = [f"opt={opt}", "format=full"]
    parts += [f"u={_quoted(url)}" for url in urls]
    if service is not None:
        parts.append(f"s={_quoted(service)}")
    return "&".join(parts)


def cost(url: str) -> int:
    """About how many characters of a question a URL takes."""
    return len(url) + 40 + 2 * sum(map(url.count, ":/?=&%#"))


def _quoted(url: str) -> str:
    # A plus may stand bare, but reads as a blank in a form: %2B is right in both.
    return f"%22{quote(url, safe=_BARE.replace('+', ''))}%22"


def _origin(url: Url) -> str:
    origin = url.origin
    return f"http{origin[5:]}" if origin.startswith("https:") else origin


def _escaped(form: Form) -> str:
    """Path and query of a further form; what decoding brought to light is coded again."""
    query = "" if form.query is None else "?" + quote(form.query, safe=_PATH + "?%", errors="surrogatepass")
    return quote(form.path, safe=_PATH + "%", errors="surrogatepass") + query
