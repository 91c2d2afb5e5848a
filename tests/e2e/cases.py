"""The table of test_matrix.py: pages, the configuration they are judged by, and who is shown them.

Who: one letter a group of readers. "0" to "4" are groups at that level, "a" sees only what is allowed (level 3).
A case says by hand, for each way of asking, which groups are shown the page; all others are blocked.

    doc     a page over HTTP, or HTTPS opened by the filter
    sub     the same as a picture of another page
    name    over HTTPS judged by name, where path, words and page are not seen"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tests.e2e.origin import Reply, coded, page

GROUPS = "01234a"
CLIENTS = {group: f"127.0.0.{10 + number}" for number, group in enumerate(GROUPS)}
EVERYBODY, NOBODY, UNRATED = "01234a", "", "1234"
UP_TO = {0: "01234a", 1: "1234a", 2: "234a", 3: "34a", 4: "4"}  # who may see a rating; "a" has level 3
JA = "ペンギンの家"  # Japanese with a listed word of rating 3
DOCUMENTS = "http-doc inspect-doc"
CHECKS_OF_RESPONSE = ("self-label", "metadata-words")


@dataclass(frozen=True)
class Case:
    """One page. `by`: the check that blocks it as a document at the highest of levels 1 to 4. `data`: a form sent by
    POST."""

    id: str
    host: str
    path: str
    doc: str = UNRATED
    sub: str = EVERYBODY
    name: str = UNRATED
    by: str = ""
    body: bytes = b""
    type: str | None = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    status: int = 200
    coding: str = ""
    data: str | None = None
    data_type: str = ""  # of `data`; none: an urlencoded form
    as_is: bool = False  # the path is sent with its dots
    http: str | None = None  # doc over plain HTTP, where that differs: hosts that are never decrypted, schemes
    http_sub: str | None = None
    ways: str = "http-doc http-sub inspect-doc inspect-sub name-doc"  # in which it is asked
    opened: bool = True  # False: over HTTPS this host is judged by name even where others are inspected

    @cached_property
    def sent(self) -> bytes:
        """The body as the server sends it. The mark of a page that must not get through stands in it."""
        whole = self.body or page("A page", body=f"<p>{self.mark}</p>")
        return deflated(whole) if self.coding == "deflate-raw" else coded(whole, self.coding)

    @property
    def mark(self) -> str:
        """A text that stands in this page alone."""
        return f"MARK-{self.id}-MARK"

    def reply(self) -> Reply:
        """What the server answers."""
        name = self.coding.partition("-")[0]
        headers = self.headers + ((("Content-Encoding", name),) if name else ())
        return Reply(self.sent, self.type, self.status, headers)

    def shown(self, transport: str, kind: str) -> str:
        """The groups that are shown this page."""
        if transport == "name" or (transport == "inspect" and not self.opened):
            return self.name
        if transport == "http":
            special = self.http if kind == "doc" else self.http_sub
            if special is not None:
                return special
        return self.doc if kind == "doc" else self.sub


def deflated(body: bytes) -> bytes:
    """Raw deflate, as many servers send it under the name of deflate."""
    import zlib

    engine = zlib.compressobj(wbits=-15)
    return engine.compress(body) + engine.flush()


def configuration(folder: Path, port: int, https: str) -> dict:
    """What all cases are judged by. `port`: the origin's, for the entry that pins one."""
    return {
        "level": 2,
        "https": https,
        "groups": [_group(group) for group in GROUPS],
        "keywords": {
            1: ["sparrow"],
            2: ["walrus\tquery", "セイウチ"],
            3: ["penguin", "!penguin books", "red + panda", "ペンギン"],
            4: ["albatross"],
        },
        "ratings": {
            "kids.test": 0,
            "kids.test/one/": 1,
            "rated.test/two/": 2,
            "rated.test/three/": 3,
            "rated.test/four/": 4,
            "rated.test/four/kind.html": 0,
            "grown.test": 3,
        },
        "block": [
            "listed.test",
            "=host.test",
            "site.test/games/",
            "site.test/exact",
            "site.test/ask?x=1",
            f"other.test:{port}/port/",
            "other.test:9/otherport/",
            "|http://other.test/plain-only/",
            "nodecrypt.test/bad/",
            {"entry": "other.test/final/", "final": True},
            "other.test/reopened/",
        ],
        "allow": [
            "listed.test/good/",
            "www.site.test",
            "search.test",
            {"entry": "search.test/quiet/", "search_words": "skip"},
        ],
        "never_decrypt": ["nodecrypt.test"],
        "lists": [
            _list(folder, "opening", "open.test\n", opens=True),
            _list(folder, "betting", "0.0.0.0 category.test\n", category="gambling", format="hosts"),
            _list(folder, "extreme", "other.test/extreme/\n", rating=4),
            _list(folder, "harmful", "danger.test\n", category="malware", format="plain"),
            _list(folder, "around", "tunnel.test\n", category="vpn"),
            _list(folder, "law", "law.test\nother.test/law/\n", mandatory=True),
        ],
    }


