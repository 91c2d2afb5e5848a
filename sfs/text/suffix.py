"""Public suffixes: names under which anybody may register, so that nothing follows from one site for another."""

from functools import lru_cache

from publicsuffixlist import PublicSuffixList


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # the package's own data, 60 ms: only where a list is read


def is_public_suffix(host: str) -> bool:
    """Whether `host` (canonical) is itself a public suffix, as co.jp or github.io; unknown top level names count."""
    return _suffixes().privatesuffix(host) is None
