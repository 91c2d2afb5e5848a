"""Phrases of other filters as words of this one. What cannot be said as a word is kept beside them with its weight.

A word here decides alone, a weight is added up: only a phrase that reaches the limit by itself becomes a word. Words
here stand alone ("class" is not found in "classical"); a phrase there is found inside words too, unless it has blanks
at its ends: it is taken as whole words, and that is said. What speaks for a page (a weight below 0, an exception) is
never taken: it would take away words that SFS brings.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from sfs.errors import RuleError
from sfs.lists.files import How, Reading, read_into
from sfs.lists.lines import WeightedPhrase
from sfs.lists.tables import Tables
from sfs.match.words import parse_word_line

LIMIT: Final = 100  # what e2guardian's own settings take for older children
MAX_WORDS: Final = 50_000
_INSIDE: Final = "found inside words there, as whole words here"


def read_phrases(path: Path, format: str, how: How | None = None) -> Reading:
    """A list of phrases, search terms or expressions with all files that it includes: `phrases` of what comes back.
    `format`: a name of WORD_FORMATS. RuleError as `read_list`."""
    return read_into(path, format, Tables(), how or How())


def word_line(phrase: WeightedPhrase, limit: int = LIMIT, flags: str = "") -> tuple[str | None, str]:
    """The phrase as a line of a word file, None where it is none; and why it is none, or says less than the phrase."""
    if phrase.weight < 0:
        return None, "a weight below 0: nothing here speaks for a page"
    if phrase.weight < limit:
        return None, f"a weight below {limit}: it counts together with others only, where scan_body is on"
    text = " + ".join(" ".join(part.split()) for part in phrase.parts)
    line = f"{text}\t{flags}" if flags else text
    try:
        rule = parse_word_line(line, 1)
    except RuleError as fault:
        return None, "cannot be written as a word: " + fault.what.rpartition(" has ")[2][:60]
    if rule is None or rule.guard or len(rule.parts) != len(phrase.parts):
        return None, "cannot be written as a word: it begins with # or !, or holds a +"
    whole = all(part[:1].isspace() and part[-1:].isspace() for part in phrase.parts)
    return line, "" if whole else _INSIDE


def sidecar(phrases: Iterable[WeightedPhrase]) -> Iterator[str]:
    """The phrases as JSON, one a line: parts, weight, category. `phrases_of` reads them back."""
    for phrase in phrases:
        yield json.dumps(phrase._asdict(), ensure_ascii=False) + "\n"


def phrases_of(text: str) -> Iterator[WeightedPhrase]:
    """The phrases of a sidecar; lines that are none are left out."""
    for line in text.split("\n"):  # and not where JSON holds what else ends a line
        try:
            row = json.loads(line)
            parts, weight, category = row["parts"], row["weight"], row["category"]
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
        right = isinstance(parts, list) and parts and all(isinstance(part, str) and part.strip() for part in parts)
        if right and type(weight) is int and (category is None or isinstance(category, str)):
            yield WeightedPhrase(tuple(parts), weight, category)