def _group(group: str) -> dict:
    own = {"name": f"group {group}", "clients": [CLIENTS[group]]}
    own |= {"allow": ["other.test/final/", "other.test/reopened/", "law.test"]}
    return own | ({"level": 3, "only_allowed": True} if group == "a" else {"level": int(group)})


def _list(folder: Path, name: str, text: str, **meaning: object) -> dict:
    (folder / f"{name}.txt").write_text(text)
    return {"name": name, "url": str(folder / f"{name}.txt"), **meaning}


def html(case: Case, title: str = "A page", meta: str = "") -> Case:
    """`case` with a page of this title and these METAs."""
    return replace(case, body=page(title, meta=meta, body=f"<p>{case.mark}</p>"))


def cases() -> tuple[Case, ...]:
    """All cases; ids and (host, path) are unique."""
    return (
        *_plain(),
        *_entries(),
        *_lists(),
        *_ratings(),
        *_labels(),
        *_words(),
        *_searches(),
        *_charsets(),
        *_codings(),
    )


def _plain() -> Iterator[Case]:
    yield Case("plain", "plain.test", "/plain")
    yield Case("not-found", "plain.test", "/gone", status=404)
    yield Case("own-rating-0", "kids.test", "/", doc="01234", name="01234")
    yield Case("opened-by-list", "open.test", "/", doc=EVERYBODY, name=EVERYBODY)
    yield html(
        Case("opened-with-word", "open.test", "/bird-page", doc="1234a", by="metadata-words", name=EVERYBODY),
        "A sparrow",
    )
    text = Case("only-text", "plain.test", "/notes.txt", type="text/plain")
    yield replace(text, body=f"The penguin {text.mark}".encode())
    yield Case("not-decrypted", "nodecrypt.test", "/fine", opened=False)
    yield Case("not-decrypted-path", "nodecrypt.test", "/bad/x", opened=False, http=NOBODY, http_sub=NOBODY, by="entry")


