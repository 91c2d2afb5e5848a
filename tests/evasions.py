"""Pages that are listed and pages that only look so, each spelled by a chain of transforms, as many as one likes.

The same seed makes the same ones. What is listed and the first look-alikes stand in the tables of evasion_cases.py."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from sfs.match.entry import Entry, Unit, parse_entry
from tests.evasion_cases import listed, neighbours
from tests.spellings import NAMES, PARSED, SENT, Pieces, Transform, pieces_of, respelled


@dataclass(frozen=True)
class Case:
    """One respelled URL: of which entry or look-alike, by which transforms."""

    of: str
    url: str
    chain: tuple[str, ...]


def evasion_cases(count: int, seed: int, transforms: tuple[Transform, ...] = SENT + PARSED) -> Iterator[Case]:
    """`count` spellings of pages that the tables list, every entry as often."""
    rng = random.Random(seed)
    lines = listed()
    for number in range(count):
        line = lines[number % len(lines)]
        yield Case(line, *respelled(covered_page(line, rng), rng, transforms))


def neighbour_cases(count: int, seed: int, transforms: tuple[Transform, ...] = SENT + PARSED) -> Iterator[Case]:
    """Spellings of `count` look-alikes, one chain for each."""
    rng = random.Random(seed)
    for url, line in more_neighbours(count, seed).items():
        pieces = pieces_of(url, free_scheme="|" not in line)
        yield Case(url, *respelled(pieces, rng, transforms))


def covered_page(line: str, rng: random.Random) -> Pieces:
    """A page that an entry covers, spelled plainly, in pieces."""
    entry = _entry(line)
    host, slash, rest = line.lstrip("=|").removeprefix("https://").partition("/")
    if entry.unit is Unit.TREE and rng.random() < 0.5:
        host = rng.choice(("www.", "a.b.", "x-1.")) + host
    path = slash + rest or "/" + rng.choice(("", "x", "a/b.html", "日記/"))
    if entry.unit is Unit.PREFIX and rng.random() < 0.7:
        path += rng.choice((*NAMES, "a/b/c", "?x=1"))
    if entry.unit in (Unit.PAGE, Unit.TREE, Unit.HOST) and rng.random() < 0.3:
        path += "?" + rng.choice(("x=1", "a+b", "q=/../"))
    return pieces_of(f"{entry.scheme or 'http'}://{host}{path}", free_scheme=entry.scheme is None)


def more_neighbours(count: int, seed: int) -> dict[str, str]:
    """`count` look-alikes, each with the entry it looks like: those of the table that are spelled plainly, then made
    ones. No entry covers any of them."""
    rng = random.Random(seed)
    entries = {row.url: row.entry for row in neighbours() if row.entry in listed() and _is_plain(row.url)}
    lines = listed()
    while len(entries) < count:
        line = rng.choice(lines)
        url = _look_alike(line, rng)
        if not _is_listed(url):
            entries.setdefault(url, line)
    return dict(list(entries.items())[:count])


def _is_plain(url: str) -> bool:
    return url.startswith("http://") and not set(url[7:]) & set("@#\\%;") and "/../" not in url and "/." not in url


def _is_listed(url: str) -> bool:
    """Whether chance has made a listed page: these are spelled as the entries are, so their text is enough."""
    bare = url.partition("://")[2]
    hits = (
        bare == line
        or bare.partition("?")[0] in (line, line.removesuffix("/"))  # a folder's name alone is the folder
        or (line[-1] == "/" and bare.startswith(line))
        for line in listed()
    )
    return any(hits)


def _look_alike(line: str, rng: random.Random) -> str:
    entry, page = _entry(line), covered_page(line, rng)
    host, path, query = "".join(page.host), "".join(page.path), "".join(page.query)
    scheme, port = page.scheme, page.port
    what = rng.choice(("host", "host", "path", "query", "port"))
    if what == "path" and entry.forms:
        path = _other_path(entry, _letters(rng), rng)
    elif what == "query" and entry.unit is Unit.EXACT:
        query = rng.choice(("", f"{query}{_letters(rng)}", f"{query}&x", f"?x&{query[1:]}", query.swapcase()))
    elif what == "port" and entry.port:
        port = rng.choice(("", ":81", ":8081", f":1{entry.port}"))
    elif what == "port" and entry.scheme:
        scheme = "http"
    else:
        host = _other_host(entry, host, _letters(rng), rng)
    return f"{scheme}://{host}{port}{path}{query}"


def _other_host(entry: Entry, host: str, more: str, rng: random.Random) -> str:
    if host[0] == "[":
        return f"[2001:db8::{rng.randrange(0xBAE, 0xFFFF):x}]"
    if host[-1].isdigit():
        return rng.choice((f"192.0.2.{rng.randrange(11, 255)}", f"{host}.{more}.example", f"{more}{host}.example"))
    name = host.rpartition(".")[0].rpartition(".")[2]
    others = [f"{more}{name}.test", f"{name}{more}.test", f"{name}.{more}.test", f"{name}-{more}.test"]
    others += [f"{host}.{more}.example", f"{name}-test.{more}.example", f"{more}-{name}.test"]
    if entry.unit is not Unit.TREE:
        others.append(f"{more}.{host}")
    return rng.choice(others)


def _other_path(entry: Entry, more: str, rng: random.Random) -> str:
    path = entry.forms[-1].path
    bare, short = path.rstrip("/"), path.rstrip("/")[:-1].rstrip("/")
    others = [
        f"{bare}{more}",
        f"{bare}-{more}/",
        f"/{more}{path}",
        f"{bare}.{more}",
        f"{short}/",
        short,
        f"{short}/{more}",
    ]
    if bare.isascii():
        others.append(bare.swapcase())
    if entry.unit is not Unit.PREFIX:
        others += [f"{bare}/", f"{bare}/{more}"]
    return rng.choice(others) or "/"


def _letters(rng: random.Random) -> str:
    """Letters of which chance makes no word that is listed."""
    return "".join(rng.choice("jkqvz") for _ in range(rng.randint(1, 5)))


def _entry(line: str) -> Entry:
    entry = parse_entry(line)
    assert entry is not None
    return entry
