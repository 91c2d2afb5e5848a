"""What a label says of itself besides its ratings: who made it, when, for which URL, until when."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from sfs.errors import LabelError
from sfs.pics.reader import Reader
from sfs.pics.sexpr import CLOSE, END, OPEN, STRING, WORD, Token
from sfs.pics.values import parse_number

MAX_DEPTH = 32  # parentheses inside an extension; everything else nests four deep

# Every spelling of an option, in lower case, and the field it fills. libwww writes signature-PKCS, Jigsaw's
# PICS 1.1 writes signature-RSA-MD5: one field.
_FIELDS = {
    "at": "at",
    "by": "by",
    "comment": "comments",
    "complete-label": "complete_label",
    "full": "complete_label",
    "extension": "extensions",
    "for": "for_",
    "generic": "generic",
    "gen": "generic",
    "mic-md5": "mic_md5",
    "md5": "mic_md5",
    "on": "on",
    "signature-pkcs": "signature",
    "signature-rsa-md5": "signature",
    "until": "until",
    "exp": "until",
}
_WRITTEN = {
    "at": "at",
    "by": "by",
    "complete_label": "full",
    "generic": "gen",
    "for_": "for",
    "mic_md5": "md5",
    "on": "on",
    "signature": "signature-PKCS",
    "until": "until",
}
_DATES = frozenset({"at", "on", "until"})
BOOLEANS = {"true": True, "t": True, "false": False, "f": False}
_END_OF_OPTIONS = frozenset({"labels", "l", "ratings", "r", "error"})
_DATE = re.compile(
    r"([0-9]{4})[.-]([0-9]{2})[.-]([0-9]{2})T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?"
    r"([+-])([0-9]{2})([0-9]{2})"
)


@dataclass(frozen=True, slots=True)
class Extension:
    """`data` is kept as tokens, strings with their quotes, and never read: SFS knows no extension."""

    mandatory: bool
    url: str
    data: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """Options of one label, or the defaults of a service. Dates are aware; None or () where an option is absent.
    Spec: PICS Labels 1.1, "Semantics of PICS Labels and Label Lists"."""

    at: datetime | None = None
    by: str | None = None
    comments: tuple[str, ...] = ()
    complete_label: str | None = None
    extensions: tuple[Extension, ...] = ()
    for_: str | None = None
    generic: bool | None = None
    mic_md5: str | None = None
    on: datetime | None = None
    signature: str | None = None
    until: datetime | None = None

    def over(self, defaults: "Options") -> "Options":
        """The options in effect: our own where we have one, else the default. Extensions of both make one set, and
        one that either side calls mandatory stays so."""
        mine = {item.name: value for item in fields(self) if (value := getattr(self, item.name)) not in (None, ())}
        mine["extensions"] = _one_set(self.extensions, defaults.extensions)
        return replace(defaults, **mine)

    @property
    def void(self) -> bool:
        """Whether a mandatory extension says: who does not know me has no label here."""
        return any(extension.mandatory for extension in self.extensions)


def parse_date(text: str) -> datetime | None:
    """The moment `text` names, aware; None where it is no PICS date. Reads the looser form of W3C's parser too."""
    match = _DATE.fullmatch(text)
    if match is None or match[10] > "59":
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    offset = timedelta(hours=int(match[9]), minutes=int(match[10]))
    microsecond = int((match[7] or "0")[:6].ljust(6, "0"))
    try:
        zone = timezone(-offset if match[8] == "-" else offset) if offset else UTC
        return datetime(year, month, day, hour, minute, second, microsecond, zone)
    except ValueError:
        return None


def write_date(moment: datetime) -> str:
    """`moment` (aware) as a PICS date. Seconds, which PICS 1.0 does not have, stand only where they are not zero."""
    text = f"{moment.year:04}.{moment:%m.%dT%H:%M}"
    if moment.second or moment.microsecond:
        text += f":{moment:%S}" + (f".{moment.microsecond:06}" if moment.microsecond else "")
    minutes = int((moment.utcoffset() or timedelta()).total_seconds()) // 60
    return f"{text}{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


def read_options(reader: Reader) -> Options:
    """Read options until a word that ends them. LabelError E_OPTION, E_OPTVALUE, E_DATE, E_BOOL, E_DUP_OPTION,
    E_EXTENSION; a lenient reader drops or mends all but E_BOOL and E_EXTENSION."""
    gathered = _Gathered()
    while (token := reader.cursor.peek()).kind == WORD and token.keyword not in _END_OF_OPTIONS:
        reader.cursor.take()
        name = _FIELDS.get(token.keyword)
        if name is None:
            fault = reader.fault("E_OPTION", f"{token.shown} is no option of PICS 1.1", token, "delete it")
            reader.mend_or_raise(f"unknown option {token.shown} skipped", fault)
            _skip_value(reader)
        else:
            _read_option(reader, gathered, name, token)
    return gathered.options()


def write_options(options: Options) -> str:
    """The options as text, each followed by a blank, in one fixed order. LabelError where one cannot be written."""
    return "".join(f"{part} " for part in _write_parts(options))


def write_string(text: str) -> str:
    """`text` in double quotes. LabelError E_QUOTE where it holds one, since PICS has no escape."""
    if '"' in text:
        raise LabelError("E_QUOTE", f"{text[:40]!r} holds a double quote", None, "write %22 in a URL, ' in a text")
    return f'"{text}"'


