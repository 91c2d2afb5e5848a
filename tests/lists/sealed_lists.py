"""Sealed lists for tests: made in memory, with the plain twin beside them."""

from collections.abc import Iterable, Sequence

from sfs.lists.mandatory import MandatoryEntry, Method, Report
from sfs.lists.sealing import Sealing, left_out
from sfs.match.plain import keys_match_plain, match_plain
from sfs.match.sealed import Digests, SealedIndex
from sfs.text.url import Url

KEY, SALT = bytes(range(32)), bytes(16)


def sealed_index(entries: Iterable[MandatoryEntry], report: Report | None = None) -> SealedIndex:
    digests = Digests(KEY, SALT)
    sealing = Sealing(digests)
    sealing.add(entries, Report() if report is None else report, "l")
    return SealedIndex(sealing.table(), digests, sealing.count)


def lines_plain(entries: Sequence[MandatoryEntry], url: Url) -> set[int]:
    """The lines that the twins say match: of `match_plain`, and where the query's keys count of `keys_match_plain`."""
    method = Method.NAME if url.name_only else Method.URL
    entries = [one for one in entries if method in one.methods and not left_out(one)]
    found = {hit.line for hit in match_plain([(one.entry, one.line) for one in entries if not one.keys], url)}
    return found | {one.line for one in entries if one.keys and keys_match_plain(one.entry, one.keys, url)}


def lines_sealed(index: SealedIndex, url: Url) -> set[int]:
    return {hit.line for hit in index.match(url)}
