"""The page of a provider's blocking lists as files, with the configuration of the web server that answers with it.

Resolvers send readers of listed names to this server, so every host and every path has the same answer, and nothing is
kept of who asked for what: no access log, no error log, no cookie, no form, nothing loaded from elsewhere.

Paths stand in the files as they are seen from their own folder, so that it can lie anywhere.

Nothing listens on port 443. Whatever stood there would need a certificate of the name that was asked for; without it
the browser warns of an attack, and who learns to click such warnings away has lost more than this page explains.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from sfs.sources.helplines import HelpLine, helplines_for
from sfs.sources.stop_page import StopPage
from sfs.sources.values import Listen
from sfs.web.answer import PageAnswer
from sfs.web.helplines import EVERYWHERE, OLD_AFTER_DAYS
from sfs.web.stop import of_pictures, stop_page
from sfs.web.texts import LANGUAGES, Language

HEAD: Final = "# Written by `sfs isp page`; write it again rather than change it."

_JAPANESE: Final = "(^|,) *ja"
_ENGLISH_FIRST: Final = "(^|,) *en.*, *ja"


def site(stop: StopPage, helplines: Sequence[HelpLine], listen: Sequence[Listen], today: date) -> Mapping[str, bytes]:
    """The files by name: a page in each language, and the whole configuration of an nginx and of a HAProxy that answer
    at `listen` with them."""
    pages = {language: _page(language, stop, helplines, today) for language in LANGUAGES}
    files = {f"{language}.html": answer.body for language, answer in pages.items()}
    for name, write in (("nginx.conf", _nginx), ("haproxy.cfg", _haproxy)):
        files[name] = "".join(f"{line}\n" for line in write(pages, listen)).encode()
    return files


def outdated(stop: StopPage, helplines: Sequence[HelpLine], today: date) -> tuple[int, int, int]:
    """How many help lines there are for readers of these pages, how many of them nobody has ever checked, and how many
    were checked too long ago."""
    near = [line for line in helplines if stop.country is None or line.country in (stop.country, *EVERYWHERE)]
    checked = [line.checked for line in near if line.checked is not None]
    return len(near), len(near) - len(checked), sum((today - day).days > OLD_AFTER_DAYS for day in checked)


def _page(language: Language, stop: StopPage, helplines: Sequence[HelpLine], today: date) -> PageAnswer:
    lines = helplines_for(helplines, language, images_first=of_pictures(stop.purpose))
    answer = stop_page(language, stop, lines, today=today, written=today)
    # Its type is the server's word, and twice the same field is one too many.
    return replace(answer, headers=tuple(field for field in answer.headers if field[0] != "Content-Type"))


def _nginx(pages: Mapping[Language, PageAnswer], listen: Sequence[Listen]) -> Iterator[str]:
    yield HEAD
    yield "# The whole configuration of an nginx of its own: `nginx -p FOLDER -c nginx.conf`, FOLDER being this one."
    yield "# Nothing listens on port 443: no certificate for the names of others may exist."
    # A line of an error log names the client, the host and the path.
    yield "error_log /dev/null emerg;"
    yield "pid nginx.pid;"
    yield "worker_processes auto;"
    yield "worker_rlimit_core 0;"
    yield "events {}"
    yield "http {"
    yield "  access_log off;"
    yield "  log_not_found off;"
    yield "  server_tokens off;"
    yield "  etag off;"
    yield "  if_modified_since off;"
    yield "  max_ranges 0;"
    yield "  keepalive_timeout 5s;"
    yield "  client_header_timeout 10s;"
    yield "  client_body_timeout 10s;"
    yield "  client_max_body_size 0;"  # a form that is sent is thrown away, not refused
    for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        yield f"  {name}_temp_path temp;"  # none is used, but nginx makes them
    yield "  types { text/html html; }"
    yield "  charset utf-8;"
    # Browsers name languages in the order in which they are liked; of these two the first counts.
    yield f'  map $http_accept_language $language {{ default en; "~*{_ENGLISH_FIRST}" en; "~*{_JAPANESE}" ja; }}'
    yield "  server {"
    yield from (f"    listen {place} default_server;" for place in listen)
    yield "    server_name _;"
    yield "    root .;"
    for name, field in _fields(pages).items():
        value = "$language" if name == "Content-Language" else f'"{field["en"]}"'
        yield f"    add_header {name} {value} always;"
    # Whatever goes wrong with a request, its answer is the page.
    yield "    error_page 400 404 405 408 411 412 413 414 416 417 431 451 494 500 501 505 =451 /$language.html;"
    yield from (f"    location = /{language}.html {{ internal; }}" for language in pages)
    yield "    location / { return 451; }"
    yield "  }"
    yield "}"


def _haproxy(pages: Mapping[Language, PageAnswer], listen: Sequence[Listen]) -> Iterator[str]:
    yield HEAD
    yield "# The whole configuration of a HAProxy of its own: `haproxy -f haproxy.cfg`; its service needs LimitCORE=0."
    yield "# Nothing listens on port 443: no certificate for the names of others may exist."
    yield "global"
    yield "  default-path config"  # where this file lies
    yield f"  tune.bufsize {_buffer(pages)}"  # the page with its head is one buffer
    yield "defaults"
    yield "  mode http"
    yield "  timeout client 10s"
    yield "  timeout http-request 10s"
    yield "  timeout http-keep-alive 5s"
    yield "frontend stop"
    yield from (f"  bind {place}" for place in listen)
    # No `log`, no statistics, no socket that shows the last request that was none.
    yield "  no log"
    yield f'  acl japanese req.fhdr(accept-language) -m reg -i "{_JAPANESE}"'
    yield f'  acl english_first req.fhdr(accept-language) -m reg -i "{_ENGLISH_FIRST}"'
    for language, when in (("ja", " if japanese !english_first"), ("en", "")):
        fields = " ".join(f'hdr {name} "{field[language]}"' for name, field in _fields(pages).items())
        kind = '"text/html; charset=utf-8"'
        yield f"  http-request return status 451 content-type {kind} file {language}.html {fields}{when}"


def _fields(pages: Mapping[Language, PageAnswer]) -> dict[str, dict[str, str]]:
    """The header fields of the page by name, then by language, as they stand in double quotes of either server."""
    found: dict[str, dict[str, str]] = {}
    for language, answer in pages.items():
        for name, value in answer.headers:
            # These mean more than themselves there; stop_page_of lets none of them into an address.
            assert not set("\\$%\n") & set(value), name
            found.setdefault(name, {})[language] = value.replace('"', '\\"')
    return found


def _buffer(pages: Mapping[Language, PageAnswer]) -> int:
    return max(16_384, *(len(answer.body) + 8192 for answer in pages.values()))
