"""Sheets under a signature (Ed25519, RFC 8032), so that who keeps them can show that they were not changed since."""

import base64
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from sfs.errors import SfsError, Where
from sfs.lists.private import write_private

FOLDER: Final = "selftest"
_MOST: Final = 200  # bytes of the file
_WHAT: Final = b"sfs isp selftest 1\n"  # a signature over a sheet is one over nothing else


def own_key(state: Path) -> Ed25519PrivateKey:
    """The key of this machine in its state folder, 0600; made at the first time. SfsError where it is none, or open to
    others."""
    path = state / FOLDER / "signing.key"
    try:
        if path.exists():
            if os.stat(path).st_mode & 0o077:
                raise SfsError("a key that others may read", Where(str(path)), f"chmod 600 {path}, or make a new one")
            with path.open("rb") as file:
                return Ed25519PrivateKey.from_private_bytes(base64.b64decode(file.read(_MOST).strip(), validate=True))
    except OSError as fault:
        raise SfsError(f"cannot be read: {fault.strerror}", Where(str(path)), "look who may read it") from None
    except ValueError:
        raise SfsError("no key", Where(str(path)), "move it away; a new one is made then") from None
    key = Ed25519PrivateKey.generate()
    raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    write_private(path, base64.b64encode(raw) + b"\n")
    return key


def public_text(key: Ed25519PrivateKey) -> str:
    """The public half, base64: who has it can verify the sheets of this machine."""
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def sign(key: Ed25519PrivateKey, data: bytes) -> str:
    """The signature of a sheet, base64."""
    return base64.b64encode(key.sign(_WHAT + data)).decode()


def verified(public: str, data: bytes, signature: str) -> bool:
    """Whether a signature is of this key over this sheet; False for what is no key or no signature."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        key.verify(base64.b64decode(signature, validate=True), _WHAT + data)
    except (ValueError, InvalidSignature):
        return False
    return True