def _entries() -> Iterator[Case]:
    shut = {"doc": NOBODY, "sub": NOBODY, "by": "entry"}
    yield Case("tree", "listed.test", "/", **shut, name=NOBODY)
    yield Case("tree-below", "deep.listed.test", "/x", **shut, name=NOBODY)
    yield Case("tree-with-allowed-prefix", "listed.test", "/good/x", doc=EVERYBODY, name=NOBODY)
    yield Case(
        "allowed-prefix-coded", "listed.test", "/%67ood/x2", doc=EVERYBODY, name=NOBODY
    )  # %67 is g: one spelling
    yield Case("allowed-prefix-coded-twice", "listed.test", "/%2567ood/x", **shut, name=NOBODY)
    yield Case("host-only", "host.test", "/", **shut, name=NOBODY)
    yield Case("host-only-below", "deep.host.test", "/")
    yield Case("allowed-host", "www.site.test", "/anything", doc=EVERYBODY, name=EVERYBODY)
    yield Case("prefix", "site.test", "/games/x", **shut)
    yield Case("prefix-itself", "site.test", "/games/", **shut)
    yield Case("prefix-border", "site.test", "/gamesome")
    yield Case("prefix-coded", "site.test", "/%67ames/y", **shut)
    yield Case("prefix-coded-twice", "site.test", "/%2567ames/y", **shut)
    yield Case("prefix-coded-slash", "site.test", "/games%2Fy", **shut)
    yield Case("prefix-dots", "site.test", "/news/../games/z", **shut, as_is=True)
    yield Case("prefix-coded-dots", "site.test", "/news/%2e%2e/games/z", **shut, as_is=True)
    yield Case("prefix-two-slashes", "site.test", "//games/z", **shut)
    yield Case("exact", "site.test", "/exact", **shut)
    yield Case("exact-with-query", "site.test", "/exact?a=1", **shut)
    yield Case("exact-below", "site.test", "/exact/below")
    yield Case("query", "site.test", "/ask?x=1", **shut)
    yield Case("query-other", "site.test", "/ask?x=2")
    yield Case("port", "other.test", "/port/x", http=NOBODY, http_sub=NOBODY, by="entry")
    yield Case("port-other", "other.test", "/otherport/x")
    yield Case("scheme", "other.test", "/plain-only/x", http=NOBODY, http_sub=NOBODY, by="entry")
    yield Case("final", "other.test", "/final/x", **shut)
    yield Case("reopened", "other.test", "/reopened/x", doc=EVERYBODY)


def _lists() -> Iterator[Case]:
    betting = UP_TO[3]
    yield Case("category", "category.test", "/", doc="34", sub=betting, name="34", by="rating")
    yield Case("list-rating", "other.test", "/extreme/x", doc="4", sub=UP_TO[4], by="rating")
    yield Case("security", "danger.test", "/", doc=NOBODY, sub=NOBODY, name=NOBODY, by="subscribed")
    yield Case("circumvention", "tunnel.test", "/", doc="34", sub="34a", name="34", by="subscribed")
    yield Case("mandatory", "law.test", "/", doc=NOBODY, sub=NOBODY, name=NOBODY, by="mandatory")
    yield Case("mandatory-path", "other.test", "/law/x", doc=NOBODY, sub=NOBODY, by="mandatory")


def _ratings() -> Iterator[Case]:
    yield Case("own-1", "kids.test", "/one/x", doc="1234", sub=UP_TO[1], name="01234", by="rating")
    yield Case("own-2", "rated.test", "/two/x", doc="234", sub=UP_TO[2], by="rating")
    yield Case("own-3", "rated.test", "/three/x", doc="34", sub=UP_TO[3], by="rating")
    yield Case("own-4", "rated.test", "/four/x", doc="4", sub=UP_TO[4], by="rating")
    yield Case("own-exact-below-prefix", "rated.test", "/four/kind.html", doc="01234", sub=EVERYBODY)
    yield Case("own-host", "grown.test", "/", doc="34", sub=UP_TO[3], name="34", by="rating")
    rated = Case("own-rating-over-words", "rated.test", "/two/penguin", doc="234", sub=UP_TO[2], by="rating")
    yield html(rated, "The penguin")
    rated = Case("label-over-own-rating", "rated.test", "/two/adult", doc="4", sub=UP_TO[2], by="self-label")
    yield html(rated, meta='<meta name="rating" content="adult">')
    category = Case("words-over-category", "category.test", "/page", "4", UP_TO[3], "34", by="metadata-words")
    yield html(category, "An albatross")


