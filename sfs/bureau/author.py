"""The label that an author puts on a page of his own: META tags, and headers for nginx and Apache. Each is escaped for
the language it stands in, and reads back as the same rating (sfs/pics/selflabels.py)."""

from dataclasses import dataclass
from html import escape

from sfs.errors import SfsError
from sfs.pics.coverage import parse_prefix
from sfs.pics.labels import LabelList, PicsLabel, ServiceInfo, write_label_list
from sfs.pics.options import Options
from sfs.pics.safetyonline import CATEGORY, MAX_RATING, SERVICE

RTA = "RTA-5042-1996-1400-1577-RTA"
_DOLLAR = 'geo $dollar { default "$"; }  # in the block http: nginx has no other way to write a dollar'


@dataclass(frozen=True, slots=True)
class AuthorLabel:
    """`pics`: the label list; `rta`: whether the page is for adults alone, which more programs read from RTA."""

    pics: str
    rta: bool

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Names and values."""
        return (("PICS-Label", self.pics), *((("Rating", RTA),) if self.rta else ()))

    @property
    def html(self) -> str:
        """For the head of the page."""
        rta = f'\n<meta name="rating" content="{RTA}">' if self.rta else ""
        quoted = escape(self.pics, quote=False).replace("'", "&#39;")
        return f"<meta http-equiv=\"PICS-Label\" content='{quoted}'>{rta}"

    @property
    def nginx(self) -> str:
        """For the block of the server or of a location. Syntax: nginx, "Configuration file", variables and quotes."""
        lines = [f"add_header {name} '{_of_nginx(value)}' always;" for name, value in self.headers]
        return "\n".join([_DOLLAR, *lines] if "$" in self.pics else lines)

    @property
    def apache(self) -> str:
        """For the configuration or .htaccess, with mod_headers; there a percent sign begins a format, and ${ a
        variable, which has no escape."""
        escaped = ((name, _of_apache(value)) for name, value in self.headers)
        return "\n".join(f'Header always set {name} "{value}"' for name, value in escaped)


def _of_nginx(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'").replace("$", "${dollar}")


def _of_apache(value: str) -> str:
    value = value.replace("${", "%24{").replace("%", "%%")
    return value.replace("\\", "\\\\").replace('"', '\\"')


def author_label(url: str, rating: int, *, generic: bool = False) -> AuthorLabel:
    """The label of a page, or with `generic` of all whose URLs begin so. SfsError for what is no URL."""
    prefix = parse_prefix(url)
    if prefix is None or ("." not in prefix.url.host and ":" not in prefix.url.host):
        raise SfsError(f"no URL that a browser opens: {url[:80]!r}", mend="write it as http://host/path")
    bare = prefix.site and generic
    text = prefix.url.origin if bare else prefix.url.text
    options = Options(for_=text.replace('"', "%22"), generic=True if generic else None)
    label = PicsLabel(((CATEGORY, rating),), options)
    return AuthorLabel(write_label_list(LabelList((ServiceInfo(SERVICE, labels=(label,)),))), rating == MAX_RATING)
