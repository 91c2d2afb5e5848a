"""What a configuration takes from others: lists of names and label bureaus."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

from sfs.core.ruleset import Axis
from sfs.errors import SfsError, UrlError, Where
from sfs.lists.catalogue import Row
from sfs.sources import places
from sfs.sources.categories import Category, category_named, load_categories
from sfs.sources.public_lists import catalogue
from sfs.sources.settings import mend_of_unknown
from sfs.sources.values import (
    Reader,
    choice_of,
    duration_of,
    each,
    fields_of,
    file_of,
    flag_of,
    is_file,
    level_of,
    name_of,
    path_of,
    text_of,
)
from sfs.sources.yaml_nodes import MapNode, Node
from sfs.text.address import Kind, address_class, parse_address
from sfs.text.url import Url, parse_url

_LIST_KEYS: Final = ("name", "url", "format", "category", "rating", "final", "opens", "mandatory", "key")
_BUREAU_KEYS: Final = ("url", "service", "trust", "ask", "timeout", "keep")
MAX_BUREAUS: Final = 8
_NEAR: Final = (Kind.LOOPBACK, Kind.PRIVATE, Kind.LINK_LOCAL)
DEFAULT_TIMEOUT: Final = timedelta(milliseconds=200)  # a reader waits for it
LEAST_TIMEOUT, MOST_TIMEOUT = timedelta(milliseconds=100), timedelta(seconds=30)
DEFAULT_KEEP: Final = timedelta(hours=1)  # a label that changes counts by then
LEAST_KEEP, MOST_KEEP = timedelta(seconds=1), timedelta(days=7)


class ListFormat(StrEnum):
    """How the lines of a list are written."""

    ENTRIES = "entries"  # design, section 4
    HOSTS = "hosts"  # 0.0.0.0 name
    PLAIN = "plain"  # one domain a line
    ADBLOCK = "adblock"  # ||name^
    DNSMASQ = "dnsmasq"  # address=/name/0.0.0.0, server=/name/
    UNBOUND = "unbound"  # local-zone: "name" always_nxdomain
    RPZ = "rpz"  # a zone for resolvers: name CNAME .
    SQUIDGUARD = "squidguard"  # a folder with domains and urls, as UT1's
    E2GUARDIAN = "e2guardian"  # names and URLs, .Include<file>
    V2FLY = "v2fly"  # full:name, include:file
    CSV = "csv"  # a table with a column url, host or domain
    ADGUARD = "adguard"  # AdGuardHome.yaml: the rules of its user
    PIHOLE = "pihole"  # what Pi-hole exports


class Ask(StrEnum):
    """What a bureau is told of a page: its scheme and host, or its whole URL."""

    HOST = "host"
    URL = "url"


@dataclass(frozen=True, slots=True)
class ListSource:
    """A list. Either `path` is a file, or `url` the address that it is fetched from. `rating`, `axis` and `opens`
    say what it means; a `mandatory` list is a law's or an ISP's and means to block. `member`: the file in an archive,
    `sha256_url`: where its SHA-256 is published. `default`: nobody named it, it is part of the default choice. `key`:
    the file with the key of a sealed list (lists/sealed_file.py)."""

    name: str
    path: Path | None
    url: str | None
    format: ListFormat
    category: str | None = None
    rating: int | None = None
    axis: Axis | None = None
    opens: bool = False
    final: bool = False
    mandatory: bool = False
    member: str | None = None
    sha256_url: str | None = None
    default: bool = False
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class BureauSource:
    """A label bureau. `service`: the rating service asked for, None for any. `trust`: whether its labels may lower
    a rating; else they only raise one. `timeout`: how long a reader waits; `keep`: how long its answers count."""

    url: str
    service: str | None = None
    trust: bool = True
    ask: Ask = Ask.HOST
    timeout: timedelta = DEFAULT_TIMEOUT
    keep: timedelta = DEFAULT_KEEP


def lists_of(node: Node, reader: Reader) -> tuple[ListSource, ...]:
    """The list `lists`; of one name only the first, the next is a fault."""
    names: dict[str, int | None] = {}

    def read(item: Node) -> ListSource:
        source = _list(item, reader)
        if source.name in names:
            what = f"a list {source.name!r} stands already in line {names[source.name]}"
            raise SfsError(what, item.where, "give it another name: it stands in the log")
        names[source.name] = item.where.line
        return source

    return each(node, reader, "a list of lists", read)


def bureaus_of(node: Node, reader: Reader) -> tuple[BureauSource, ...]:
    """The list `bureaus`: URLs, or {url, service, trust, ask, timeout, keep}."""
    found = each(node, reader, "a list of bureaus", lambda item: _bureau(item, reader))
    if len(found) > MAX_BUREAUS:
        raise SfsError(f"{len(found)} bureaus", node.where, f"name {MAX_BUREAUS} at most: each page waits for all")
    return found


def _list(node: Node, reader: Reader) -> ListSource:
    if not isinstance(node, MapNode):
        mend = "write {name: start-en}, or {url: FILE or https://..., category: ...}"
        raise SfsError("a list is a mapping", node.where, mend)
    fields = fields_of(node, reader, _LIST_KEYS, "a list")
    format_ = choice_of(fields["format"], ListFormat) if "format" in fields else None
    if "url" in fields:
        path, url = _place(fields["url"], reader)
        shown = (url or str(path)).rstrip("/").rpartition("/")[2].rpartition("\\")[2]
        name = name_of(fields["name"], "a name") if "name" in fields else shown[:80]
        source = ListSource(name, path, url, format_ or ListFormat.ENTRIES)
    elif "name" in fields:
        source = _shipped(name_of(fields["name"], "a name"), fields["name"])
        source = source if format_ is None else replace(source, format=format_)
    else:
        raise SfsError("a list without name and url", node.where, "give it a name of rules/allowlist, or a url")
    if "key" in fields:
        source = replace(source, key=file_of(fields["key"], reader.base))
    return _meaning(fields, node, source)


def _meaning(fields: dict[str, Node], node: Node, source: ListSource) -> ListSource:
    """`source` with what the list is to mean. A list of rules/allowlist opens, one of the catalogue means what its row
    says, unless something else is said."""
    flags: dict[str, bool] = {key: flag_of(fields[key]) for key in ("final", "opens", "mandatory") if key in fields}
    said = [key for key in ("category", "rating") if key in fields] + ["mandatory"] * flags.get("mandatory", False)
    if len(said) > 1:
        raise SfsError(f"a list with {' and '.join(said)}", node.where, f"keep one of {', '.join(said)}")
    if "mandatory" in said and flags.get("opens"):
        raise SfsError("a mandatory list that opens", node.where, "delete opens or mandatory")
    if "mandatory" in said and source.url is not None:
        # What a law closes is confidential: it is not laid down in the store of fetched lists.
        raise SfsError("a mandatory list at an address", node.where, "fetch it by hand and name the file as url")
    if source.key is not None and "mandatory" not in said:
        what, mend = "a key, and the list is not mandatory", "`sfs lists seal` makes mandatory lists alone: delete it"
        raise SfsError(what, fields["key"].where, mend)
    category, name = Category(opens=source.opens and not said), None
    if "category" in fields:
        name = text_of(fields["category"], "a category")
        category = category_named(name, _categories(), fields["category"].where)
    elif source.category is not None and not said:
        name = source.category
        category = category_named(name, _categories(), node.where)
    elif "rating" in fields:
        category = Category(rating=level_of(fields["rating"], "a rating"))
    opens = flags.get("opens", category.opens)
    if not said and not opens and name is None:
        mend = "say what its pages are, as category: gambling or rating: 3; or opens: true, or mandatory: true"
        raise SfsError("a list that means nothing", node.where, mend)
    meaning = replace(source, category=name, rating=category.rating, axis=category.axis, opens=opens)
    return replace(meaning, final=flags.get("final", False), mandatory="mandatory" in said)


def _shipped(name: str, node: Node) -> ListSource:
    """A list that SFS knows by name: a file of rules/allowlist, or a row of the catalogue."""
    folder = places.rules_dir() / "allowlist"
    known = sorted(path.stem for path in folder.glob("*.txt"))
    if name in known:
        return ListSource(name, folder / f"{name}.txt", None, ListFormat.ENTRIES, opens=True)
    rows = catalogue()
    if name not in rows:
        mend = f"{mend_of_unknown(name, [*known, *rows], old=False)}; a list of your own needs a url"
        raise SfsError(f"neither rules/allowlist nor the catalogue has a list {name!r}", node.where, mend)
    return source_of_row(rows[name])


def source_of_row(row: Row) -> ListSource:
    """A row of the catalogue as a list, with the meaning of its category. SfsError where that is not known."""
    where = Where("rules/lists/catalogue.yaml")
    if row.format not in list(ListFormat):
        raise SfsError(f"the list {row.name!r} has no format {row.format!r}", where, f"write {', '.join(ListFormat)}")
    category = category_named(row.category, _categories(), where)
    return ListSource(
        *(row.name, None, row.url, ListFormat(row.format), row.category),
        rating=category.rating,
        axis=category.axis,
        opens=category.opens,
        member=row.member,
        sha256_url=row.sha256_url,
    )


def category_of(name: str) -> Category | None:
    """What a category of rules/ratings/categories.yaml means; None for one that is not known, or not to be loaded."""
    category = _categories().get(name)
    return None if category is None or category.refused else category


def _categories() -> Mapping[str, Category]:
    path = places.rules_dir() / "ratings" / "categories.yaml"
    return _read_categories(path, path.stat().st_mtime_ns if is_file(path) else 0)


@lru_cache(maxsize=4)
def _read_categories(path: Path, changed: int) -> Mapping[str, Category]:
    return load_categories(path)


def _place(node: Node, reader: Reader) -> tuple[Path | None, str | None]:
    """The file of a list, or its address."""
    text = text_of(node, "a file or an address")
    if "://" in text[:20]:
        return None, _web(node, text).text
    path = path_of(node, reader.base)
    if not is_file(path):
        raise SfsError(f"there is no file {str(path)[:300]!r}", node.where, "check the path and who may read it")
    return path, None


def _bureau(node: Node, reader: Reader) -> BureauSource:
    if not isinstance(node, MapNode):
        url = _web(node, text_of(node, "the address of a bureau"))
        return BureauSource(url.text, ask=_default_ask(url))
    fields = fields_of(node, reader, _BUREAU_KEYS, "a bureau")
    if "url" not in fields:
        raise SfsError("a bureau without url", node.where, "write {url: https://bureau.example.jp/ratings}")
    url = _web(fields["url"], text_of(fields["url"], "the address of a bureau"))
    service = fields.get("service")
    timeout, keep = fields.get("timeout"), fields.get("keep")
    return BureauSource(
        url.text,
        None if service is None else _web(service, text_of(service, "the URL of a rating service")).text,
        flag_of(fields["trust"]) if "trust" in fields else True,
        choice_of(fields["ask"], Ask) if "ask" in fields else _default_ask(url),
        DEFAULT_TIMEOUT if timeout is None else duration_of(timeout, LEAST_TIMEOUT, MOST_TIMEOUT),
        DEFAULT_KEEP if keep is None else duration_of(keep, LEAST_KEEP, MOST_KEEP),
    )


def _default_ask(url: Url) -> Ask:
    """A bureau elsewhere learns the host alone; one in the house may know the page (design, section 8)."""
    address = parse_address(url.host)
    near = url.host == "localhost" or (address is not None and address_class(address) in _NEAR)
    return Ask.URL if near else Ask.HOST


def _web(node: Node, text: str) -> Url:
    mend = "write https://host/path"
    try:
        url = parse_url(text)
    except UrlError as fault:
        raise SfsError(f"{text[:80]!r} is not an address: {fault.what}", node.where, mend) from None
    if url.scheme not in ("http", "https") or text[:2] in ("ws", "WS"):
        raise SfsError(f"{text[:80]!r} is not an address of the web", node.where, mend)
    return url
