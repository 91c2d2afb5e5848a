"""Small answers for what is not a page: a picture, a script, a style sheet, data.

A site whose picture is blocked keeps its shape; a script that gets HTML would throw errors into a page that is shown.
"""

import base64
import re
from collections.abc import Mapping
from typing import Final, Literal

from sfs.web.answer import HELP_URL, PageAnswer, blocked_status, plain_headers

AnswerKind = Literal["page", "image", "script", "style", "json", "text"]

# One transparent dot: a broken-image sign in every corner of a page helps nobody.
_DOT: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")

_BODIES: Final[Mapping[AnswerKind, tuple[str, bytes]]] = {
    "image": ("image/gif", _DOT),
    "script": ("text/javascript; charset=utf-8", b"/* not shown: the filter SFS */\n"),
    "style": ("text/css; charset=utf-8", b"/* not shown: the filter SFS */\n"),
    "json": ("application/json", b'{"blocked":true,"by":"SFS","help":"' + HELP_URL.encode() + b'"}\n'),
    "text": ("text/plain; charset=utf-8", b"Not shown: the filter SFS. See " + HELP_URL.encode() + b"\n"),
}

# Spec: Fetch Metadata, "Sec-Fetch-Dest"; destinations of the Fetch standard section 2.2.5.
_DESTINATIONS: Final[Mapping[str, AnswerKind]] = {
    **dict.fromkeys(("document", "iframe", "frame", "object", "embed", "fencedframe"), "page"),
    "image": "image",
    **dict.fromkeys(("script", "worker", "sharedworker", "serviceworker", "audioworklet", "paintworklet"), "script"),
    **dict.fromkeys(("style", "xslt"), "style"),
    **dict.fromkeys(("json", "manifest"), "json"),
    **dict.fromkeys(("audio", "video", "track", "font", "report", "webidentity"), "text"),
}

_ENDINGS: Final[Mapping[str, AnswerKind]] = {
    **dict.fromkeys(("png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "ico", "bmp"), "image"),
    **dict.fromkeys(("js", "mjs"), "script"),
    "css": "style",
    "json": "json",
}
_ENDING: Final = re.compile(r"\.([A-Za-z0-9]{1,5})$")
_READ: Final = 1000  # characters of a header or a path's end that are looked at


def kind_of_answer(sec_fetch_dest: str | None, accept: str | None, path: str = "") -> AnswerKind:
    """What the browser will do with the answer: by Sec-Fetch-Dest, without it by Accept, then by the path's ending."""
    dest = (sec_fetch_dest or "").strip().lower()
    if dest in _DESTINATIONS:
        return _DESTINATIONS[dest]
    wanted = (accept or "").lower()[:_READ]
    # `empty` is fetch() or XHR: a script reads the answer, and Accept says what it would like.
    if dest != "empty" and ("text/html" in wanted or "application/xhtml+xml" in wanted):
        return "page"
    return _kind_of_accept(wanted) or _kind_of_path(path) or "text"


def _kind_of_accept(wanted: str) -> AnswerKind | None:
    first = wanted.partition(",")[0].partition(";")[0].strip()
    if first.startswith("image/"):
        return "image"
    if first == "text/css":
        return "style"
    if first.endswith(("/javascript", "/ecmascript")):
        return "script"
    return "json" if first.endswith(("/json", "+json")) else None


def _kind_of_path(path: str) -> AnswerKind | None:
    found = _ENDING.search(path[:_READ].partition("?")[0])
    return _ENDINGS.get(found[1].lower()) if found else None


def small_answer(kind: AnswerKind, *, mandatory: bool = False, blocked_by: str = HELP_URL) -> PageAnswer:
    """The answer of its own kind: 403, or 451 for a mandatory list. The same for every block: it tells a site's
    scripts nothing. `page` gives text: for people there is `block_page`."""
    content_type, body = _BODIES["text" if kind == "page" else kind]
    status, more = blocked_status(mandatory, blocked_by)
    return PageAnswer(status, plain_headers(content_type) + more, body)
