"""Requests per second of `sfs run --level 2` against stock `mitmdump`, both on the same core, one after the other in
one run, so that what else the machine does hits both. README.md beside this says how to read the figures.

python tests/bench/proxy.py [--seconds S] [--pairs N] [--case NAME ...] [--starts N] [--json]"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOST = "localhost"  # a name that both resolve, to loopback
PROXY_CORE, LOAD_CORE = "0", "1"
PAGES = {"1 KB": ("/1k.html", 1_000), "40 KB": ("/40k.html", 40_000)}


@dataclass(frozen=True)
class Case:
    """`way`: http (wrk), kept or new (load.py). `https`: how SFS judges HTTPS; mitmdump does as much."""

    name: str
    page: str
    way: str
    https: str = "inspect"


CASES = [
    *(Case(f"HTTP, {page}", page, "http") for page in PAGES),
    *(Case(f"HTTPS inspected, kept alive, {page}", page, "kept") for page in PAGES),
    *(Case(f"HTTPS inspected, new connections, {page}", page, "new") for page in PAGES),
    *(Case(f"HTTPS by name, new connections, {page}", page, "new", "sni") for page in PAGES),
]


@dataclass
class Running:
    """A proxy that takes connections. `ready`: seconds from start to the first one it took."""

    name: str
    port: int
    pid: int
    ready: float
    ca: Path

    def memory(self) -> float:
        """Resident memory, MB."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found
        return int(found[1]) / 1024

    def cpu(self) -> float:
        """Seconds of a processor that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime and stime


@dataclass(frozen=True)
class Run:
    """One measurement: requests per second, and microseconds of a processor that the proxy used for each."""

    rate: float
    cpu: float = 0.0


@dataclass
class Figures:
    """The runs of one case, in order."""

    sfs: list[Run] = field(default_factory=list)
    stock: list[Run] = field(default_factory=list)
    direct: float = 0.0

    @property
    def ratios(self) -> list[float]:
        """Requests per second, ours to theirs, pair by pair."""
        return sorted(ours.rate / theirs.rate for ours, theirs in zip(self.sfs, self.stock, strict=True))


class Bench:
    """The origin with its certificate, and one folder for everything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.http, self.https = _free_port(), _free_port()
        self.ca = folder / "ca.pem"

    def prepare(self) -> None:
        """Pages and certificates."""
        for path, size in PAGES.values():
            self._page(self.folder / path[1:], size)
        run = _openssl(self.folder)
        ec = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        run(f"req -x509 {ec} -keyout ca.key -out ca.pem -days 30 -subj /CN=origin")
        run(f"req {ec} -keyout site.key -out site.csr -subj /CN={HOST}")
        (self.folder / "site.ext").write_text(f"subjectAltName=DNS:{HOST}\n")
        run("x509 -req -in site.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out site.pem -days 30 -extfile site.ext")

    @staticmethod
    def _page(file: Path, size: int) -> None:
        head = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page of some length</title>'
            '<meta name="description" content="What a page says of itself."><link rel="icon" href="/icon.png"></head>'
        )
        part = '<p>Some words of a text, with <a href="/page/1.html">a link</a> as pages have them.</p>\n'
        file.write_text(head + "<body>" + part * ((size - len(head)) // len(part)) + "</body></html>\n")

    @contextmanager
    def nginx(self) -> Iterator[None]:
        """The origin, on the load's core."""
        config = self.folder / "nginx.conf"
        config.write_text(
            f"daemon off; worker_processes 1; pid {self.folder}/nginx.pid; error_log stderr crit;\n"
            "events { worker_connections 1024; }\n"
            "http { access_log off; default_type text/html; types { text/html html; } keepalive_requests 1000000;\n"
            f"client_body_temp_path {self.folder}; proxy_temp_path {self.folder}; fastcgi_temp_path {self.folder};\n"
            f"uwsgi_temp_path {self.folder}; scgi_temp_path {self.folder};\n"
            f"server {{ listen 127.0.0.1:{self.http}; root {self.folder}; }}\n"
            f"server {{ listen 127.0.0.1:{self.https} ssl; root {self.folder};\n"
            f"ssl_certificate {self.folder}/site.pem; ssl_certificate_key {self.folder}/site.key; }} }}\n"
        )
        user = ["-g", "user root;"] if os.geteuid() == 0 else []  # the folder is ours alone
        with _child([*_pinned(LOAD_CORE), _need("nginx"), "-c", str(config), "-p", str(self.folder), *user]) as child:
            _wait_for(self.https, child)
            yield

    @contextmanager
    def sfs(self, https: str) -> Iterator[Running]:
        """`sfs run --level 2`."""
        state = self.folder / f"sfs-{https}"
        state.mkdir(exist_ok=True)
        config = state / "config.yaml"
        config.write_text(f"https: {https}\nreach: [127.0.0.0/8, '::1']\nupstream_ca: {self.ca}\n")
        port = _free_port()
        command = [sys.executable, "-m", "sfs", "run", "--level", "2", "--config", str(config), "--state", str(state)]
        ca = state / "ca" / "mitmproxy-ca-cert.pem"
        command += ["--listen", f"127.0.0.1:{port}", "--admin", "127.0.0.1:0"]
        yield from self._proxy("sfs", command, port, ca if https != "sni" else None)

    @contextmanager
    def stock(self, https: str) -> Iterator[Running]:
        """mitmdump as it comes, with the options that make it do the same work."""
        folder = self.folder / f"mitm-{https}"
        port = _free_port()
        command = [str(Path(sys.executable).with_name("mitmdump")), "-q", "--listen-host", "127.0.0.1", "-p", str(port)]
        command += ["--set", f"confdir={folder}", "--set", f"ssl_verify_upstream_trusted_ca={self.ca}"]
        if https == "sni":
            command += ["--ignore-hosts", ".*"]
        yield from self._proxy("mitmdump", command, port, folder / "mitmproxy-ca-cert.pem" if https != "sni" else None)

    def _proxy(self, name: str, command: list[str], port: int, ca: Path | None) -> Iterator[Running]:
        begin = time.perf_counter()
        with _child([*_pinned(PROXY_CORE), *command]) as child:
            _wait_for(port, child)
            yield Running(name, port, child.pid, time.perf_counter() - begin, ca or self.ca)

    def measure(self, case: Case, proxy: Running | None, seconds: float) -> Run:
        """Load through a proxy, or on the origin itself."""
        before = proxy.cpu() if proxy else 0.0
        requests, rate = self._load(case, proxy, seconds)
        used = proxy.cpu() - before if proxy else 0.0
        return Run(rate, used / requests * 1e6)

    def _load(self, case: Case, proxy: Running | None, seconds: float) -> tuple[int, float]:
        """How many requests were answered, and how many a second."""
        path = PAGES[case.page][0]
        if case.way == "http":
            return self._wrk(path, proxy.port if proxy else self.http, seconds)
        port, ca = (proxy.port, proxy.ca) if proxy else (0, self.ca)
        load = [sys.executable, str(Path(__file__).with_name("load.py")), str(port), HOST, str(self.https), path]
        done = _run([*_pinned(LOAD_CORE), *load, str(seconds), case.way, str(ca)])
        figures = json.loads(done)
        if figures["failures"]:
            raise SystemExit(f"{case.name}: {figures['failures']} of {figures['requests']} requests failed")
        return figures["requests"], figures["requests"] / figures["seconds"]

    def _wrk(self, path: str, port: int, seconds: float) -> tuple[int, float]:
        script = self.folder / "absolute.lua"
        script.write_text(
            f'wrk.headers["Host"] = "{HOST}:{self.http}"\nwrk.headers["Accept"] = "text/html"\n'
            f'request = function() return wrk.format("GET", "http://{HOST}:{self.http}{path}") end\n'
        )
        whole = max(1, round(seconds))  # wrk takes no fractions
        command = [_need("wrk"), "-t1", "-c16", f"-d{whole}s", "-s", str(script), f"http://127.0.0.1:{port}"]
        out = _run([*_pinned(LOAD_CORE), *command])
        if "Non-2xx" in out or "Socket errors" in out:
            raise SystemExit(f"wrk: requests failed:\n{out}")
        total, rate = re.search(r"(\d+) requests in", out), re.search(r"Requests/sec:\s+([\d.]+)", out)
        if total is None or rate is None:
            raise SystemExit(f"wrk said nothing of requests:\n{out}")
        return int(total[1]), float(rate[1])


def _pinned(core: str) -> list[str]:
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        return []  # one core alone, or a system without pinning: the figures then hold the load's own work
    return [_need("taskset"), "-c", core]


def _need(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        raise SystemExit(f"{name} is not installed (Debian: nginx-light, wrk, util-linux)")
    return found


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode != 0 or done.stderr:
        raise SystemExit(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _openssl(folder: Path):
    def run(text: str) -> None:
        subprocess.run([_need("openssl"), *text.split()], check=True, capture_output=True, cwd=folder)

    return run


@contextmanager
def _child(command: list[str]) -> Iterator[subprocess.Popen]:
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT, env=environment)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stderr is not None:
            child.stderr.close()


def _wait_for(port: int, child: subprocess.Popen) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if child.poll() is not None:
            raise SystemExit(f"ended before it took connections:\n{child.stderr.read().decode()}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise SystemExit(f"nothing listens on port {port} after a minute")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def measure_pairs(bench: Bench, cases: list[Case], pairs: int, seconds: float) -> tuple[dict[str, Figures], dict]:
    """Every case, in the order A B, B A, A B ..., and the memory of both before and after. Both run all the time; the
    one that is not asked costs nothing."""
    figures = {case.name: Figures() for case in cases}
    memory: dict[str, list[float]] = {}
    for https in dict.fromkeys(case.https for case in cases):
        with bench.sfs(https) as sfs, bench.stock(https) as stock:
            idle = {proxy.name: proxy.memory() for proxy in (sfs, stock)}
            for case in (case for case in cases if case.https == https):
                of = figures[case.name]
                of.direct = bench.measure(case, None, seconds).rate
                for proxy in (sfs, stock):
                    bench.measure(case, proxy, min(seconds, 1.0))  # certificates, first pages
                for number in range(pairs):
                    for proxy in (sfs, stock) if number % 2 == 0 else (stock, sfs):
                        (of.sfs if proxy is sfs else of.stock).append(bench.measure(case, proxy, seconds))
            for proxy in (sfs, stock):
                memory.setdefault(proxy.name, [idle[proxy.name]]).append(proxy.memory())
    return figures, memory


def measure_starts(bench: Bench, count: int) -> dict[str, list[float]]:
    """Seconds from start to ready, warm: one start of each goes before and does not count."""
    ready: dict[str, list[float]] = {"sfs": [], "mitmdump": []}
    for number in range(count + 1):
        for make in (bench.sfs, bench.stock) if number % 2 == 0 else (bench.stock, bench.sfs):
            with make("inspect") as proxy:
                if number:
                    ready[proxy.name].append(proxy.ready)
    return ready


def report(figures: dict[str, Figures], memory: dict[str, list[float]], ready: dict[str, list[float]]) -> str:
    """The figures as a table: medians, and the ratio of each pair with its spread."""
    lines = [
        f"{'requests per second':<42} {'sfs':>6} {'stock':>6}  ratio (lowest to highest)  CPU us a request  direct"
    ]
    for name, of in figures.items():
        ours, theirs = (statistics.median(run.rate for run in runs) for runs in (of.sfs, of.stock))
        our_cpu, their_cpu = (statistics.median(run.cpu for run in runs) for runs in (of.sfs, of.stock))
        ratios = of.ratios
        spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        cpu = f"{our_cpu:.0f} / {their_cpu:.0f}"
        lines.append(f"{name:<42} {ours:6.0f} {theirs:6.0f}  {spread:<25}  {cpu:<16}  {of.direct:.0f}")
    for name, seconds in ready.items():
        if seconds:
            times = f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"
            lines.append(f"start to ready, seconds: {name} {times}")
    for name, values in memory.items():
        lines.append(f"memory, MB: {name} {values[0]:.0f} when ready, {max(values[1:]):.0f} after the load")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--case", action="append", default=[], help="part of a case's name; all where none is given")
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    cases = [case for case in CASES if not asked.case or any(part in case.name for part in asked.case)]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bench = Bench(Path(folder))
        bench.prepare()
        stack.enter_context(bench.nginx())
        ready = measure_starts(bench, asked.starts)
        figures, memory = measure_pairs(bench, cases, asked.pairs, asked.seconds)
    if asked.json:
        cases_as = {
            name: {"sfs": list(map(asdict, of.sfs)), "mitmdump": list(map(asdict, of.stock)), "direct": of.direct}
            for name, of in figures.items()
        }
        print(json.dumps({"cases": cases_as, "memory": memory, "ready": ready}))
    else:
        print(report(figures, memory, ready))


if __name__ == "__main__":
    main()
