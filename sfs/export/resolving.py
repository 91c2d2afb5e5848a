"""The lines with which each resolver loads an RPZ that SFS wrote: from its file, or where the resolver can, by transfer
with TSIG from a hidden primary (transfer.py).

An RPZ says itself for whom it does not hold, by rpz-client-ip. Two of the four do not look there as BIND does, so each
gets its clients in the way that it has, which the tests ask it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sfs.errors import SfsError
from sfs.export.engines.knot import SUBNET, because
from sfs.export.engines.rpz import HEAD_OF_ZONE, client_name
from sfs.export.order import lua_text
from sfs.export.told import ERROR_CODES
from sfs.export.transfer import ALGORITHM, Key, Peer, bind_secondary, quoted_path
from sfs.lists.mandatory import Purpose
from sfs.text.address import Network


@dataclass(frozen=True, slots=True)
class Loading:
    """What is loaded: the zone, from its file or from a primary with its key; `exempt`: clients that the order of the
    zone names; `beside`: a file of the resolver's own that Unbound needs for them; `told`: the text of extended errors,
    '' for none."""

    purpose: Purpose
    zone: str
    source: Path | Peer
    key: Key | None = field(default=None, repr=False)
    exempt: tuple[Network, ...] = ()
    beside: Path | None = None
    told: str = ""


def bind(loading: Loading) -> Iterator[str]:
    """Lines for named.conf. The zone itself says who is exempted."""
    return bind_secondary(loading.zone, loading.source, loading.key, secret=loading.purpose.confidential)


def unbound(loading: Loading) -> Iterator[str]:
    """Lines for unbound.conf. Unbound 1.17 passes over rpz-client-ip for names that the same zone lists; a zone in
    front that has the clients alone is heeded."""
    file = _file(loading, "Unbound, which knows no TSIG")
    yield "# server:"
    yield '#   module-config: "respip validator iterator"'
    if loading.exempt:
        if loading.beside is None:
            raise SfsError("a zone of exempted clients needs a file of its own", mend="say -o")
        yield from _unbound_zone(f"exempt.{loading.zone}", quoted_path(loading.beside))
    yield from _unbound_zone(loading.zone, file)


def exempt_zone(loading: Loading) -> Iterator[str]:
    """The zone in front, which holds no name of the list."""
    yield f"$ORIGIN exempt.{loading.zone}."
    yield from HEAD_OF_ZONE.format(serial=1).splitlines()
    yield from (f"{client_name(network)} CNAME rpz-passthru." for network in loading.exempt)


def _unbound_zone(zone: str, file: str) -> Iterator[str]:
    yield "rpz:"
    yield f'  name: "{zone}."'
    yield f'  zonefile: "{file}"'
    yield "  rpz-log: no"


def knot(loading: Loading) -> Iterator[str]:
    """Lines for kresd.conf of Knot Resolver 5, which takes of an RPZ its names alone. The file is looked at again where
    Debian's lua-cqueues is installed; without it a new version needs a new start."""
    file = _file(loading, "Knot Resolver")
    yield f"local zone = policy.rpz(policy.DENY, '{file}', (pcall(require, 'cqueues')))"
    yield from because(loading.purpose, loading.told)
    if loading.exempt:
        yield SUBNET
        yield f"local exempt = {{ {', '.join(f"subnet('{one}')" for one in loading.exempt)} }}"
    yield "policy.add(function (req, query)"
    if loading.exempt:
        yield "  if is_in(exempt, req) then return nil end"
    yield "  local answer = zone(req, query)"
    yield "  return answer and because(answer)"
    yield "end)"


def pdns(loading: Loading) -> Iterator[str]:
    """Lines for `lua-config-file` of PowerDNS Recursor."""
    error = f"extendedErrorCode = {ERROR_CODES[loading.purpose]}, extendedErrorExtra = {lua_text(loading.told)}"
    more = f'policyName = "{loading.zone}", {error}'
    if loading.exempt:
        yield "-- recursor.conf: disable-packetcache=yes, or answers of exempted clients are handed to others"
    if isinstance(loading.source, Path):
        yield f'rpzFile("{quoted_path(loading.source)}", {{ {more} }})'
        return
    assert loading.key is not None
    tsig = f'tsigname = "{loading.key.name}", tsigalgo = "{ALGORITHM}", tsigsecret = "{loading.key.secret}"'
    server = f"{loading.source.address}" if loading.source.address.version == 4 else f"[{loading.source.address}]"
    yield f'rpzPrimary("{server}:{loading.source.port}", "{loading.zone}", {{ {more}, {tsig} }})'


def _file(loading: Loading, who: str) -> str:
    if not isinstance(loading.source, Path):
        raise SfsError(f"no transfer with a key to {who}", mend="say --zone-file: a file that it loads, in memory")
    return quoted_path(loading.source)


RESOLVERS: Final[Mapping[str, Callable[[Loading], Iterator[str]]]] = {
    "bind": bind,
    "unbound": unbound,
    "knot": knot,
    "pdns": pdns,
}
