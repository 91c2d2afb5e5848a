"""Networks whose traffic is never led to a proxy for the sake of a listed page: rules/never-divert.txt and files of the
owner in the same format, a network a line, `#` before a note."""

import ipaddress
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from sfs.errors import RuleError, Where
from sfs.sources.places import rules_dir
from sfs.text.address import Network

FILE: Final = "never-divert.txt"
MAX_FILE: Final = 1 << 20  # bytes
MAX_NETWORKS: Final = 20_000


def load_never_divert(own: Iterable[Path] = ()) -> tuple[Network, ...]:
    """The networks that come with SFS and those of the files `own`. RuleError for a line that is no network: a guard is
    taken whole or not at all."""
    found = tuple(network for path in (rules_dir() / FILE, *own) for network in _networks(path))
    if len(found) > MAX_NETWORKS:
        raise RuleError(f"more than {MAX_NETWORKS:,} networks", mend="join those that lie beside each other")
    return found


def _networks(path: Path) -> Iterator[Network]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
        text = data.decode("utf-8-sig")
    except OSError as fault:
        raise RuleError(f"cannot be read: {fault.strerror}", Where(str(path)), "look who may read it") from None
    except UnicodeDecodeError:
        raise RuleError("bytes that are not UTF-8", Where(str(path)), "save it as UTF-8") from None
    if len(data) > MAX_FILE:
        raise RuleError(f"larger than {MAX_FILE} bytes", Where(str(path)), "name networks, not addresses")
    for number, line in enumerate(text.splitlines(), 1):
        said = line.partition("#")[0].strip()
        if not said:
            continue
        try:
            yield ipaddress.ip_network(said)
        except ValueError:
            raise RuleError("no network", Where(str(path), number), "write it as 192.0.2.0/24") from None
