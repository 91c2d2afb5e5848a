"""A provider in small: BIND, Unbound, Knot Resolver and PowerDNS Recursor with an output of SFS, Squid with one, `sfs
run` with profile isp, and nginx as the stop page, all on loopback; and the plan by which they are tested.

A fault is planted by starting one of them in another way (faults.py); the others stay as they are.
"""

import ipaddress
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from sfs.export.engines import ENGINES
from sfs.export.order import Order, sift
from sfs.export.transfer import bind_policy, bind_secondary
from sfs.lists.canary import canary_tree, neighbours
from sfs.lists.mandatory import Purpose, Report
from sfs.lists.mandatory_file import read_mandatory
from tests.e2e.proxy import Proxy
from tests.export.engines import programs
from tests.export.engines.programs import EXEMPT, STOP4, STOP6, Program
from tests.programs import free_port, listens
from tests.squid.squids import Squid

ZONE = "policy.rpz"
SERIAL = 2026112802
TREE = canary_tree(ZONE)
LIST = "tree.example\n=host.example\nother.shared.example\n"
ENGINES4 = ("bind", "unbound", "knot", "pdns")
ENCRYPTED = ("bind", "unbound", "knot")  # PowerDNS Recursor answers no DNS over TLS or HTTPS itself
ALIAS = "alias.example"
OPEN = neighbours(ZONE)


@dataclass(frozen=True)
class How:
    """How one of them is started. `lines` of the list; `edit`: what is done to the output; `loaded`: whether it is
    loaded at all; `six`, `encrypted`: whether it answers at ::1, and over TLS and HTTPS; `beside`: a second one without
    the list answers there in its place."""

    lines: str = LIST
    stop: tuple[str, ...] = (STOP4, STOP6)
    exempt: tuple[str, ...] = (f"{EXEMPT}/32",)
    serial: int = SERIAL
    form: str = ""
    edit: Callable[[str], str] = field(default=lambda text: text)
    settings: Callable[[str], str] = field(default=lambda text: text)
    loaded: bool = True
    six: bool = True
    encrypted: bool = True


WELL = How()
# The --format of each resolver that takes clients out; rpz where it can.
FORMS = {"bind": "rpz", "unbound": "unbound", "knot": "knot", "pdns": "pdns"}


@dataclass
class Ports:
    """Where a resolver answers."""

    plain: int
    tls: int
    https: int


def output(form: str, how: How) -> str:
    """What `sfs lists export` writes."""
    found = read_mandatory(how.lines.encode().splitlines(keepends=True), "list.txt", Purpose.POLICY)
    order = Order(
        Purpose.POLICY,
        ZONE,
        how.serial,
        found.entries,
        tuple(ipaddress.ip_address(one) for one in how.stop),
        tuple(ipaddress.ip_network(one) for one in how.exempt),
    )
    engine = ENGINES[form]
    return how.edit("".join(f"{line}\n" for line in engine.write(order, sift(engine, order, Report(), "list.txt"))))


def world(folder: Path) -> Program:
    """What everybody else says: names below example. have data, and one of them leads to the canary."""
    made = programs.upstream(folder)
    with (folder / "example.zone").open("a") as zone:
        zone.write(f"{ALIAS}. CNAME {TREE}.\n")
    return made


def certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate of nobody."""
    key, pem = folder / "tls.key", folder / "tls.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subprocess.run([*words, "-subj", "/CN=test", "-keyout", key, "-out", pem], check=True, capture_output=True)
    return key, pem


class Resolvers:
    """Starts resolvers; `ports` says where each answers, whoever starts it."""

    def __init__(self, folder: Path, upstream: Program) -> None:
        self.folder, self.upstream, self.count = folder, upstream, 0
        self.key, self.pem = certificate(folder)
        self.ports = {name: Ports(free_port(), free_port(), free_port()) for name in ENGINES4}

    def start(self, engine: str, how: How, ports: Ports | None = None) -> Program:
        """One of them, not yet running."""
        self.count += 1
        folder = self.folder / f"{engine}{self.count}"
        folder.mkdir()
        ports = ports or self.ports[engine]
        form = how.form or FORMS[engine]
        file = folder / f"list.{form}"
        if how.loaded:
            file.write_text(output(form, how))
        made = getattr(self, f"_{engine}")(folder, file, form, how, ports)
        config = next(path for path in folder.iterdir() if path.name in CONFIGS)
        text = config.read_text().replace(str(made.port), str(ports.plain))
        if not how.six:
            text = _without_six(engine, text, ports.plain)
        config.write_text(how.settings(text))
        made.port = ports.plain
        return made

    def _bind(self, folder: Path, file: Path, form: str, how: How, ports: Ports) -> Program:
        policy = bind_policy([ZONE]) if how.loaded else ""
        lines = "\n".join(bind_secondary(ZONE, file, None, secret=False)) + "\n" if how.loaded else ""
        if how.encrypted:
            for word, here in (("listen-on", "{ 127.0.0.1; }"), ("listen-on-v6", "{ ::1; }")):
                policy += f" {word} port {ports.tls} tls ephemeral {here};"
                policy += f" {word} port {ports.https} tls ephemeral http default {here};"
        return programs.named(folder, self.upstream, policy, lines)

    def _unbound(self, folder: Path, file: Path, form: str, how: How, ports: Ports) -> Program:
        lines = "" if not how.loaded else f'include: "{file}"\n'
        modules = "iterator"
        if how.loaded and form == "rpz":
            lines, modules = f'rpz:\n  name: "{ZONE}."\n  zonefile: "{file}"\n  rpz-log: no\n', "respip iterator"
        if how.encrypted:
            lines = (
                f"server:\n  interface: 127.0.0.1@{ports.tls}\n  interface: 127.0.0.1@{ports.https}\n"
                f"  interface: ::1@{ports.tls}\n  interface: ::1@{ports.https}\n"
                f'  tls-port: {ports.tls}\n  https-port: {ports.https}\n  tls-service-key: "{self.key}"\n'
                f'  tls-service-pem: "{self.pem}"\n{lines}'
            )
        return programs.unbound(folder, self.upstream, lines, modules)

    def _knot(self, folder: Path, file: Path, form: str, how: How, ports: Ports) -> Program:
        lines = "" if not how.loaded else f"dofile('{file}')\n"
        if how.loaded and form == "rpz":
            lines = f"policy.add(policy.rpz(policy.DENY, '{file}', false))\n"
        if how.encrypted:
            for address in ("127.0.0.1", "::1"):
                lines = (
                    f"net.listen('{address}', {ports.tls}, {{ kind = 'tls' }})\n"
                    f"net.listen('{address}', {ports.https}, {{ kind = 'doh2' }})\n{lines}"
                )
        return programs.kresd(folder, self.upstream, lines)

    def _pdns(self, folder: Path, file: Path, form: str, how: How, ports: Ports) -> Program:
        lines = "" if not how.loaded else f"lua-dns-script={file}\n"
        if how.loaded and form == "rpz":
            (folder / "policy.lua").write_text(f'rpzFile("{file}", {{ policyName = "{ZONE}" }})\n')
            lines = f"lua-config-file={folder}/policy.lua\ndisable-packetcache=yes\n"
        return programs.pdns(folder, self.upstream, lines)


CONFIGS = ("named.conf", "unbound.conf", "kresd.conf", "recursor.conf")


def _without_six(engine: str, text: str, port: int) -> str:
    six = {
        "bind": f"listen-on-v6 port {port} {{ ::1; }}; ",
        "unbound": "  interface: ::1\n",
        "knot": f"net.listen('::1', {port}, {{ kind = 'dns' }})\n",
        "pdns": f", [::1]:{port}",
    }[engine]
    assert six in text
    return text.replace(six, "listen-on-v6 { none; }; " if engine == "bind" else "")


def only_six(engine: str, text: str, port: int) -> str:
    """A configuration that answers at ::1 alone."""
    four, less = {
        "bind": (f"listen-on port {port} {{ 127.0.0.1; }}; ", "listen-on { none; }; "),
        "unbound": ("  interface: 127.0.0.1\n", ""),
        "knot": (f"net.listen('127.0.0.1', {port}, {{ kind = 'dns' }})\n", ""),
        "pdns": (f"127.0.0.1:{port}, ", ""),
    }[engine]
    assert four in text
    return text.replace(four, less)


class AtSix(Program):
    """A resolver that answers at ::1 alone."""

    @classmethod
    def of(cls, made: Program) -> "AtSix":
        return cls(made.command, made.folder, made.port)

    def _answers(self) -> bool:
        found = programs.dig(self.port, [f"{self.ready} A"], source="::1", timeout=1)
        return len(found) == 1 and found[0].status == "NOERROR"


class StopPage:
    """nginx that says 451 to everybody, unless it is told to say something else."""

    def __init__(self, folder: Path, port: int, status: int = 451, link: bool = True) -> None:
        self.folder, self.port = folder, port
        folder.mkdir()
        said = 'add_header Link "<https://isp.example/blocking>; rel=\\"blocked-by\\"" always;' if link else ""
        (folder / "nginx.conf").write_text(
            f"daemon off; pid {folder}/pid; error_log {folder}/error; worker_processes 1;\n"
            f"events {{ }}\nhttp {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;\n"
            f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
            f"server {{ listen 127.0.0.1:{port}; location / {{ {said} return {status}; }} }} }}\n"
        )

    def __enter__(self) -> "StopPage":
        words = [
            programs.program("nginx", "nginx-light"),
            "-p",
            str(self.folder),
            "-c",
            str(self.folder / "nginx.conf"),
        ]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + programs.WAIT
        while not listens(self.port):
            assert self.process.poll() is None and time.monotonic() < end, (self.folder / "error").read_text()
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(15)


class Site:
    """All of them. `start` starts one anew in another way, after the one that was there; `plan` writes the plan."""

    def __init__(self, folder: Path, *, stop: tuple[str, ...] = (STOP4, STOP6)) -> None:
        self.folder, self.stop = folder, stop
        self.running: dict[str, ExitStack] = {}
        self.page_port = free_port()
        self.count = 0

    def __enter__(self) -> "Site":
        self.folder.chmod(0o755)
        self.world = world(self.folder / "world")
        self.world.__enter__()
        self.resolvers = Resolvers(self.folder, self.world)
        # Of the proxy the canaries have no address: it tells who has one on loopback, before it looks at lists.
        self.hosts, self.neighbours = self.folder / "hosts", self.folder / "neighbours"
        self.hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in (TREE, f"www.{TREE}", *OPEN)))
        self.neighbours.write_text("".join(f"127.0.0.1 {name}\n" for name in OPEN))
        self.reset()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.running.values():
            one.close()
        self.world.__exit__()

    def well(self, name: str) -> None:
        """Start one as it should be."""
        if name in ENGINES4:
            self.start(name, self.resolvers.start(name, replace(WELL, stop=self.stop)))
        elif name == "squid":
            self.start_squid(output("squid", WELL))
        elif name == "proxy":
            self.start_proxy(f"{LIST}{TREE}\n")
        else:
            self.start("page", StopPage(self.made("page"), self.page_port))

    def answer(self, stop: tuple[str, ...]) -> None:
        """Let all lists answer so from now on."""
        self.stop = stop
        for name in ENGINES4:
            self.stop_one(name)
        self.reset()

    def reset(self) -> None:
        """Start everything that does not run as it should."""
        for name in (*ENGINES4, "squid", "proxy", "page"):
            if name not in self.running:
                self.well(name)

    def made(self, name: str) -> Path:
        """A folder for what is started."""
        self.count += 1
        return self.folder / f"{name}-{self.count}"

    def stop_one(self, name: str) -> None:
        """End what runs under a name."""
        if name in self.running:
            self.running.pop(name).close()

    def start(self, name: str, *programs_: object) -> None:
        """Start programs in the place of what runs under a name."""
        self.stop_one(name)
        with ExitStack() as stack:
            for one in programs_:
                stack.enter_context(one)  # type: ignore[arg-type]
            self.running[name] = stack.pop_all()

    def start_squid(self, lines: str) -> None:
        """Squid with these lines."""
        folder = self.made("squid")
        folder.mkdir()
        (folder / "list.squid").write_text(lines)
        self.squid = Squid(folder, f"include {folder}/list.squid\n", hosts=self.hosts)
        self.start("squid", self.squid)

    def start_proxy(self, entries: str, **what: object) -> None:
        """`sfs run` with profile isp and these entries."""
        state = self.made("proxy")
        state.mkdir()
        (state / "law.txt").write_text(entries)
        law = {"name": "law", "url": str(state / "law.txt")} | (what or {"mandatory": True})
        self.proxy = Proxy({"profile": "isp", "lists": [law]}, state, self.neighbours)
        self.start("proxy", self.proxy)

    def plan(self, **more: object) -> Path:
        """The plan, in a file."""
        ports = self.resolvers.ports
        rows = []
        for name in ENGINES4:
            row = {"name": name, "engine": name, "at": ["127.0.0.1", "::1"], "port": ports[name].plain}
            # Where nothing is answered over TLS, nobody answers at that port: it is looked at all the same.
            row |= {"exempt_from": EXEMPT, "look": [] if name in ENCRYPTED else [ports[name].tls]}
            if name in ENCRYPTED:
                row |= {"dot": ports[name].tls, "doh": ports[name].https}
            rows.append(row)
        plan = {
            "lists": [
                {
                    "zone": ZONE,
                    "answer": list(self.stop) or "nxdomain",
                    "serial": SERIAL,
                    "open": list(OPEN),
                    "alias": ALIAS,
                }
            ],
            "resolvers": rows,
            "squid": [{"name": "squid", "at": f"127.0.0.1:{self.squid.port}"}],
            "proxies": [{"name": "proxy", "at": self.proxy.address}],
            "stop_pages": [f"http://127.0.0.1:{self.page_port}/"],
        } | more
        path = self.folder / "plan.yaml"
        path.write_text(yaml.safe_dump(plan))
        return path
