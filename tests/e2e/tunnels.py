"""What is said inside a CONNECT: no TLS, half of it, TLS with another name, and requests for other hosts."""

import contextlib
import socket
import ssl
from collections.abc import Callable

from tests.e2e.proxy import Proxy
from tests.e2e.raw import RawServer, Step, talk

type Tunnel = Callable[[Proxy, RawServer], bytes]


def with_ports(step: Step, server: RawServer) -> Step:
    """A step with the server's ports in the place of {port} and {tls}."""
    if not isinstance(step, bytes):
        return step
    return step.replace(b"{port}", b"%d" % server.http).replace(b"{tls}", b"%d" % server.https)


def _connected(proxy: Proxy, host: str, port: int) -> socket.socket:
    """A tunnel that was granted; OSError where it was not."""
    sock = socket.create_connection(("127.0.0.1", proxy.port), 8)
    sock.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    if not sock.recv(65536).startswith(b"HTTP/1.1 200"):
        sock.close()
        raise ConnectionRefusedError
    return sock


def in_tunnel(*inner: Step, host: str = "site.test", tls: bool = True) -> Tunnel:
    """These bytes in a tunnel; `tls`: to the server's port for TLS, else to the one for plain HTTP."""

    def run(proxy: Proxy, server: RawServer) -> bytes:
        name = f"{host}:{server.https if tls else server.http}"
        connect = f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode()
        got = talk(proxy.port, [connect, "listen", *(with_ports(step, server) for step in inner)], wait=4.0)
        return got.removeprefix(b"HTTP/1.1 200 Connection established\r\n\r\n")

    return run


def in_tls(*heads: bytes, sni: str = "site.test") -> Tunnel:
    """Real TLS in a tunnel to site.test with this name in its hello, and these requests in it."""

    def run(proxy: Proxy, server: RawServer) -> bytes:
        try:
            with (
                _connected(proxy, "site.test", server.https) as plain,
                _trusting().wrap_socket(plain, server_hostname=sni or None) as tls,
            ):
                for head in heads:
                    tls.sendall(bytes(with_ports(head, server)))
                return b"".join(iter(lambda: tls.recv(65536), b""))
        except OSError:
            return b""

    return run


def in_pieces(sni: str, record: int) -> Tunnel:
    """The same with the hello cut into TLS records of so many bytes, each sent alone."""

    def run(proxy: Proxy, server: RawServer) -> bytes:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = _trusting().wrap_bio(incoming, outgoing, server_hostname=sni)
        with contextlib.suppress(OSError), _connected(proxy, "site.test", server.https) as sock:
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
            hello = outgoing.read()[5:]
            for at in range(0, len(hello), record):
                part = hello[at : at + record]
                sock.sendall(b"\x16\x03\x01" + len(part).to_bytes(2) + part)
            _until_done(tls.do_handshake, sock, incoming, outgoing)
            tls.write(get_of("/secret/", sni))
            return _until_done(tls.read, sock, incoming, outgoing)
        return b""

    return run


def _until_done[T](step: Callable[[], T], sock: socket.socket, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> T:
    """What `step` returns, once enough has been exchanged for it; OSError where the other side ends before that."""
    while True:
        try:
            return step()
        except ssl.SSLWantReadError:
            sock.sendall(outgoing.read())
            if not (data := sock.recv(65536)):
                raise ConnectionResetError from None
            incoming.write(data)


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def get_of(path: str, host: str, *more: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *more, "Accept: text/html", "Connection: close", "", ""]
    return "\r\n".join(lines).encode()


HELLO = bytes.fromhex("16030100c8010000c40303") + b"\x11" * 190
ODD_TUNNELS: dict[str, Tunnel] = {
    "silence-then-close": in_tunnel("close"),
    "rubbish": in_tunnel(b"\xfe\xff" * 500, "half"),
    "half-a-hello": in_tunnel(HELLO[:50], "half"),
    "half-a-hello-then-reset": in_tunnel(HELLO[:50], "reset"),
    "bad-hello": in_tunnel(HELLO, "half"),
    "hello-then-rubbish": in_tunnel(HELLO + b"\x00" * 5000, "half"),
    "plain-http-other-host": in_tunnel(get_of("/", "listed.test:{port}"), tls=False),
    "plain-http-other-target": in_tunnel(get_of("http://listed.test:{port}/", "listed.test:{port}"), tls=False),
    "plain-http-secret": in_tunnel(get_of("/secret/", "site.test:{port}"), tls=False),
    "plain-http-in-a-blocked-tunnel": in_tunnel(get_of("/", "listed.test:{port}"), host="listed.test", tls=False),
    "plain-http-two-hosts": in_tunnel(get_of("/", "site.test:{port}", "Host: listed.test"), tls=False),
    "plain-tcp": in_tunnel(b"hello listed\r\n\r\n", "half", tls=False),
    "other-name-in-hello": in_tls(get_of("/x", "listed.test:{tls}"), sni="listed.test"),
    "other-name-in-capitals": in_tls(get_of("/x", "listed.test:{tls}"), sni="LISTED.Test"),
    "other-name-below": in_tls(get_of("/x", "deep.listed.test:{tls}"), sni="deep.listed.test"),
    "other-name-in-small-records": in_pieces("listed.test", 7),
    "other-name-in-two-records": in_pieces("listed.test", 100),
}
OPENED_TUNNELS: dict[str, Tunnel] = {
    "blocked": in_tunnel(host="listed.test"),
    "secret": in_tls(get_of("/secret/", "site.test:{tls}")),
    "other-host": in_tls(get_of("/", "listed.test:{tls}")),
    "absolute": in_tls(get_of("http://listed.test:{port}/", "listed.test")),
    "two-hosts": in_tls(get_of("/", "site.test", "Host: listed.test")),
    "connect": in_tls(b"CONNECT listed.test:{tls} HTTP/1.1\r\nHost: listed.test:{tls}\r\n\r\n"),
    "no-name-in-hello": in_tls(get_of("/secret/", "site.test:{tls}"), sni=""),
    "rubbish-inside": in_tls(b"\x00\xff" * 3000 + b"\r\n\r\n"),
}
TUNNELS = ODD_TUNNELS | OPENED_TUNNELS
