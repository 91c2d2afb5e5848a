"""How an RPZ comes into resolvers: from a file, or by AXFR and IXFR with TSIG from a hidden primary, which is BIND or
Knot DNS as configured here. SFS writes the zone file; transfers are theirs.

BIND makes the difference for IXFR from two versions of the file (`ixfr-from-differences`), Knot too (`zonefile-load`).
Their journals stand where they are told, which for a confidential list is memory, as for the zone file itself.
"""

import base64
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sfs.errors import SfsError, Where
from sfs.lists.private import write_private
from sfs.text.address import Address, written_address

ALGORITHM: Final = "hmac-sha256"
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
_PATH: Final = re.compile(r"""[^'"\s\\;{}#]+""")
_KEY_LINE: Final = re.compile(r"hmac-sha256:([a-z0-9.-]{1,63}):([A-Za-z0-9+/]{43,88}={0,2})")


@dataclass(frozen=True, slots=True)
class Key:
    """A TSIG key (RFC 8945). `secret`: base64."""

    name: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Peer:
    """Where a server is."""

    address: Address
    port: int = 53


@dataclass(frozen=True, slots=True)
class Primary:
    """A hidden primary: `listen` on this address, for these secondaries alone, who must know the key. `folder`: for
    what the server keeps, its journal above all."""

    zone: str
    file: Path
    folder: Path
    listen: Peer
    secondaries: tuple[Peer, ...]
    key: Key


def read_key(path: Path, name: str) -> Key:
    """The key in a file, `hmac-sha256:name:secret` as dig -y and Knot take it; a new one where there is none."""
    if not path.exists():
        key = Key(name, base64.b64encode(secrets.token_bytes(32)).decode())
        write_private(path, f"{ALGORITHM}:{key.name}:{key.secret}\n")
        return key
    try:
        found = _KEY_LINE.fullmatch(path.read_text(encoding="ascii").strip()) if path.stat().st_size < 1000 else None
    except (OSError, UnicodeDecodeError):
        found = None
    if found is None:
        raise SfsError("no key", Where(str(path)), "write hmac-sha256:NAME:SECRET, or name a file that is not there")
    return Key(found[1], found[2])


def parse_peer(text: str) -> Peer:
    """ADDRESS or ADDRESS@PORT. SfsError for anything else."""
    host, _, port = text.partition("@")
    address = written_address(host)
    if address is None or (port and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536)):
        raise SfsError(f"{text[:80]!r} is no server", mend="write ADDRESS or ADDRESS@PORT")
    return Peer(address, int(port) if port else 53)


def check_zone(name: str) -> str:
    """The name of a zone, lower case without final dot. SfsError for what is none."""
    zone = name.lower().removesuffix(".")
    if not _NAME.fullmatch(zone) or ".." in zone:
        raise SfsError(f"{name[:80]!r} is no name of a zone", mend="write a short name, as policy.rpz")
    return zone


def bind_secondary(zone: str, source: Path | Peer, key: Key | None, *, secret: bool) -> Iterator[str]:
    """Lines for named.conf of a BIND resolver; the first, a comment, says what stands in `options`. A zone that comes
    by transfer and is confidential is kept in memory alone."""
    yield f"# options {{ {bind_policy([zone])} }};"
    if isinstance(source, Path):
        yield f'zone "{zone}" {{ type primary; file "{quoted_path(source)}"; check-names ignore; {_CLOSED} }};'
        return
    assert key is not None
    yield from _bind_key(key)
    server = f'{source.address} port {source.port} key "{key.name}"'
    # Without a file the zone is in memory alone, and fetched again at each start.
    kept = "" if secret else f' file "{zone}.db";'
    yield f'zone "{zone}" {{ type secondary; primaries {{ {server}; }};{kept} {_CLOSED} }};'


_CLOSED: Final = "allow-query { localhost; }; allow-transfer { none; };"


