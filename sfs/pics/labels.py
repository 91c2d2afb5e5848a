"""Label lists of PICS 1.0 and 1.1 as values, read by recursive descent, and written again.

    list     (PICS-1.1 service...)
    service  "id" options labels label...      options here are defaults for the labels behind
    label    options ratings (name value ...)  the word ratings ends the options, `)` ends the label
    tree     (label...)                        what a bureau answers for everything below a URL
    error    error (code "text"...)            of a label, of a service, or instead of a service

The strict reader answers an E_ code for whatever is no label list. The lenient one, for what pages carry,
mends what live pages get wrong and says so in `repairs`; a mended label may raise a rating, never lower one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from sfs.errors import LabelError, Where
from sfs.pics.options import NO_OPTIONS, Options, read_options, write_options, write_string
from sfs.pics.reader import MAX_LABELS, Reader
from sfs.pics.sexpr import CLOSE, END, OPEN, STRING, WORD, Cursor, Token
from sfs.pics.values import Ratings, read_ratings, write_ratings

MAX_TEXT = 65_536  # characters; the longest live lists have about 2,000
# What a bureau answers at most: 256 URLs by 16 services, or 5,000 labels below them.
MAX_ANSWER = 4_194_304  # characters
MAX_ANSWER_LABELS = 10_000

_VERSIONS = ("pics-1.1", "pics-1.0")
_LABEL_WORDS = ("labels", "l")
_RATING_WORDS = ("ratings", "r")


@dataclass(frozen=True, slots=True)
class LabelProblem:
    """Why there is no label: not-labeled, request-denied, service-unavailable or no-ratings, with its texts."""

    code: str
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PicsLabel:
    """One label. Category names are lower case; `options` are its own, without the defaults of its service."""

    ratings: Ratings
    options: Options = NO_OPTIONS


@dataclass(frozen=True, slots=True)
class LabelTree:
    """The labels of everything below a URL."""

    labels: tuple[PicsLabel, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """What one rating service says. `service` is None only beside a no-ratings problem."""

    service: str | None
    options: Options = NO_OPTIONS
    labels: tuple[PicsLabel | LabelTree | LabelProblem, ...] = ()
    problem: LabelProblem | None = None

    def each_label(self) -> Iterator[PicsLabel]:
        """Every label in order, also those inside trees."""
        for item in self.labels:
            if isinstance(item, PicsLabel):
                yield item
            elif isinstance(item, LabelTree):
                yield from item.labels


@dataclass(frozen=True, slots=True)
class LabelList:
    """A whole list. `repairs` says what the lenient reader mended; it is no part of the list's meaning."""

    services: tuple[ServiceInfo, ...]
    repairs: tuple[str, ...] = field(default=(), compare=False)


def parse_label_list(text: str, *, lenient: bool = False, answer: bool = False) -> LabelList:
    """The label list in `text`; LabelError gives code, line and column, from 1. `lenient` is for what pages and
    their headers carry, never for bureau answers and imports; `answer`: it comes from a bureau and may be larger.
    Spec: PICS Labels 1.1, "Detailed Syntax" and "Semantics of PICS Labels and Label Lists"."""
    most = MAX_ANSWER if answer else MAX_TEXT
    if len(text) > most:
        raise LabelError(
            "E_LIMIT", f"label list of {len(text)} characters", Where("label list"), f"at most {most} are read"
        )
    single = lenient and '"' not in text and "'" in text
    reader = Reader(Cursor(text, "'" if single else '"'), lenient)
    reader.most = MAX_ANSWER_LABELS if answer else MAX_LABELS
    if single:
        reader.repair("single quotes read as double quotes")
    services = _Grammar(reader).label_list()
    return LabelList(services, tuple(reader.repairs))


def write_label_list(label_list: LabelList) -> str:
    """The list as PICS 1.1 on one line, unless a text inside holds line breaks. parse(write(x)) == x for every list
    that was parsed; LabelError where a value has no PICS notation."""
    return f"(PICS-1.1 {' '.join(_write_service(service) for service in label_list.services)})"


