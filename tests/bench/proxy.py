"""Requests per second of `sfs run --level 2` against stock mitmdump, in one run.

    uv run python tests/bench/proxy.py [--seconds 3] [--pairs 5] [--json]

Origin: nginx. Load: wrk for plain HTTP, a client of our own through CONNECT for HTTPS, both on the other core. Order
A B B A ..., the figure is the median of the ratios pair by pair, with their spread. Everything is on loopback, bounded
in time, and ends by itself. Needs nginx, wrk, openssl and taskset."""

import argparse
import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 16
PROXY_CORE, LOAD_CORE = "0", "1"
NEEDED = ("nginx", "wrk", "openssl", "taskset")
HEAD = b"<!doctype html><html><head><meta charset=utf-8><title>A page</title>"
HEAD += b'<meta name=description content="Some words about nothing"></head><body>'
SIZES = {"1k": 1024, "40k": 40 * 1024}

LUA = """
wrk.headers["Host"] = "{host}"
wrk.headers["Accept"] = "text/html,*/*"
request = function() return wrk.format("GET", "http://{host}{path}") end
"""


@dataclass(frozen=True)
class Origin:
    """nginx with two pages, plain and TLS."""

    folder: Path
    http: int
    https: int
    ca: Path


@dataclass(frozen=True)
class Server:
    """A proxy that runs. `ca` is what clients of inspected HTTPS trust."""

    name: str
    port: int
    process: subprocess.Popen
    ca: Path
    seconds_to_ready: float

    def memory(self) -> float:
        """Resident memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        return int(found[1]) / 1024 if found else 0.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


@contextlib.contextmanager
def origin(folder: Path) -> Iterator[Origin]:
    """nginx on free ports, with a certificate for 127.0.0.1."""
    folder.chmod(0o755)  # nginx reads the pages as another user where it is started by root
    for name, size in SIZES.items():
        (folder / f"{name}.html").write_bytes(HEAD.ljust(size - 14, b"x") + b"</body></html>")
    ca, key = folder / "origin.pem", folder / "origin.key"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    make += ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*make, "-keyout", key, "-out", ca], check=True, capture_output=True)
    http, https = free_port(), free_port()
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; keepalive_requests 1000000; types {{ text/html html; }} root {folder};\n"
        f" client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;\n"
        f" uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;\n"
        f" server {{ listen 127.0.0.1:{http}; }}\n"
        f" server {{ listen 127.0.0.1:{https} ssl; ssl_certificate {ca}; ssl_certificate_key {key}; }} }}\n"
    )
    nginx = subprocess.Popen(["taskset", "-c", LOAD_CORE, "nginx", "-c", folder / "nginx.conf", "-p", folder])
    try:
        wait_for(http, nginx)
        yield Origin(folder, http, https, ca)
    finally:
        nginx.terminate()
        nginx.wait(10)


@contextlib.contextmanager
def running(name: str, command: list[str | Path], port: int, ca: Path, log: Path) -> Iterator[Server]:
    """A proxy on the proxy's core, from its start until it takes connections, ended at the end."""
    began = time.monotonic()
    with log.open("w") as out:
        process = subprocess.Popen(["taskset", "-c", PROXY_CORE, *map(str, command)], stdout=out, stderr=out)
        try:
            wait_for(port, process)
            yield Server(name, port, process, ca, time.monotonic() - began)
        finally:
            process.terminate()
            process.wait(20)


