"""The first message of TLS, read for the two things that are asked of it: the name, and the protocols offered. Stock
makes an object of each number in it. Whatever is not written as nearly all write it is left to stock, and so is every
other question."""

from struct import error, unpack_from
from typing import Any, Final

from mitmproxy import tls
from mitmproxy.net import check

from sfs.proxy.stock.names import uses_only

type Read = tuple[str | None, list[bytes]]

_VERSION_AND_RANDOM: Final = 34  # bytes
_SERVER_NAME, _ALPN = 0, 16  # RFC 6066 section 3, RFC 7301
_HEAD: Final = 5  # bytes of a list of one name before it: size of the list, kind, size of the name
# What stock's do, by the names that they use: where they do more, they are left as they are.
_MAKE: Final = (
    *("_raw_bytes", "dtls_client_hello", "DtlsClientHello", "KaitaiStream", "io", "BytesIO", "_client_hello"),
    *("tls_client_hello", "TlsClientHello"),
)
_SNI: Final = (
    *("getattr", "_client_hello", "extensions", "type", "len", "body", "server_names", "name_type", "check"),
    *("is_valid_host", "host_name", "decode"),
)
_OFFERS: Final = ("getattr", "_client_hello", "extensions", "type", "list", "body", "alpn_protocols")

_kind: Final[Any] = tls.ClientHello
_stock_make, _stock_sni, _stock_alpn = _kind.__init__, _kind.sni.fget, _kind.alpn_protocols.fget


def read_hello(raw: bytes) -> Read | None:
    """The name and the protocols of a ClientHello without its head (RFC 8446 4.1.2); None where stock is to look."""
    try:
        at = _VERSION_AND_RANDOM + 1 + raw[_VERSION_AND_RANDOM]
        (ciphers,) = unpack_from("!H", raw, at)
        at += 2 + ciphers
        at += 1 + raw[at]
        if ciphers % 2 or at >= len(raw):
            return None
        (size,) = unpack_from("!H", raw, at)
        return _extensions(raw, at + 2) if at + 2 + size == len(raw) else None
    except (IndexError, error):
        return None


def _extensions(raw: bytes, at: int) -> Read | None:
    name: str | None = None
    offers: list[bytes] | None = None
    while at < len(raw):
        kind, size = unpack_from("!HH", raw, at)
        at += 4 + size
        if at > len(raw):
            return None
        if kind == _SERVER_NAME:
            if name is not None or (name := _name(raw[at - size : at])) is None:
                return None
        elif kind == _ALPN and (offers is not None or (offers := _offers(raw[at - size : at])) is None):
            return None
    return name, offers or []


def _name(body: bytes) -> str | None:
    listed, kind, size = unpack_from("!HBH", body)
    host = body[_HEAD:]
    if listed != len(body) - 2 or kind or size != len(host) or not host.isascii() or not check.is_valid_host(host):
        return None
    return host.decode()


def _offers(body: bytes) -> list[bytes] | None:
    (listed,) = unpack_from("!H", body)
    at, found = 2, []
    while at < len(body):
        end = at + 1 + body[at]
        found.append(body[at + 1 : end])
        at = end
    return found if at == len(body) == listed + 2 else None


def _make(self: Any, raw_client_hello: bytes, dtls: bool = False) -> None:
    found = None if dtls else read_hello(raw_client_hello)
    if found is None:
        _stock_make(self, raw_client_hello, dtls)
    else:
        self._raw_bytes, self._found = raw_client_hello, found


def _missing(self: Any, name: str) -> Any:
    """What stock has read, where somebody asks for it: cipher suites, all extensions."""
    if name != "_client_hello":
        raise AttributeError(name)
    _stock_make(self, self._raw_bytes)
    return self.__dict__[name]


def _sni(self: Any) -> str | None:
    found: Read | None = self.__dict__.get("_found")
    name: str | None = _stock_sni(self) if found is None else found[0]
    return name


def _alpn(self: Any) -> list[bytes]:
    found: Read | None = self.__dict__.get("_found")
    return _stock_alpn(self) if found is None else list(found[1])


def install() -> None:
    """Put these in the place of stock's, where those are the ones this was read against."""
    known = ((_stock_make, _MAKE), (_stock_sni, _SNI), (_stock_alpn, _OFFERS))
    if all(uses_only(function, names) for function, names in known):
        _kind.__init__, _kind.__getattr__ = _make, _missing
        _kind.sni, _kind.alpn_protocols = property(_sni), property(_alpn)