class _Grammar:
    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.cursor = reader.cursor
        self._version = ""

    def label_list(self) -> tuple[ServiceInfo, ...]:
        bare = self._open_list()
        self._read_version()
        services = []
        while (token := self.cursor.peek()).kind not in (CLOSE, END):
            self.reader.count_label(token)
            services.append(self._service())
        if not services:
            raise self.reader.fault("E_SERVICE", "no rating service", token, "write its URL in quotes")
        if not (bare and token.kind == END):
            self.reader.expect(CLOSE, "E_EOF", "the list is not closed", "close every parenthesis")
        self._end()
        return tuple(services)

    def _open_list(self) -> bool:
        """True where the list has no parentheses around it, which only the lenient reader takes."""
        first = self.cursor.peek()
        if first.kind == OPEN:
            self.cursor.take()
            return False
        fault = self.reader.fault(
            "E_NOT_LIST", "no label list: it does not start with (", first, "write (PICS-1.1 ...)"
        )
        if not first.keyword.startswith("pics-"):
            raise fault
        self.reader.mend_or_raise("parentheses around the list supplied", fault)
        return True

    def _read_version(self) -> None:
        token = self.cursor.peek()
        if token.keyword not in _VERSIONS:
            raise self.reader.fault("E_VERSION", f"{token.shown} is no known version", token, "write PICS-1.1")
        self._version = self.cursor.take().keyword

    def _end(self) -> None:
        rest = self.cursor.text[self.cursor.taken :].strip(" \t\r\n")
        if rest and self.reader.lenient:
            self.reader.repair("text behind the list ignored")
        elif rest:
            token = self.cursor.peek()
            raise self.reader.fault("E_TRAILING", f"{token.shown} stands behind the end", token, "delete it")

    def _service(self) -> ServiceInfo:
        token = self.cursor.peek()
        if token.keyword == "error":
            return ServiceInfo(None, problem=self._problem("no-ratings"))
        if token.kind != STRING:
            raise self.reader.fault("E_SERVICE", f"{token.shown} is no quoted URL of a service", token, "add quotes")
        service = self.cursor.take().text
        if self.cursor.peek().keyword == "error":
            return ServiceInfo(service, problem=self._problem("request-denied", "service-unavailable"))
        options = read_options(self.reader)
        self._label_word()
        return ServiceInfo(service, options, tuple(self._labels(options)))

    def _label_word(self) -> None:
        token = self.cursor.peek()
        if token.keyword in _LABEL_WORDS:
            self.cursor.take()
            return
        fault = self.reader.fault("E_LABELWORD", f"{token.shown} where labels or l should stand", token, "write l")
        if token.keyword not in _RATING_WORDS:
            raise fault
        self.reader.mend_or_raise("word labels supplied", fault)

    def _labels(self, defaults: Options) -> Iterator[PicsLabel | LabelTree | LabelProblem]:
        while (token := self.cursor.peek()).kind in (OPEN, WORD):
            # One token of look-ahead is not enough: error (no-ratings) closes this service, the others do not.
            if token.keyword == "error" and self.cursor.peek(2).keyword == "no-ratings":
                return
            if token.keyword == "error":
                self.reader.count_label(token)
                yield self._problem("not-labeled", "request-denied")
            elif token.kind == OPEN:
                yield self._tree(defaults)
            else:
                yield self._label(defaults)

    def _tree(self, defaults: Options) -> LabelTree:
        self.reader.count_label(self.cursor.take())
        labels = []
        while self.cursor.peek().kind == WORD:
            labels.append(self._label(defaults))
        self.reader.expect(CLOSE, "E_RATINGS", "only labels stand here", "close the parenthesis")
        return LabelTree(tuple(labels))

    def _label(self, defaults: Options) -> PicsLabel:
        start = self.cursor.peek()
        self.reader.count_label(start)
        options = read_options(self.reader)
        token = self.cursor.peek()
        if token.keyword not in _RATING_WORDS:
            raise self.reader.fault("E_RATINGS", f"{token.shown} where ratings or r should stand", token, "write r")
        self.cursor.take()
        ratings = read_ratings(self.reader)
        return PicsLabel(ratings, self._with_prefix(options, defaults, start))

    def _with_prefix(self, options: Options, defaults: Options, start: Token) -> Options:
        """A generic label needs a prefix. Without one the lenient reader takes it for a label of this document."""
        effective = options.over(defaults)
        if not effective.generic or effective.for_ is not None:
            return options
        fault = self.reader.fault("E_GENERIC_NO_FOR", "generic label without a prefix", start, 'add for "http://..."')
        self.reader.mend_or_raise("generic without a prefix dropped", fault)
        return replace(options, generic=False if defaults.generic else None)

    def _problem(self, *allowed: str) -> LabelProblem:
        self.cursor.take()
        code = self.cursor.peek()
        if self._version == "pics-1.0" and code.keyword == "service-unavailable" and code.keyword in allowed:
            return LabelProblem(self.cursor.take().keyword)  # PICS 1.0 writes this one as a bare word
        self.reader.expect(OPEN, "E_ERRORCODE", "an error needs parentheses", f"write error ({allowed[0]})")
        code = self.cursor.peek()
        if code.keyword not in allowed:
            what = f"{code.shown} is no error that can stand here"
            raise self.reader.fault("E_ERRORCODE", what, code, f"write {' or '.join(allowed)}")
        self.cursor.take()
        args = []
        while self.cursor.peek().kind == STRING:
            args.append(self.cursor.take().text)
        self.reader.expect(CLOSE, "E_OPTVALUE", "an error is explained by quoted strings", "add quotes")
        return LabelProblem(code.keyword, tuple(args))


def _write_service(info: ServiceInfo) -> str:
    start = "" if info.service is None else f"{write_string(info.service)} "
    if info.problem is not None:
        return start + _write_item(info.problem)
    labels = "".join(f" {_write_item(item)}" for item in info.labels)
    return f"{start}{write_options(info.options)}l{labels}"


def _write_item(item: PicsLabel | LabelTree | LabelProblem) -> str:
    if isinstance(item, LabelProblem):
        return f"error ({' '.join((item.code, *(write_string(arg) for arg in item.args)))})"
    if isinstance(item, LabelTree):
        return f"({' '.join(_write_item(label) for label in item.labels)})"
    return f"{write_options(item.options)}r {write_ratings(item.ratings)}"
