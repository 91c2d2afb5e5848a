"""Public suffixes: names under which anybody may register, so that nothing follows from one site for another."""

from collections.abc import Iterator
from functools import lru_cache

from publicsuffixlist import PSLFILE, PublicSuffixList


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    """Read only where a list is read. Hosts come as A-labels, so only those are kept; the package itself would send
    each of its 10,000 lines through the IDNA codec, which takes as long as all the rest: 30 of 60 ms."""
    return PublicSuffixList(_ascii_lines(), accept_encoded_idn=False)


def _ascii_lines() -> Iterator[str]:
    with open(PSLFILE, encoding="utf-8") as file:
        for line in file:
            if line.isascii() or line.startswith("//"):
                yield line
                continue
            rule = line.split()[0]
            mark = "!" if rule.startswith("!") else ""
            yield mark + rule.removeprefix("!").encode("idna").decode("ascii")


def is_public_suffix(host: str) -> bool:
    """Whether `host` (canonical) is itself a public suffix, as co.jp or github.io; unknown top level names count."""
    return _suffixes().privatesuffix(host) is None


def registrable_domain(host: str) -> str | None:
    """The domain somebody registered, as example.co.jp for a.b.example.co.jp; None for a public suffix."""
    domain = _suffixes().privatesuffix(host)
    return str(domain) if domain is not None else None