def _labels() -> Iterator[Case]:
    online = "http://www.iajapan.org/rating/"
    pics = '(PICS-1.1 "{}" labels ratings ({}))'
    in_meta = {
        "pics-so2-2": (2, pics.format(online, "lv 2")),
        "pics-so2-3": (3, pics.format(online, "lv 3")),
        "pics-so2-4": (4, pics.format(online, "lv 4")),
        "pics-so2-0": (1, pics.format(online, "lv 0")),
        "pics-rsaci": (3, pics.format("http://www.rsac.org/ratingsv01.html", "n 0 s 3 v 0 l 1")),
        "pics-icra": (4, pics.format("http://www.icra.org/ratingsv02.html", "na 1 lz 1 vz 1 oz 1")),
        "pics-safesurf": (2, pics.format("http://www.classify.org/safesurf/", "SS~~002 5")),
        "pics-unknown-service": (1, pics.format("http://ratings.example.com/v1", "lv 4")),
        "pics-for-other-page": (1, f'(PICS-1.1 "{online}" labels for "http://plain.test/" ratings (lv 4))'),
    }
    for name, (rating, label) in in_meta.items():
        yield _labelled(name, rating, f"<meta http-equiv='PICS-Label' content='{label}'>")
    in_tags = {
        "rta": (4, '<meta name="RATING" content="RTA-5042-1996-1400-1577-RTA">'),
        "meta-adult": (4, '<meta name="rating" content="adult">'),
        "meta-mature": (3, '<meta name="rating" content="Mature">'),
        "meta-age": (2, '<meta name="rating" content="14 years">'),
        "meta-general": (1, '<meta name="rating" content="general">'),
        "og-age": (3, '<meta property="og:restrictions:age" content="18+">'),
        "og-alcohol": (1, '<meta property="og:restrictions:content" content="alcohol">'),
        "age-de": (2, '<meta name="age-de-meta-label" content="age=16 hash: x v=1.0">'),
        "two-labels": (4, '<meta name="rating" content="general"><meta name="rating" content="adult">'),
        "in-comment": (1, '<!-- <meta name="rating" content="adult"> -->'),
    }
    for name, (rating, tag) in in_tags.items():
        yield _labelled(name, rating, tag)
    in_header = {
        "header-pics": (3, ("PICS-Label", pics.format(online, "lv 3"))),
        "header-rsaci": (4, ("PICS-Label", pics.format("http://www.rsac.org/ratingsv01.html", "v 4"))),
        "header-rta": (4, ("Rating", "RTA-5042-1996-1400-1577-RTA")),
    }
    for name, (rating, header) in in_header.items():
        yield replace(_labelled(name, rating, ""), headers=(header,))
    pdf = replace(_labelled("header-pdf", 4, ""), headers=(in_header["header-rta"][1],), type="application/pdf")
    yield replace(pdf, body=b"%PDF-1.4 " + pdf.mark.encode())


def _labelled(name: str, rating: int, meta: str) -> Case:
    """A self-label raises, and never makes a page rated: at level 0 it stays blocked."""
    doc = UP_TO[max(rating, 1)].replace("a", "")
    return html(Case(name, "label.test", f"/{name}", doc=doc, by="self-label"), meta=meta)


def _words() -> Iterator[Case]:
    three = {"doc": "34", "by": "metadata-words"}
    in_page = {
        "title": ("The Penguin", ""),
        "title-wide": ("ＰＥＮＧＵＩＮ", ""),
        "title-entity": ("Peng&#117;in", ""),
        "description": ("A", '<meta name="description" content="all of a penguin">'),
        "keywords": ("A", '<meta name="keywords" content="bird,penguin,ice">'),
        "og-title": ("A", '<meta property="og:title" content="penguin">'),
        "pair": ("The red house", '<meta name="description" content="of a panda">'),
        "japanese": (JA, ""),
    }
    for name, (title, meta) in in_page.items():
        yield html(Case(f"words-{name}", "words.test", f"/page-{name}", **three), title, meta)
    not_in_page = {
        "guard": ("Penguin Books", ""),
        "half-a-pair": ("The red house", ""),
        "longer-word": ("Penguins", ""),
        "query-only": ("A walrus", ""),
    }
    for name, (title, meta) in not_in_page.items():
        yield html(Case(f"words-{name}", "words.test", f"/page-{name}"), title, meta)
    in_body = Case("words-body", "words.test", "/page-body")
    yield replace(in_body, body=page("A", body=f"<p>penguin {in_body.mark}</p>"))
    yield html(Case("words-4", "words.test", "/page-four", doc="4", by="metadata-words"), "An albatross")
    yield html(Case("words-2", "words.test", "/page-two", doc="234", by="metadata-words"), "セイウチ")
    yield html(Case("words-404", "words.test", "/page-gone", status=404, **three), "No penguin here")
    typeless = html(Case("words-no-type", "words.test", "/page-no-type", **three), "The penguin")
    yield replace(typeless, type=None)
    xhtml = html(Case("words-xhtml", "words.test", "/page-xhtml", **three), "The penguin")
    yield replace(xhtml, type="application/xhtml+xml")
    yield from _url_words()


