"""A template and its values as a page: escaped, small, with one style sheet that the policy (CSP) names by its hash."""

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sfs.web.answer import HELP_URL, PageAnswer, plain_headers
from sfs.web.helplines import OPEN_LINES, ShownLine
from sfs.web.texts import Texts

MAX_BYTES: Final = 30_000  # design.md section 7
_SOURCE: Final = re.compile(r"https?://[a-z0-9.-]{1,253}(?::[0-9]{1,5})?/[A-Za-z0-9/._~-]{0,200}")


def page(
    template: str,
    status: int,
    texts: Texts,
    lines: Sequence[ShownLine] = (),
    more: tuple[tuple[str, str], ...] = (),
    *,
    images: Sequence[str] = (),
    form: bool = False,
    form_to: str = "",
    policy: str = "",
    limit: int = MAX_BYTES,
    **values: object,
) -> PageAnswer:
    """The page of `template` under `limit` bytes. `images`: the only addresses it may load pictures from; `form`:
    whether it may send one, to ourselves; `form_to`: to these places alone. `policy`: what else its policy (CSP)
    allows. `more`: more header fields."""
    body = b""
    # Entries of helplines.yaml can be long: fewer of them rather than a page that is too heavy for a slow line.
    for count in (len(lines), len(lines) // 2, OPEN_LINES, 0):
        body = _rendered(template, texts, lines=lines[:count], **values)
        if len(body) < limit:
            break
    return PageAnswer(status, _headers(texts, images, policy, form=form, form_to=form_to) + more, body)


def loadable(url: str | None) -> str | None:
    """`url` if a policy can name it as the source of a picture, else None."""
    return url if url and _SOURCE.fullmatch(url) else None


def _headers(
    texts: Texts, images: Sequence[str], more: str, *, form: bool, form_to: str
) -> tuple[tuple[str, str], ...]:
    policy = f"default-src 'none'; style-src 'sha256-{_style_hash()}'; base-uri 'none'"
    # A block page may stand in a frame of the site that holds it; a page with a form stands nowhere but alone.
    policy += "; form-action 'self'; frame-ancestors 'none'" if form else f"; form-action {form_to or "'none'"}"
    if images:
        policy += f"; img-src {' '.join(images)}"
    return (
        *plain_headers("text/html; charset=utf-8"),
        ("Content-Language", texts.language),
        ("Vary", "Accept-Language"),
        ("Content-Security-Policy", policy + more),
    )


def _rendered(template: str, texts: Texts, **values: object) -> bytes:
    made = _environment().get_template(template)
    html = made.render(t=texts.html, p=texts.text, ls=texts.lines, lang=texts.language, help_url=HELP_URL, **values)
    return html.encode()


@cache
def _style_hash() -> str:
    return base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode("ascii")


@cache
def _style() -> str:
    return files("sfs.web").joinpath("templates/style.css").read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    """Built at the first page, so that the start does not wait for it."""
    environment = Environment(
        loader=PackageLoader("sfs.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = Markup(_style())  # noqa: S704 - our own file
    environment.globals["open_lines"] = OPEN_LINES
    environment.globals["orange"] = False  # whether the foot says that lists are missing
    return environment
