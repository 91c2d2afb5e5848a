"""`sfs bureau rate, query, history`: a rater's hand on the store of labels."""

import getpass
import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sfs.bureau.dates import read_moment
from sfs.errors import SfsError
from sfs.match.entry import is_bare_name
from sfs.pics.coverage import parse_prefix
from sfs.pics.reader import Reader
from sfs.pics.safetyonline import CATEGORY, MAX_RATING, SERVICE, rating_of_ratings, service_key
from sfs.pics.service_reader import parse_service
from sfs.pics.services import faults_of_ratings
from sfs.pics.sexpr import Cursor
from sfs.pics.stored import Change, StoredLabel, StoredService
from sfs.pics.values import Ratings, Span, Value, read_ratings, write_ratings
from sfs.sources.labels import DATABASE, LabelStore
from sfs.sources.places import default_state_dir
from sfs.text.url import Url, parse_url

NONE = "none"  # in place of a rating: take it back


def store_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--database and --state."""
    function = click.option("--state", metavar="DIR", help="The state folder; labels.db in it is the store.")(function)
    return click.option("--database", metavar="URL", help="Another store: a file, or postgresql+psycopg://...")(
        function
    )


@click.command("rate")
@click.argument("url")
@click.argument("rating", metavar="N")
@click.option("--generic", is_flag=True, help="Of every URL that begins with this one.")
@click.option("--below", is_flag=True, help="Of a whole host and the hosts below it.")
@click.option("--service", metavar="URL", default=SERVICE, help="The rating service; SafetyOnline2 without it.")
@click.option("--comment", metavar="TEXT", help="For people who read the label.")
@click.option("--until", metavar="DATE", help="The last day, as 2027-03-31, or a moment, as 2027-03-31T18:00+09:00.")
@click.option("--by", metavar="NAME", help="Who rates; the name you are logged in with without it.")
@store_options
def rate(
    url: str,
    rating: str,
    generic: bool,
    below: bool,
    service: str,
    comment: str | None,
    until: str | None,
    by: str | None,
    database: str | None,
    state: str | None,
) -> int:
    """Rate a page: N is 0 to 4. For a service with other categories write them as n=2,s=0. `none` takes a rating back.
    A bare name, as example.com, is the site with the hosts below it. Exit 1 where there was none to take back."""
    who = by or _login()
    if is_bare_name(url):
        below, generic, for_ = below or not generic, True, url_of(url).origin
    else:
        generic, for_ = generic or below, url
    ends = None if until is None else moment_of(until, datetime.now(UTC))
    with closing(open_store(database, state, create=True)) as store:
        kept = service_of(store, service)
        if rating == NONE:
            gone = store.withdraw(kept.uri, for_, generic=generic, who=who)
            click.echo(f"{url}: taken back" if gone else f"{url}: was not rated")
            return 0 if gone else 1
        label = StoredLabel(
            kept.uri, for_, ratings_of(rating, kept), generic, below, by=who, until=ends, comment=comment
        )
        counts = store.rate([label], who=who)
        said = "rated" if counts.new else "rated anew" if counts.changed else "was rated so already"
        site = f" ({_reach(label)})" if for_ != url else ""
        click.echo(f"{url}: {said}: {_shown(label.ratings)}{site}")
    return 0


@click.command("query")
@click.argument("urls", nargs=-1, required=True, metavar="URL...")
@click.option("--generic", is_flag=True, help="Only labels of all that begins with a URL.")
@click.option("--service", metavar="URL", help="One rating service; all of them without it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@store_options
def query(
    urls: tuple[str, ...], generic: bool, service: str | None, as_json: bool, database: str | None, state: str | None
) -> int:
    """Say which labels URLs have now: one line for each service that has one. Exit 1 where a URL has none."""
    asked = [url_of(url) for url in urls]
    with closing(open_store(database, state, create=False)) as store:
        services = store.services() if service is None else (service_of(store, service),)
        answers = store.find(asked, [one.uri for one in services], datetime.now(UTC), generic_only=generic)
    missing = False
    for number, (url, canonical) in enumerate(zip(urls, asked, strict=True)):
        labels = [label for row in answers if (label := row[number]) is not None]
        missing = missing or not labels
        if as_json:
            said = {"url": url, "canonical": canonical.text, "labels": [label_object(label) for label in labels]}
            click.echo(json.dumps(said, ensure_ascii=False))
        else:
            click.echo("\n".join(_lines(url, labels)))
    return 1 if missing else 0


@click.command("history")
@click.argument("url")
@click.option("--service", metavar="URL", help="One rating service; all of them without it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@store_options
def history(url: str, service: str | None, as_json: bool, database: str | None, state: str | None) -> int:
    """Print all that was ever said of a URL or a prefix, oldest first. Exit 1 where nothing was."""
    with closing(open_store(database, state, create=False)) as store:
        asked = None if service is None else service_of(store, service).uri
        changes = store.history(url, asked)
        services = [one.uri for one in store.services()] if asked is None else [asked]
        covering = [] if changes else store.find([url_of(url)], services, datetime.now(UTC))
    for change in changes:
        click.echo(json.dumps(_change_object(change), ensure_ascii=False) if as_json else _change_line(change))
    if not changes and not as_json:
        click.echo(f"{url}: never rated")
        for label in (label for (label,) in covering if label is not None):
            click.echo(f"  it has the label of {label.for_}: sfs bureau history {shlex.quote(label.for_)}")
    return 0 if changes else 1


def open_store(database: str | None, state: str | None, *, create: bool) -> LabelStore:
    """The store that the options name. SfsError as LabelStore.open, and where there is none and none is to be made."""
    if database is None:
        path = (Path(state).expanduser() if state is not None else default_state_dir()) / DATABASE
        if not create and not path.exists():
            raise SfsError(f"nothing is rated yet: there is no {path}", mend="rate a page: sfs bureau rate URL N")
        return LabelStore.open(path, create=create)
    return LabelStore.open(database, create=create)


def url_of(text: str) -> Url:
    """The URL that somebody typed; without a scheme http. UrlError where no browser would open it."""
    prefix = parse_prefix(text)
    return parse_url(text) if prefix is None else prefix.url


def moment_of(text: str, now: datetime) -> datetime:
    """The end that `text` names. SfsError where it is no date, or is over."""
    found = read_moment(text, end=True)
    if found is None:
        raise SfsError(f"{text[:40]!r} is no date", mend="write it as 2027-03-31 or 2027-03-31T18:00+09:00")
    if found <= now:
        raise SfsError(f"{text} is over", mend="name a day to come, or write `none` for N to take the rating back")
    return found


def ratings_of(text: str, service: StoredService) -> Ratings:
    """The ratings that somebody typed for a service: a number alone for SafetyOnline2, else name=value pairs. SfsError
    where they are none, or none that its description (.rat), where one is kept, allows."""
    if service_key(service.uri) == service_key(SERVICE):
        mend = f"write 0 to {MAX_RATING}: `sfs levels` explains; or `{NONE}` to take a rating back"
        text = text.removeprefix(f"{CATEGORY}=")
        if text not in [str(rating) for rating in range(MAX_RATING + 1)]:
            raise SfsError(f"{text[:40]!r} is no rating of SafetyOnline2", mend=mend)
        return ((CATEGORY, float(text)),)
    described = None if service.rat is None else parse_service(service.rat, service.uri)
    names = [] if described is None else list(described.known)
    if len(names) == 1 and "=" not in text:
        text = f"{names[0]}={text}"
    pairs = [pair.partition("=") for pair in text.split(",")]
    mend = f"write the categories of {service.name} with their values, as n=2,s=0"
    if names:
        mend += f"; they are {', '.join(names)[:300]}"
    if not all(name.strip() and sign and value.strip() for name, sign, value in pairs) or set(text) & set('()"'):
        raise SfsError(f"{text[:40]!r} are no ratings of {service.name}", mend=mend)
    written = " ".join(f"{name.strip()} {value.strip()}" for name, _, value in pairs)
    try:
        ratings = read_ratings(Reader(Cursor(f"({written})"), lenient=False))
    except SfsError as fault:
        raise SfsError(f"{text[:40]!r}: {fault.what}", mend=mend) from None
    faults = () if described is None else faults_of_ratings(described, ratings)
    if faults:
        raise SfsError(f"{text[:40]!r}: {'; '.join(faults)}", mend=mend)
    return ratings


def label_object(label: StoredLabel) -> dict[str, object]:
    """A label as JSON shows it."""
    return {
        "service": label.service,
        "for": label.for_,
        "generic": label.generic,
        "below": label.below,
        "ratings": {name: _number(value) for name, value in label.ratings},
        "rating": rating_of_ratings(label.service, dict(label.ratings)),
        "by": label.by,
        "on": _iso(label.on),
        "until": _iso(label.until),
        "comment": label.comment,
        "source": label.source,
    }


def service_of(store: LabelStore, uri: str) -> StoredService:
    """The service that an option names. SfsError where it is not kept."""
    found = store.service(uri)
    if found is None:
        names = ", ".join(service.uri for service in store.services())
        raise SfsError(f"no labels of {uri[:80]!r} are kept here", mend=f"there are: {names[:500]}")
    return found


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user, as in some containers
        raise SfsError("nobody knows who you are", mend="say it with --by NAME") from None


def _lines(url: str, labels: list[StoredLabel]) -> Iterator[str]:
    if not labels:
        yield f"{url}: not rated"
    for label in labels:
        yield f"{url}: {_shown(label.ratings)} for {label.for_} ({_reach(label)}), {_about(label)}"


def _reach(label: StoredLabel) -> str:
    return "it and the hosts below" if label.below else "all that begins so" if label.generic else "this page"


def _about(label: StoredLabel) -> str:
    """Who, when and why; days are those of this machine's zone, as they are typed."""
    words = [label.service, f"by {label.by}" if label.by else "", f"on {_day(label.on)}" if label.on else ""]
    words += [f"until {_day(label.until)}" if label.until else "", f"from {label.source}" if label.source else ""]
    return ", ".join(word for word in (*words, label.comment and json.dumps(label.comment, ensure_ascii=False)) if word)


def _day(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d}"


def _change_line(change: Change) -> str:
    said = "taken back" if change.label is None else f"{_shown(change.label.ratings)}, {_about(change.label)}"
    reach = _reach(change.label) if change.label else "all that begins so" if change.generic else "this page"
    return f"{change.serial}  {change.at.astimezone():%Y-%m-%d %H:%M:%S}  {change.who}: {reach}: {said}"


def _change_object(change: Change) -> dict[str, object]:
    return {
        "serial": change.serial,
        "at": _iso(change.at),
        "who": change.who,
        "service": change.service,
        "for": change.for_,
        "generic": change.generic,
        "label": None if change.label is None else label_object(change.label),
    }


def _number(value: Value) -> object:
    if isinstance(value, float | int):
        return int(value) if value == int(value) else value
    return [[_number(one.low), _number(one.high)] if isinstance(one, Span) else _number(one) for one in value]


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _shown(ratings: Ratings) -> str:
    return write_ratings(ratings)[1:-1]
