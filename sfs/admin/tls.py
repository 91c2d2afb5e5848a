"""The certificate of the admin pages beyond loopback: signed by SFS's own CA, which a device trusts that was set up."""

import ipaddress
import os
import ssl
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sfs.errors import SfsError, Where

CA_FILE: Final = "mitmproxy-ca.pem"  # in STATE/ca: key and certificate
SERVER_FILE: Final = "admin.pem"  # beside it: key, certificate, the CA's certificate
LASTS: Final = timedelta(days=397)  # CA/Browser Forum baseline requirements 6.3.2: the most that browsers take
RENEW: Final = timedelta(days=30)
BEFORE: Final = timedelta(days=1)  # clocks of devices run behind
MAX_FILE: Final = 262_144  # bytes

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey


def server_context(folder: Path, names: Iterable[str], now: datetime | None = None) -> ssl.SSLContext:
    """TLS 1.2 and later with the certificate for `names` (IP addresses and host names). `folder`: STATE/ca, where the
    CA is and the certificate is kept. SfsError where there is no CA that can be read, or nothing can be written."""
    path = server_certificate(folder, names, now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(path)
    return context


def server_certificate(folder: Path, names: Iterable[str], now: datetime | None = None) -> Path:
    """The file with key and certificate, 0600: the one there is, or a new one where the names or the CA have changed
    or fewer than 30 days are left. SfsError as server_context."""
    moment = now or datetime.now(UTC)
    wanted = frozenset(_general_name(name) for name in names)
    if not wanted:
        raise SfsError("a certificate needs at least one address or name")
    target = folder / SERVER_FILE
    try:
        key, ca = _load_ca(folder / CA_FILE)
        if not _still_good(target, ca, wanted, moment):
            _write(target, _made(key, ca, wanted, moment))
    except OSError as fault:
        raise SfsError(
            f"the certificate of the admin pages: {fault.strerror}", Where(str(folder)), "make the folder writable"
        ) from None
    return target


def _general_name(name: str) -> x509.GeneralName:
    plain = name.partition("%")[0]
    try:
        return x509.IPAddress(ipaddress.ip_address(plain))
    except ValueError:
        pass
    try:
        return x509.DNSName(plain.encode("idna").decode("ascii").lower())
    except UnicodeError:
        raise SfsError(f"{name[:80]!r} is no host name", mend="name an address or a host") from None


def _load_ca(path: Path) -> tuple[SigningKey, x509.Certificate]:
    data = _read(path)
    fault = SfsError("there is no CA with its key", Where(str(path)), "start `sfs run` once: it makes one")
    try:
        key = serialization.load_pem_private_key(data, None)
        certificates = x509.load_pem_x509_certificates(data)
    except (ValueError, TypeError):
        raise fault from None
    own = _public(key.public_key())
    ca = next((found for found in certificates if _public(found.public_key()) == own), None)
    if ca is None or not isinstance(key, SigningKey):
        raise fault
    return key, ca


def _public(key: object) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.DER, form)  # type: ignore[attr-defined, no-any-return]


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_FILE)


def _still_good(path: Path, ca: x509.Certificate, wanted: frozenset[x509.GeneralName], now: datetime) -> bool:
    try:
        data = _read(path)
        key = serialization.load_pem_private_key(data, None)
        certificate = x509.load_pem_x509_certificates(data)[0]
        names = frozenset(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        certificate.verify_directly_issued_by(ca)
    except (OSError, ValueError, TypeError, IndexError, x509.ExtensionNotFound, InvalidSignature):
        return False
    if names != wanted or _public(key.public_key()) != _public(certificate.public_key()):
        return False
    return certificate.not_valid_before_utc <= now and now + RENEW < certificate.not_valid_after_utc


def _made(key: SigningKey, ca: x509.Certificate, wanted: frozenset[x509.GeneralName], now: datetime) -> bytes:
    """Key, certificate and the CA's certificate, PEM."""
    own = ec.generate_private_key(ec.SECP256R1())
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SFS")]))
        .issuer_name(ca.subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(max(now - BEFORE, ca.not_valid_before_utc))
        .not_valid_after(min(now - BEFORE + LASTS, ca.not_valid_after_utc))
        .add_extension(x509.SubjectAlternativeName(sorted(wanted, key=repr)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, **usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        .add_extension(_authority(ca), critical=False)
    )
    hashed = None if isinstance(key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)) else hashes.SHA256()
    pem = serialization.Encoding.PEM
    secret = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return secret + builder.sign(key, hashed).public_bytes(pem) + ca.public_bytes(pem)


def _authority(ca: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        named = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(named)


def _write(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
