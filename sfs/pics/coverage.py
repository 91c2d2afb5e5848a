"""Which URLs a label is about. A specific label names one document, a generic one every URL that starts with `for`.

The prefix is compared as the spec says, character by character, with one border: where it ends inside the authority,
the host must end there too, or `http://www.example.com` would cover `http://www.example.com.evil.test/`.
"""

import re
from dataclasses import dataclass

from sfs.errors import UrlError
from sfs.text.readings import further_readings
from sfs.text.url import Form, Url, parse_url

_AUTHORITY = re.compile(r"[a-z][a-z0-9+.-]*:[/\\]*([^/\\?#]*)([^#]*)", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+-]*:", re.IGNORECASE)  # without dots: `host.example:80` has no scheme
_PORT = re.compile(r":[0-9]+\Z")
# Labels of 2002 all say http: both schemes are one site. FTP is another.
_WEB = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class Prefix:
    """What `for` says, canonical. `site`: it ends with the host, so every port is meant unless one is named.
    `starts` are the beginnings of path and query, one for each form of the URL; `mark` is the question mark at the
    very end of a prefix, which says that a query follows and which a parsed URL has lost. `readings`: what only some
    servers read in it (text/readings.py)."""

    url: Url
    site: bool
    any_port: bool
    starts: tuple[str, ...]
    mark: str = ""
    readings: tuple[str, ...] = ()

    @property
    def length(self) -> int:
        """How specific the prefix is, in characters."""
        return len(self.url.origin) + (0 if self.site else len(self.starts[0]))

    @property
    def below_root(self) -> bool:
        """Whether it names less than a whole host."""
        return not self.site and self.starts[0] != "/"

    def covers(self, url: Url, form: int, generic: bool) -> bool:
        """Whether it names `url` in that form (generic: begins it): one of `forms_of`, by its place."""
        if self.url.host != url.host or not self._same_service(url):
            return False
        if url.name_only:  # nothing is known of the path, so only what covers the whole host covers this
            return generic and not self.below_root
        if generic and self.site:
            return True
        if form < len(url.forms):
            return self._begins(self.starts[min(form, len(self.starts) - 1)], url.forms[form], generic)
        further = forms_of(url)[form]
        return any(self._begins(start, further, generic) for start in (self.starts[-1], *self.readings))

    def _begins(self, start: str, form: Form, generic: bool) -> bool:
        text = form_text(form)
        return text == start or (generic and text.startswith(start + self.mark))

    def _same_service(self, url: Url) -> bool:
        schemes = {self.url.scheme, url.scheme}
        return (len(schemes) == 1 or schemes == _WEB) and (self.any_port or self.url.port == url.port)


def parse_prefix(text: str) -> Prefix | None:
    """The prefix or URL that `text` (a label's `for`) names; None where no browser would open it. A bare host, as live
    pages write it, is taken as http."""
    if "://" not in text and not _SCHEME.match(text):
        text = f"http://{text}"
    try:
        url = parse_url(text)
    except UrlError:
        return None
    match = _AUTHORITY.match(text.strip())
    authority, rest = (match[1], match[2]) if match else ("", "/")
    site = not rest
    mark = "?" if rest.endswith("?") and url.sent.query is None else ""
    starts = tuple(form_text(form) for form in url.forms)
    readings = tuple(form_text(form) for form in further_readings(url.forms))
    return Prefix(url, site, site and not _PORT.search(authority), starts, mark, readings)


def forms_of(url: Url) -> tuple[Form, ...]:
    """Every reading of a URL that a label may be about: as sent, decoded, and what only some servers read."""
    return url.forms + further_readings(url.forms)


def covers(for_: str | None, generic: bool, url: str) -> bool:
    """Whether a label with this `for` is about `url` as it was sent; without `for` it is about the document it came
    with. http and https are one site. Spec: PICS Labels 1.1, "Generic labels"; the host border is ours."""
    if for_ is None:
        return True
    try:
        target = parse_url(url)
    except UrlError:
        return False
    prefix = parse_prefix(for_)
    return prefix is not None and prefix.covers(target, 0, generic)


def form_text(form: Form) -> str:
    """Path and query as one text, to be compared with a prefix."""
    return form.path if form.query is None else f"{form.path}?{form.query}"
