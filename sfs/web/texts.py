"""The sentences of all pages, one catalogue per language, and the choice of language.

A catalogue (`words.ja.yaml`, `words.en.yaml`) is YAML of sections; `text("block.back")` is `back` in `block`.
`{name}` is a place for a value. `[漢字|かんじ]` puts the reading over a word: `html` makes it <ruby>, `text` leaves
it out.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

import yaml
from markupsafe import Markup, escape

from sfs.errors import SfsError, Where

Language = Literal["ja", "en"]
Entry = str | tuple[str, ...]

LANGUAGES: Final[tuple[Language, ...]] = ("ja", "en")
MAX_HEADER: Final = 1000  # characters of Accept-Language that are read; browsers send under 100
MAX_RANGES: Final = 32

_PLACE: Final = re.compile(r"\{([a-z_]{1,20})\}")
_RUBY: Final = re.compile(r"\[([^\[\]|]{1,20})\|([^\[\]|]{1,40})\]")
_RUBY_HTML: Final = r"<ruby>\1<rp>（</rp><rt>\2</rt><rp>）</rp></ruby>"
_QVALUE: Final = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")  # RFC 9110 section 12.4.2


class Texts:
    """The sentences of one language. A key or a value that is missing is an SfsError: a fault of ours."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self._entries = load_catalogue(language)

    def has(self, key: str) -> bool:
        return key in self._entries

    def text(self, key: str, **values: object) -> str:
        """The sentence as plain text without readings, values put in as they are."""
        return _PLACE.sub(lambda found: str(self._value(key, found[1], values)), _RUBY.sub(r"\1", self._one(key)))

    def html(self, key: str, **values: object) -> Markup:
        """The sentence as HTML with <ruby>; every value is escaped, and one that looks like a place or a reading
        stays plain text."""
        return self._fill(key, self._one(key), values)

    def lines(self, key: str, **values: object) -> tuple[Markup, ...]:
        """The sentences of a list, as HTML."""
        entry = self._entries.get(key)
        if not isinstance(entry, tuple):
            raise self._fault(f"there is no list of sentences with the key {key!r}")
        return tuple(self._fill(key, line, values) for line in entry)

    def _one(self, key: str) -> str:
        entry = self._entries.get(key)
        if not isinstance(entry, str):
            raise self._fault(f"there is no sentence with the key {key!r}")
        return entry

    def _fill(self, key: str, sentence: str, values: Mapping[str, object]) -> Markup:
        # Readings first, values last: what comes from outside is never looked at again.
        marked = _RUBY.sub(_RUBY_HTML, str(escape(sentence)))
        return Markup(_PLACE.sub(lambda found: str(escape(self._value(key, found[1], values))), marked))  # noqa: S704

    def _value(self, key: str, name: str, values: Mapping[str, object]) -> object:
        if name not in values:
            raise self._fault(f"the sentence {key!r} needs a value for {{{name}}}")
        return values[name]

    def _fault(self, what: str) -> SfsError:
        return SfsError(what, Where(f"sfs/web/words.{self.language}.yaml"), "add it to both catalogues")


@cache
def texts_for(language: Language) -> Texts:
    """The texts of `language`; read from the package once."""
    return Texts(language)


@cache
def load_catalogue(language: Language) -> Mapping[str, Entry]:
    """All sentences of `language` by `section.key`. SfsError where a value is neither a text nor a list of texts."""
    name = f"words.{language}.yaml"
    tree = yaml.safe_load(files("sfs.web").joinpath(name).read_text(encoding="utf-8"))
    return {
        f"{section}.{key}": _entry(value, name, key) for section, part in tree.items() for key, value in part.items()
    }


def _entry(value: Any, name: str, key: object) -> Entry:
    if not isinstance(key, str):  # YAML 1.1 reads on, off, yes, no and figures as values
        raise SfsError(f"the key {key!r} is not a text", Where(f"sfs/web/{name}"), "put it in quotes")
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return tuple(value)
    raise SfsError(f"the value of {key!r} is not a text", Where(f"sfs/web/{name}"), "put it in quotes")


def places(entry: Entry) -> frozenset[str]:
    """Names of the places for values in a sentence or a list of them."""
    return frozenset(_PLACE.findall(entry if isinstance(entry, str) else " ".join(entry)))


def language_of(accept_language: str | None, fixed: str | None = None) -> Language:
    """The language of a reader's pages: `fixed` where the configuration names one, else by Accept-Language.

    Japanese only where the header lists it with a weight above English; English for no header, garbage, `*` and
    languages we do not have. Equal weights: the one listed first. Spec: RFC 9110 sections 12.4.2 and 12.5.4."""
    if fixed in LANGUAGES:
        return "ja" if fixed == "ja" else "en"
    weights = _weights(accept_language or "")
    other = "en" if "en" in weights else "*"
    japanese, english = weights.get("ja", 0.0), weights.get(other, 0.0)
    if japanese and japanese == english:
        order = list(weights)
        return "ja" if order.index("ja") < order.index(other) else "en"
    return "ja" if japanese > english else "en"


def _weights(header: str) -> dict[str, float]:
    """Highest weight per primary language tag, in the order listed. A range that cannot be read is passed over."""
    weights: dict[str, float] = {}
    for part in header[:MAX_HEADER].split(",")[:MAX_RANGES]:
        tag, _, rest = part.partition(";")
        name, _, value = rest.partition("=")
        weight = value.strip() if rest else "1"
        if (rest and name.strip().lower() != "q") or not _QVALUE.fullmatch(weight):
            continue
        primary = tag.strip().lower().partition("-")[0]
        weights[primary] = max(weights.get(primary, 0.0), float(weight))
    return weights