@dataclass(slots=True)
class _Gathered:
    values: dict[str, Any] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)
    extensions: dict[str, Extension] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def options(self) -> Options:
        # `for ""` occurs on live pages and names nothing: the same as no `for`.
        if self.values.get("for_") == "":
            del self.values["for_"]
        return Options(comments=tuple(self.comments), extensions=tuple(self.extensions.values()), **self.values)


NO_OPTIONS = Options()


def _read_option(reader: Reader, gathered: _Gathered, name: str, token: Token) -> None:
    if name == "extensions":
        _gather_extension(reader, gathered, token)
        return
    value = _read_boolean(reader) if name == "generic" else _read_value(reader, name)
    if name == "comments":
        gathered.comments.append(str(value))
    elif name in gathered.seen:
        fault = reader.fault("E_DUP_OPTION", f"{token.shown} stands twice", token, "keep one of them")
        reader.mend_or_raise(f"second {token.shown} dropped", fault)
    elif value is not None:
        gathered.values[name] = value
    gathered.seen.add(name)


def _read_value(reader: Reader, name: str) -> str | datetime | None:
    """The string behind an option, as a moment where the option is a date; None for a date that was dropped."""
    token = reader.cursor.peek()
    if token.kind != STRING:
        fault = reader.fault("E_OPTVALUE", f"{token.shown} where a quoted string should stand", token, "add quotes")
        if token.kind != WORD:
            raise fault
        reader.mend_or_raise(f"{token.shown} read as a string", fault)
    reader.cursor.take()
    if name not in _DATES:
        return token.text
    moment = parse_date(token.text)
    if moment is None:
        fault = reader.fault("E_DATE", f"{token.shown} is no date", token, "write as 2026.11.22T04:38+0900")
        reader.mend_or_raise(f"{token.shown} is no date: option dropped", fault)
    return moment


def _read_boolean(reader: Reader) -> bool:
    token = reader.cursor.peek()
    value = BOOLEANS.get(token.keyword)
    if value is None:
        raise reader.fault("E_BOOL", f"{token.shown} is neither true nor false", token, "write true or false")
    reader.cursor.take()
    return value


def read_extension(reader: Reader) -> Extension:
    """Read `(optional "URL" data...)`, of labels and of rating services. LabelError E_EXTENSION, E_EOF, E_LIMIT."""
    shape = 'write extension (optional "URL" ...)'
    reader.expect(OPEN, "E_EXTENSION", "an extension needs parentheses", shape)
    kind = reader.cursor.peek()
    if kind.keyword not in ("mandatory", "optional"):
        raise reader.fault("E_EXTENSION", f"{kind.shown} is neither mandatory nor optional", kind, shape)
    reader.cursor.take()
    url = reader.expect(STRING, "E_EXTENSION", "an extension is named by a quoted URL", shape).text
    return Extension(kind.keyword == "mandatory", url, tuple(read_group(reader)))


def _gather_extension(reader: Reader, gathered: _Gathered, token: Token) -> None:
    extension = read_extension(reader)
    if extension.url in gathered.extensions:
        fault = reader.fault("E_DUP_OPTION", "one extension stands twice", token, "keep one of them")
        reader.mend_or_raise("second extension of one URL dropped", fault)
    gathered.extensions.setdefault(extension.url, extension)


def read_group(reader: Reader) -> Iterator[str]:
    """The tokens up to the parenthesis that closes the open one, which is taken and not given; strings with their
    quotes. LabelError E_EOF, E_LIMIT."""
    depth = 1
    while True:
        token = reader.cursor.peek()
        if token.kind == END:
            raise reader.fault("E_EOF", "a parenthesis is never closed", token)
        reader.cursor.take()
        depth += {OPEN: 1, CLOSE: -1}.get(token.kind, 0)
        if depth > MAX_DEPTH:
            raise reader.fault("E_LIMIT", f"parentheses nest deeper than {MAX_DEPTH}", token, "nest them less")
        if depth == 0:
            return
        yield write_string(token.text) if token.kind == STRING else token.text


def skip_group(reader: Reader) -> None:
    """Take what is left of a group, as `read_group` reads it."""
    for _ in read_group(reader):
        pass


def _skip_value(reader: Reader) -> None:
    """Skip what may be the value of an unknown option: one string, number or group."""
    token = reader.cursor.peek()
    if token.kind == OPEN:
        reader.cursor.take()
        skip_group(reader)
    elif token.kind == STRING or (token.kind == WORD and parse_number(token.text) is not None):
        reader.cursor.take()


def _one_set(own: tuple[Extension, ...], defaults: tuple[Extension, ...]) -> tuple[Extension, ...]:
    merged = {extension.url: extension for extension in (*own, *defaults)}
    merged |= {extension.url: extension for extension in (*own, *defaults) if extension.mandatory}
    return tuple(merged.values())


def _write_parts(options: Options) -> Iterator[str]:
    for name, word in _WRITTEN.items():
        value = getattr(options, name)
        if isinstance(value, bool):
            yield f"{word} {'true' if value else 'false'}"
        elif value is not None:
            yield f"{word} {write_string(write_date(value) if isinstance(value, datetime) else value)}"
    for comment in options.comments:
        yield f"comment {write_string(comment)}"
    for extension in options.extensions:
        kind = "mandatory" if extension.mandatory else "optional"
        yield f"extension ({' '.join((kind, write_string(extension.url), *extension.data))})"
