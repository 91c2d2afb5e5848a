"""The sites that the proxies of the benchmarks fetch from: nginx with their names, certificates and pages.

A load asks for many addresses of many sites, some of them far oftener than others (Zipf), as readers do: nobody is
measured on one line that never changes. What stands behind an address is one of a few pages."""

import datetime
import itertools
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.bench.japanese import japanese_page
from tests.bench.programs import LOAD_CORE, child, need, pinned
from tests.programs import free_port

SEED = 20261128
DAY = datetime.timedelta(days=1)
SITES = 60  # nss_wrapper takes about a hundred names
ADDRESSES, DRAWN = 600, 4000  # different ones, and how many a load goes through before it begins again
JAPANESE = 24  # different pages
PAGES = {"1k": 1_000, "40k": 40_000}
WRAPPER = next(iter(Path("/usr/lib").glob("*/libnss_wrapper.so")), None)
# What a browser sends with a page, over plain HTTP too.
FIELDS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Language": "ja,en;q=0.9",
    "Accept-Encoding": "gzip, deflate",
}
_WORDS = [
    "news",
    "museum",
    "weather",
    "garden",
    "train",
    "school",
    "bread",
    "river",
    "song",
    "map",
    "letter",
    "winter",
    "orchard",
    "bridge",
]


class Origin:
    """The servers, and one folder for everything. `ca`: signs their certificates; `names`: environment for a program
    that is to find them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.http, self.https = free_port(), free_port()
        self.ca = folder / "ca.pem"
        self.sites = [f"www.{a}-{b}.test" for a, b in itertools.islice(itertools.permutations(_WORDS, 2), SITES)]

    @cached_property
    def names(self) -> dict[str, str]:
        """Their names lead to loopback."""
        if WRAPPER is None:
            raise SystemExit("libnss_wrapper.so is not installed (Debian: libnss-wrapper)")
        file = self.folder / "hosts"
        file.write_text("".join(f"127.0.0.1 {site}\n" for site in (*self.sites, "localhost")))
        return {"LD_PRELOAD": str(WRAPPER), "NSS_WRAPPER_HOSTS": str(file)}

    def urls(self, kind: str, *, https: bool = False) -> list[str]:
        """DRAWN addresses of one kind ("1k", "40k", "japanese", "photo", "download"), drawn with Zipf's weights."""
        rng = random.Random(SEED)
        weights = list(itertools.accumulate(1 / rank for rank in range(1, SITES + 1)))
        scheme, port = ("https", self.https) if https else ("http", self.http)
        different = [
            f"{scheme}://{site}:{port}/{kind}/{rng.choice(_WORDS)}/{number % JAPANESE}/item-{number}.html"
            for number, site in enumerate(rng.choices(self.sites, cum_weights=weights, k=ADDRESSES))
        ]
        return rng.choices(different, k=DRAWN)

    def urls_file(self, kind: str, *, https: bool = False) -> Path:
        """The same, one a line."""
        file = self.folder / f"urls-{kind}-{'https' if https else 'http'}"
        file.write_text("".join(f"{url}\n" for url in self.urls(kind, https=https)))
        return file

    def prepare(self, size: int) -> None:
        """Write pages and certificates; `size`: bytes of the download."""
        for name, length in PAGES.items():
            (self.folder / f"{name}.html").write_text(_page(length))
        for number in range(JAPANESE):
            (self.folder / f"japanese{number}.html").write_text(japanese_page(number, 40_000), encoding="utf-8")
        (self.folder / "photo.jpg").write_bytes(random.Random(SEED).randbytes(40_000))
        with (self.folder / "download.bin").open("wb") as file:
            file.truncate(size)
        _certificates(self.folder, self.sites)

    @contextmanager
    def running(self) -> Iterator[None]:
        """nginx."""
        config = self.folder / "nginx.conf"
        config.write_text(self._config())
        user = ["-g", "user root;"] if os.geteuid() == 0 else []  # the folder is ours alone
        command = [*pinned(LOAD_CORE), need("nginx"), "-c", str(config), "-p", str(self.folder), *user]
        with child(command, self.https):
            yield

    def _config(self) -> str:
        folder = self.folder
        temporary = "".join(
            f"{kind}_temp_path {folder}/temp-{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        places = "location ~ ^/japanese/[a-z]+/([0-9]+)/ { try_files /japanese$1.html =404; }\n"
        for kind, file in (
            ("1k", "1k.html"),
            ("40k", "40k.html"),
            ("photo", "photo.jpg"),
            ("download", "download.bin"),
        ):
            places += f"location /{kind}/ {{ try_files /{file} =404; }}\n"
        servers = f"server {{ listen 127.0.0.1:{self.http}; {places} }}\n" + "".join(
            f"server {{ listen 127.0.0.1:{self.https} ssl; server_name {site}; {places}"
            f"ssl_certificate {folder}/{site}.pem; ssl_certificate_key {folder}/{site}.pem; }}\n"
            for site in self.sites
        )
        return (
            f"daemon off; worker_processes 1; worker_rlimit_nofile 16384; pid {folder}/nginx.pid;\n"
            "error_log stderr crit; events { worker_connections 8192; }\n"
            "http { access_log off; sendfile on; server_names_hash_bucket_size 64;\n"
            "default_type application/octet-stream; types { text/html html; image/jpeg jpg; }\n"
            "keepalive_requests 1000000; keepalive_timeout 3600;\n"
            f"{temporary}root {folder};\n{servers}}}\n"
        )


def _page(size: int) -> str:
    """HTML as pages have it, with a tag every forty characters."""
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page of some length</title>'
        '<meta name="description" content="What a page says of itself."><link rel="icon" href="/icon.png"></head>'
    )
    part = '<p>Some words of a text, with <a href="/page/1.html">a link</a> as pages have them.</p>\n'
    return head + "<body>" + part * ((size - len(head)) // len(part)) + "</body></html>\n"


def _certificates(folder: Path, sites: list[str]) -> None:
    """A CA, and for each site one file with its certificate and key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), _name("origin")
    ca = _certificate(name, key, name, key, x509.BasicConstraints(ca=True, path_length=0))
    (folder / "ca.pem").write_bytes(ca.public_bytes(Encoding.PEM))
    for site in sites:
        own = ec.generate_private_key(ec.SECP256R1())
        made = _certificate(_name(site), own, name, key, x509.SubjectAlternativeName([x509.DNSName(site)]))
        secret = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{site}.pem").write_bytes(made.public_bytes(Encoding.PEM) + secret)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - DAY).not_valid_after(now + 30 * DAY)
    return builder.add_extension(extension, critical=False).sign(signer, hashes.SHA256())
