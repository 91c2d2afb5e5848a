"""How the pages of an administrator are drawn: Jinja2, one style sheet in the page, a policy that names its hash."""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sfs.web.texts import LANGUAGES, Texts

_TEMPLATES: Final = "templates"


def render(template: str, texts: Texts, **values: object) -> bytes:
    """The page `templates/admin/<template>` with `values`; a value it needs and does not get is an error of ours."""
    page = _environment().get_template(f"admin/{template}")
    return page.render(t=texts.html, p=texts.text, ls=texts.lines, lang=texts.language, **values).encode()


@cache
def content_policy() -> str:
    """The Content-Security-Policy: no script, no frame, nothing from elsewhere, and this one style sheet.

    `form-action` keeps a page that something was smuggled into from sending a password to another site."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode("ascii")
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


@cache
def style() -> str:
    """The style of the readers' pages, then every sheet of `templates/admin` by name."""
    root = files("sfs.web").joinpath(_TEMPLATES)
    sheets = sorted(
        (part for part in root.joinpath("admin").iterdir() if part.name.endswith(".css")), key=lambda part: part.name
    )
    return "".join(part.read_text(encoding="utf-8") for part in (root.joinpath("style.css"), *sheets))


@cache
def _environment() -> Environment:
    """Built at the first page, so that the start does not wait for it."""
    environment = Environment(
        loader=PackageLoader("sfs.web", _TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = Markup(style())  # noqa: S704 - our own files
    environment.globals["languages"] = LANGUAGES
    return environment