def _url_words() -> Iterator[Case]:
    three = {"doc": "34", "sub": UP_TO[3], "by": "url-words"}
    coded_ja = "".join(f"%{byte:02X}" for byte in "ペンギン".encode())
    yield Case("url-path", "words.test", "/penguin/x", **three)
    yield Case("url-hyphens", "words.test", "/the-penguin_page.html", **three)
    yield Case("url-query", "words.test", "/x?w=penguin", **three)
    yield Case("url-coded", "words.test", "/%70enguin/x", **three)
    yield Case("url-coded-twice", "words.test", "/%2570enguin/x", **three)
    yield Case("url-japanese", "words.test", f"/{coded_ja}", **three)
    yield Case("url-pair", "words.test", "/red/panda", **three)
    yield Case("url-guard", "words.test", "/penguin-books/x")
    yield Case("url-longer-word", "words.test", "/penguinette")
    yield Case("url-host", "penguin.test", "/", name="34", **three)


def _searches() -> Iterator[Case]:
    forms = {
        "ascii": (3, "penguin"),
        "query-only": (2, "walrus"),
        "utf-8": (3, _coded("utf-8")),
        "euc-jp": (3, _coded("euc_jp")),
        "shift_jis": (3, _coded("shift_jis")),
        "harmless": (1, "harbour"),
    }
    for name, (rating, words) in forms.items():
        doc = UP_TO[rating].replace("a", "")
        sub = UP_TO[rating] if rating > 1 else EVERYBODY  # pages search and suggest without loading another page
        by = {"doc": doc, "sub": sub, "by": "search-words"}
        yield Case(f"search-{name}", "find.test", f"/search?q={words}", **by)
        yield Case(f"search-post-{name}", "find.test", f"/search/post-{name}", **by, data=f"q={words}")
        yield Case(f"search-allowed-{name}", "search.test", f"/search?q={words}", sub, sub, EVERYBODY, "search-words")
    named = f"/search?ie=sjis&q={_coded('shift_jis')}"
    three = {"doc": "34", "sub": UP_TO[3], "by": "search-words"}
    yield Case("search-named-charset", "find.test", named, **three)
    yield Case("search-suggest", "find.test", f"/complete/search?client=x&q={_coded('euc_jp')}", **three)
    # The quotes and line ends are curl's, in its configuration.
    json = Case("search-json", "find.test", "/search/json", **three, data=r"{\"a\": {\"query\": \"penguin\"}}")
    yield replace(json, data_type="application/json")
    part = r"--x\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\npenguin\r\n--x--\r\n"
    multipart = Case("search-multipart", "find.test", "/search/multipart", **three, data=part)
    yield replace(multipart, data_type="multipart/form-data; boundary=x")
    quiet = Case("search-left-alone", "search.test", "/quiet/search?q=penguin", EVERYBODY, EVERYBODY, EVERYBODY)
    yield quiet
    yield Case("search-no-engine", "plain.test", "/list?q=walrus", doc=UNRATED)


def _coded(charset: str) -> str:
    return "".join(f"%{byte:02X}" for byte in "ペンギン".encode(charset))


CHARSETS = {"shift_jis": "Shift_JIS", "euc_jp": "EUC-JP", "iso2022_jp": "ISO-2022-JP", "utf-8": "UTF-8"}