def bind_policy(zones: Sequence[str]) -> str:
    """What stands in `options` of a BIND resolver: no log, and answers also for who asks for signatures."""
    rows = " ".join(f'zone "{zone}" policy given log no max-policy-ttl 60;' for zone in zones)
    return f"response-policy {{ {rows} }} qname-wait-recurse yes break-dnssec yes;"


def bind_primary(primary: Primary) -> Iterator[str]:
    """The whole named.conf of a hidden primary."""
    key, folder = primary.key, quoted_path(primary.folder)
    yield from _bind_key(key)
    yield "options {"
    yield f'  directory "{folder}"; pid-file "{folder}/named.pid"; session-keyfile "{folder}/session.key";'
    for version, word in ((4, "listen-on"), (6, "listen-on-v6")):
        own = f"{primary.listen.address}; " if primary.listen.address.version == version else "none; "
        port = f" port {primary.listen.port}" if primary.listen.address.version == version else ""
        yield f"  {word}{port} {{ {own}}};"
    yield "  recursion no; allow-query { none; }; allow-transfer { none; }; notify no;"
    yield "  memstatistics no; querylog no;"
    yield "};"
    yield "controls { };"
    yield "logging { category queries { null; }; category xfer-out { null; }; category security { null; }; };"
    yield f'zone "{primary.zone}" {{'
    yield f'  type primary; file "{quoted_path(primary.file)}"; journal "{folder}/{primary.zone}.jnl";'
    yield "  check-names ignore; ixfr-from-differences yes; max-journal-size 64m; masterfile-format text;"
    yield f'  allow-query {{ key "{key.name}"; }}; allow-transfer {{ key "{key.name}"; }};'
    told = " ".join(f'{one.address} port {one.port} key "{key.name}";' for one in primary.secondaries)
    yield f"  notify explicit; notify-delay 0; also-notify {{ {told} }};"
    yield "};"


def knot_primary(primary: Primary) -> Iterator[str]:
    """The whole knot.conf of a hidden primary, which needs a secondary that may ask."""
    key, folder = primary.key, quoted_path(primary.folder)
    yield "server:"
    yield f'    rundir: "{folder}"'
    yield f"    listen: {primary.listen.address}@{primary.listen.port}"
    yield "database:"
    yield f'    storage: "{folder}"'
    yield "key:"
    yield f"  - id: {key.name}"
    yield f"    algorithm: {ALGORITHM}"
    yield f"    secret: {key.secret}"
    yield "remote:"
    for number, one in enumerate(primary.secondaries):
        yield f"  - id: secondary{number}"
        yield f"    address: {one.address}@{one.port}"
        yield f"    key: {key.name}"
    yield "acl:"
    yield "  - id: transfer"
    yield f"    key: {key.name}"
    yield "    action: transfer"
    # Knot DNS answers anybody's questions unless it is told not to.
    yield "mod-queryacl:"
    yield "  - id: secondaries"
    yield f"    address: [ {', '.join(sorted({str(one.address) for one in primary.secondaries}))} ]"
    yield "zone:"
    yield f"  - domain: {primary.zone}."
    yield f'    file: "{quoted_path(primary.file)}"'
    yield "    acl: transfer"
    yield "    module: mod-queryacl/secondaries"
    yield f"    notify: [ {', '.join(f'secondary{n}' for n, _ in enumerate(primary.secondaries))} ]"
    # The file is ours alone; the server keeps the differences.
    yield "    zonefile-load: difference"
    yield "    zonefile-sync: -1"
    yield "    journal-content: changes"
    yield "    semantic-checks: off"


def _bind_key(key: Key) -> Iterator[str]:
    yield f'key "{key.name}" {{ algorithm {ALGORITHM}; secret "{key.secret}"; }};'


def quoted_path(path: Path) -> str:
    """A path, absolute, as it may stand in quotes. SfsError for one with quotes, blanks and the like."""
    whole = str(path.absolute())
    if not _PATH.fullmatch(whole):
        raise SfsError("a path with blanks, quotes or brackets", Where(whole), "name another folder")
    return whole
