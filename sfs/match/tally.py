"""How often words stand in texts: hits per million characters by rating, and the words that are found most."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from sfs.match.words import Place, WordIndex, WordRule
from sfs.text.fold import fold

RATINGS: Final = (4, 3, 2, 1)
MAX_EXAMPLES: Final = 3  # of one word
CONTEXT: Final = 24  # characters on either side


@dataclass(frozen=True, slots=True)
class Example:
    """A hit where it stands: file, line from 1, and the folded text before, of and after it."""

    file: str
    line: int
    before: str
    found: str
    after: str


@dataclass(slots=True)
class Tally:
    """Give it texts with `add`, then read it. `characters` are those of the texts as they came."""

    index: WordIndex
    place: Place = Place.META
    above: int = 0
    characters: int = 0
    hits: Counter[WordRule] = field(default_factory=Counter)
    examples: dict[WordRule, list[Example]] = field(default_factory=dict)

    def add(self, text: str, file: str, line: int = 1) -> None:
        """Count one text, in which the parts of `word + word` belong together: a line, a paragraph, a title."""
        self.characters += len(text)
        folded = fold(text)
        for hit in self.index.find_all(folded, self.place, self.above):
            self.hits[hit.rule] += 1
            shown = self.examples.setdefault(hit.rule, [])
            if len(shown) < MAX_EXAMPLES:
                before, after = folded[max(0, hit.start - CONTEXT) : hit.start], folded[hit.end : hit.end + CONTEXT]
                shown.append(Example(file, line, before, folded[hit.start : hit.end], after))

    def of_rating(self, rating: int) -> int:
        """Hits of the words of one rating."""
        return sum(times for rule, times in self.hits.items() if rule.rating == rating)

    def per_million(self, hits: int) -> float:
        """Hits for a million characters; 0 where there was no text."""
        return hits * 1_000_000 / self.characters if self.characters else 0.0

    def worst(self) -> list[tuple[WordRule, int]]:
        """The words found and how often: most often first, then by rating and by word."""
        return sorted(self.hits.items(), key=lambda row: (-row[1], -(row[0].rating or 0), row[0].parts))
