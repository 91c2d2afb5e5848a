"""`sfs explain`: the same checks without traffic, with what each of them said."""

import gc
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime, time
from ipaddress import ip_address
from pathlib import Path
from typing import IO, Final

import click

from sfs.cli.common import config_options, load
from sfs.core.body import MAX_BODY
from sfs.core.facts import Https, Kind
from sfs.core.sight import kind_of
from sfs.errors import SfsError
from sfs.sources.explained import Asked, Explained, explain_url
from sfs.sources.https import https_mode
from sfs.text.url import MAX_URL

MAX_LINE: Final = 4 * MAX_URL + 2  # bytes of standard input: a character has four at most, then an end of line
_JSON: Final = json.JSONEncoder(ensure_ascii=False)


def json_line(explained: Explained) -> str:
    """design, section 5: one object a line."""
    verdict = explained.verdict
    until = verdict.valid_until
    value = {
        "url": explained.text,
        "canonical": explained.canonical,
        "action": str(verdict.action),
        "check": verdict.check,
        "reason": verdict.reason,
        "source": verdict.source,
        "rating": verdict.rating,
        "level": verdict.level,
        "scope": str(verdict.scope),
        "valid_until": until.isoformat(timespec="seconds") if until else None,
        **({} if verdict.entry is None else {"entry": verdict.entry}),
        "trace": [
            {"check": step.check, "said": step.said}
            | ({"reason": step.reason} if step.reason else {})
            | ({"source": step.source} if step.source else {})
            for step in explained.trace
        ],
    }
    return _JSON.encode(value).encode("utf-8", "backslashreplace").decode()


def text_lines(explained: Explained, *, with_trace: bool) -> Iterator[str]:
    """For people: the answer, then what each check said."""
    verdict = explained.verdict
    word = "blocked" if verdict.blocked else "shown"
    rating = "" if verdict.rating is None else f", rating {verdict.rating}"
    entry = "" if verdict.entry is None else f", entry {verdict.entry}"
    source = f"  [{verdict.source}{entry}]" if verdict.source else ""
    line = f"{word}  {explained.canonical or explained.text}  {verdict.check}: {verdict.reason}{rating}{source}"
    yield _printable(line)
    if with_trace:
        for step in explained.trace:
            more = "".join(f"  {_printable(part)}" for part in (step.reason, step.source) if part)
            yield f"    {step.check:<15} {step.said}{more}"


@click.command("explain")
@click.argument("urls", nargs=-1, required=True, metavar="URL... [-]")
@config_options
@click.option("--client", metavar="IP", help="The client's address.")
@click.option("--user", metavar="U", help="The client's login.")
@click.option("--at", "at", metavar="TIME", help="The time asked about: 2026-04-01T21:30, or 21:30 of today.")
@click.option(
    "--https",
    type=click.Choice([mode.value for mode in Https]),
    help="Judge HTTPS whole, or by name.  [the configuration's]",
)
@click.option("--title", metavar="T", help="The page's title.")
@click.option("--html", "html_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The page.")
@click.option("--header", "headers", multiple=True, metavar="'K: V'", help="A header of request or response.")
@click.option("--offline", is_flag=True, help="Ask no label bureau.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(
    urls: tuple[str, ...],
    client: str | None,
    user: str | None,
    at: str | None,
    https: str | None,
    title: str | None,
    html_file: Path | None,
    headers: tuple[str, ...],
    offline: bool,
    as_json: bool,
    **config_arguments: object,
) -> int:
    """Say what would happen to each URL, and why. With - URLs are read from standard input, one a line.

    Exit 0 where all are shown, 1 where at least one is blocked, 2 for bad arguments."""
    filter_ = load(config_arguments)
    if offline:
        filter_ = filter_.offline()
    gc.freeze()  # what is loaded stays: the collector need not walk lists and words again for every few URLs
    pairs = tuple(_header(text) for text in headers)
    asked = Asked(
        https=Https(https) if https else https_mode(filter_.config),
        kind=_kind(pairs),
        client=_client(client),
        user=user,
        at=_time(at),
        headers=tuple(pair for pair in pairs if pair[0] not in REQUEST_HEADERS),
        title=title,
        html=_read(html_file),
    )
    many = len(urls) > 1 or urls == ("-",)
    blocked = False
    for text in _urls(urls):
        result = explain_url(text, filter_, asked, with_trace=as_json or not many)
        blocked = blocked or result.verdict.blocked
        lines = [json_line(result)] if as_json else text_lines(result, with_trace=not many)
        sys.stdout.write("".join(line + "\n" for line in lines))
        sys.stdout.flush()
    return 1 if blocked else 0


REQUEST_HEADERS = frozenset({"sec-fetch-dest", "accept"})


def _urls(arguments: Iterable[str]) -> Iterator[str]:
    for text in arguments:
        if text != "-":
            yield text
            continue
        yield from _lines(sys.stdin.buffer)


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """One text a line that is not empty, however long it is: of one past the bound no more than shows that it is."""
    first = True
    while line := stream.readline(MAX_LINE):
        text = line.decode("utf-8-sig" if first else "utf-8", "surrogateescape")
        first = False
        if len(line) == MAX_LINE and not line.endswith(b"\n"):
            yield text[: MAX_URL + 1]
            while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
        elif url := text.strip():
            yield url


def _client(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        raise SfsError(f"--client {text!r} is no address", mend="write an IP address, as 192.0.2.7") from None


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise SfsError(f"--header {text!r} is no header", mend="write it as 'Name: value'")
    return name.strip().lower(), value.strip()


def _kind(headers: tuple[tuple[str, str], ...]) -> Kind:
    """A document, unless the headers of a request are given and say otherwise."""
    given = dict(headers)
    if not REQUEST_HEADERS & given.keys():
        return Kind.DOCUMENT
    return kind_of(given.get("sec-fetch-dest"), given.get("accept"))


def _time(text: str | None) -> datetime:
    now = datetime.now().astimezone()
    if text is None:
        return now
    try:
        if "T" in text or "-" in text:
            at = datetime.fromisoformat(text)
            return at if at.tzinfo else at.astimezone()
        return datetime.combine(now.date(), time.fromisoformat(text.zfill(5))).astimezone()
    except ValueError:
        raise SfsError(f"--at {text!r} is no time", mend="write 2026-04-01T21:30, or 21:30") from None


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    with path.open("rb") as file:
        return file.read(MAX_BODY)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