def _charsets() -> Iterator[Case]:
    for codec, label in CHARSETS.items():
        header, meta = f"text/html; charset={label}", f'<meta charset="{label}">'
        yield _in_charset(f"{label}-header", codec, header)
        yield _in_charset(f"{label}-meta", codec, "text/html", meta)
        yield _in_charset(f"{label}-undeclared", codec, "text/html")
    http_equiv = '<meta http-equiv="Content-Type" content="text/html; charset=x-sjis">'
    yield _in_charset("x-sjis-http-equiv", "shift_jis", "text/html", http_equiv)
    yield _in_charset("UTF-8-bom", "utf-8-sig", "text/html")
    yield _in_charset("UTF-16LE-bom", "utf-16-le", "text/html", bom=b"\xff\xfe")
    yield _in_charset("UTF-16BE-bom", "utf-16-be", "text/html", bom=b"\xfe\xff")
    yield _in_charset("UTF-16LE-bom-over-header", "utf-16-le", "text/html; charset=Shift_JIS", bom=b"\xff\xfe")
    yield _in_charset("UTF-16LE-header", "utf-16-le", "text/html; charset=utf-16le")
    yield _in_charset("UTF-16BE-header", "utf-16-be", "text/html; charset=utf-16be")
    yield _in_charset("header-over-meta", "euc_jp", "text/html; charset=EUC-JP", '<meta charset="Shift_JIS">')


def _in_charset(name: str, codec: str, type_: str, meta: str = "", bom: bytes = b"") -> Case:
    case = Case(f"charset-{name}", "charset.test", f"/{name}", doc="34", by="metadata-words", type=type_)
    case = replace(case, ways=DOCUMENTS)
    text = f"<!doctype html><html><head>{meta}<title>{JA}</title></head><body><p>{case.mark}</p></body></html>"
    return replace(case, body=bom + text.encode(codec))


def _codings() -> Iterator[Case]:
    for coding in ("gzip", "deflate", "deflate-raw", "br", "zstd"):
        word = Case(f"coded-{coding}", "big.test", f"/{coding}/word", doc="34", by="metadata-words")
        yield replace(html(word, "The penguin"), coding=coding, ways=DOCUMENTS)
        yield replace(
            html(Case(f"coded-{coding}-plain", "big.test", f"/{coding}/plain")), coding=coding, ways=DOCUMENTS
        )
        label = Case(f"coded-{coding}-label", "big.test", f"/{coding}/label", doc="4", by="self-label")
        yield replace(html(label, meta='<meta name="rating" content="adult">'), coding=coding, ways=DOCUMENTS)


def _heads() -> Iterator[Case]:
    """Heads that do not end within 256 KiB are unrated and marked: blocked at 0 and 1, and what was held is judged."""
    long = "<!-- " + "long " * 60_000 + "-->"
    cut = Case("head-cut", "big.test", "/cut", doc="234", by="unrated", ways="http-doc http-sub")
    yield html(cut, meta=long)
    late = Case("head-cut-late-word", "big.test", "/cut-late", doc="234", by="unrated", ways="http-doc")
    yield html(late, meta=long + '<meta name="keywords" content="penguin">')
    early = Case("head-cut-early-word", "big.test", "/cut-early", doc="34", by="metadata-words", ways="http-doc")
    yield html(early, "The penguin", meta=long)
    wide = Case("head-cut-coded", "big.test", "/cut-coded", doc="234", by="unrated", ways="http-doc")
    yield replace(html(wide, meta=long), coding="gzip")
    fits = Case("head-fits", "big.test", "/fits", doc="34", by="metadata-words", ways="http-doc")
    yield html(fits, meta=long[:200_000] + '--><meta name="keywords" content="penguin">')
    after = Case("label-after-head", "big.test", "/after-head", ways="http-doc inspect-doc")
    yield replace(after, body=page("A", body=f'<p>{after.mark}</p><meta name="rating" content="adult">'))