def wait_for(port: int, process: subprocess.Popen, seconds: float = 60) -> None:
    """Until the port takes connections."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"{process.args!r} does not listen on {port}")


def sfs(folder: Path, site: Origin, https: str) -> contextlib.AbstractContextManager[Server]:
    """`sfs run --level 2` with the origin within reach."""
    state = folder / f"sfs-{https}"
    state.mkdir()
    port = free_port()
    (state / "sfs.yaml").write_text(
        f"level: 2\nhttps: {https}\nreach: [127.0.0.0/8]\nupstream_ca: {site.ca}\nlisten: 127.0.0.1:{port}\n"
    )
    command = [sys.executable, "-m", "sfs", "run", "--config", state / "sfs.yaml", "--state", state]
    return running("sfs", command, port, state / "ca" / "mitmproxy-ca-cert.pem", state / "log.txt")


def mitmdump(folder: Path, site: Origin, *more: str) -> contextlib.AbstractContextManager[Server]:
    """Stock mitmdump as it comes, quiet."""
    port = free_port()
    confdir = folder / f"mitm-{len(more)}"
    command = [Path(sys.executable).with_name("mitmdump"), "-q", "--listen-host", "127.0.0.1", "-p", str(port)]
    command += ["--set", f"confdir={confdir}", "--set", f"ssl_verify_upstream_trusted_ca={site.ca}", *more]
    return running("mitmdump", command, port, confdir / "mitmproxy-ca-cert.pem", folder / f"mitm-{len(more)}.txt")


# Load


def wrk(server: Server, site: Origin, page: str, seconds: float) -> float:
    """Requests per second over plain HTTP, kept alive."""
    script = site.folder / f"{page}.lua"
    script.write_text(LUA.format(host=f"127.0.0.1:{site.http}", path=f"/{page}.html"))
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s"]
    out = subprocess.run(
        [*command, "-s", script, f"http://127.0.0.1:{server.port}/"], capture_output=True, text=True, check=True
    ).stdout
    if found := re.search(r"Non-2xx or 3xx responses: (\d+)", out):
        raise SystemExit(f"{server.name}: {found[1]} answers were errors\n{out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])  # type: ignore[index]


def https_load(server: Server, site: Origin, seconds: float, *, keep: bool, inspected: bool) -> float:
    """Requests per second over HTTPS through CONNECT; without `keep` each on a connection of its own."""
    arguments = json.dumps(
        {
            "proxy": server.port,
            "origin": site.https,
            "seconds": seconds,
            "keep": keep,
            "ca": str(server.ca if inspected else site.ca),
        }
    )
    command = ["taskset", "-c", LOAD_CORE, sys.executable, __file__, "--client", arguments]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(out)


async def client(proxy: int, origin: int, seconds: float, keep: bool, ca: str) -> float:
    """The load of one measurement: CONNECTIONS tasks until the time is up."""
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(["http/1.1"])
    end = time.monotonic() + seconds
    counts = await asyncio.gather(*(one(proxy, origin, end, keep, context) for _ in range(CONNECTIONS)))
    return sum(counts) / seconds


async def one(proxy: int, origin: int, end: float, keep: bool, context: ssl.SSLContext) -> int:
    """Requests done by one task."""
    count = 0
    while time.monotonic() < end:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy)
        try:
            writer.write(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (origin, origin))
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head.split(b"\r\n")[0]:
                raise SystemExit(head.decode())
            await writer.start_tls(context, server_hostname="127.0.0.1")
            while time.monotonic() < end:
                writer.write(b"GET /1k.html HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/html\r\n\r\n" % origin)
                head = await reader.readuntil(b"\r\n\r\n")
                if b" 200 " not in head.split(b"\r\n")[0]:
                    raise SystemExit(head.decode())
                await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))  # type: ignore[index]
                count += 1
                if not keep:
                    break
        finally:
            writer.close()
    return count


# Pairs


def compare(a: Callable[[], float], b: Callable[[], float], pairs: int) -> dict[str, float | list[float]]:
    """A B B A ...: the medians, and the ratio A/B pair by pair."""
    ours, theirs = [], []
    for number in range(pairs):
        for measure, results in ((a, ours), (b, theirs)) if number % 2 == 0 else ((b, theirs), (a, ours)):
            results.append(measure())
    ratios = [x / y for x, y in zip(ours, theirs, strict=True)]
    return {
        "sfs": statistics.median(ours),
        "mitmdump": statistics.median(theirs),
        "ratio": statistics.median(ratios),
        "low": min(ratios),
        "high": max(ratios),
    }


def measure(seconds: float, pairs: int) -> dict[str, dict]:
    """All rows of the table."""
    rows: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as name, origin(Path(name)) as site:
        folder = Path(name)
        with sfs(folder, site, "inspect") as ours, mitmdump(folder, site) as stock:
            for server in (ours, stock):
                wrk(server, site, "1k", 1)  # warm
            rows["ready, seconds"] = {"sfs": ours.seconds_to_ready, "mitmdump": stock.seconds_to_ready}
            rows["memory, MB"] = {"sfs": ours.memory(), "mitmdump": stock.memory()}
            for page in SIZES:
                rows[f"HTTP {page} HTML, kept alive"] = compare(
                    lambda page=page: wrk(ours, site, page, seconds),
                    lambda page=page: wrk(stock, site, page, seconds),
                    pairs,
                )
            for keep, label in ((True, "kept alive"), (False, "new connections")):
                rows[f"HTTPS inspected, {label}"] = compare(
                    lambda keep=keep: https_load(ours, site, seconds, keep=keep, inspected=True),
                    lambda keep=keep: https_load(stock, site, seconds, keep=keep, inspected=True),
                    pairs,
                )
        with sfs(folder, site, "sni") as ours, mitmdump(folder, site, "--ignore-hosts", ".*") as stock:
            for keep, label in ((True, "kept alive"), (False, "new connections")):
                rows[f"HTTPS by name, {label}"] = compare(
                    lambda keep=keep: https_load(ours, site, seconds, keep=keep, inspected=False),
                    lambda keep=keep: https_load(stock, site, seconds, keep=keep, inspected=False),
                    pairs,
                )
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one measurement")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--client", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.client:
        print(asyncio.run(client(**json.loads(arguments.client))))
        return
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        raise SystemExit(f"missing: {', '.join(missing)}")
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("two cores are needed: one for the proxy, one for the load")
    rows = measure(arguments.seconds, arguments.pairs)
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'':34}{'sfs':>9}{'mitmdump':>10}{'ratio':>8}   low-high")
    for name, row in rows.items():
        ratio = f"{row['ratio']:8.2f}   {row['low']:.2f}-{row['high']:.2f}" if "ratio" in row else ""
        print(f"{name:34}{row['sfs']:9.1f}{row['mitmdump']:10.1f}{ratio}")


if __name__ == "__main__":
    main()
