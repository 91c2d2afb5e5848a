"""What may be a password, and its argon2 hash. Spec: NIST SP 800-63B section 5.1.1.2 (length, NFKC, no composition
rules, a list of common ones), RFC 9106 (argon2)."""

import threading
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from sfs.errors import SfsError

MIN_LENGTH: Final = 8
MAX_LENGTH: Final = 200
MIN_LETTERS: Final = 4  # different characters; "aaaaaaaa" is guessed first

# At most two at once: each takes 9 MiB, which the allocator keeps, and a small box at home has few.
_AT_ONCE: Final = threading.BoundedSemaphore(2)
# OWASP Password Storage Cheat Sheet: 9 MiB and four passes, one of the settings it lists as equally strong.
_HASHER: Final = PasswordHasher(time_cost=4, memory_cost=9216, parallelism=1)


class AccountError(SfsError):
    """A password or a name that is not taken. `key`: the sentence of the catalogue that says so to a reader."""

    def __init__(self, key: str, what: str, mend: str | None = None) -> None:
        super().__init__(what, None, mend)
        self.key = f"admin-account.{key}"


def normalized(text: str) -> str:
    """`text` in NFKC: the same password from every keyboard, full width or half."""
    return unicodedata.normalize("NFKC", text)


def check_password(password: str, name: str) -> str:
    """The password as it is hashed. AccountError where it is too short, too long, easily guessed, or the name."""
    if len(password) > MAX_LENGTH or len(plain := normalized(password)) > MAX_LENGTH:
        raise AccountError("password_long", f"the password has more than {MAX_LENGTH} characters", "take a shorter one")
    if len(plain) < MIN_LENGTH:
        raise AccountError("password_short", f"the password has under {MIN_LENGTH} characters", "take a longer one")
    folded = plain.casefold()
    if folded.strip() == normalized(name).casefold().strip():
        raise AccountError("password_name", "the password is the name", "take another one")
    if folded in _common() or len(set(folded)) < MIN_LETTERS:
        raise AccountError("password_common", "the password is one of the first that are tried", "take another one")
    return plain


def hash_password(plain: str) -> str:
    """The argon2id hash with its parameters; takes some 40 ms and 9 MiB, so it is called in a thread."""
    with _AT_ONCE:
        return _HASHER.hash(plain.encode("utf-8", "surrogatepass"))


def verify(stored: str | None, password: str) -> bool:
    """Whether `password` has the hash `stored`. None, where no such account exists, takes as long as a wrong one."""
    plain = normalized(password[:MAX_LENGTH])
    with _AT_ONCE:
        try:
            matches = _HASHER.verify(stored or _of_nobody(_HASHER), plain.encode("utf-8", "surrogatepass"))
        except (VerificationError, InvalidHashError):
            return False
    return matches and stored is not None and len(password) <= MAX_LENGTH


def is_old(stored: str) -> bool:
    """Whether a hash was made with other parameters than today's, and should be made anew."""
    return _HASHER.check_needs_rehash(stored)


def warm() -> None:
    """Make the hash that unknown names are compared with, so that the first such login takes no longer than others."""
    _of_nobody(_HASHER)


@cache
def _common() -> frozenset[str]:
    text = files("sfs.web").joinpath("common-passwords.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


@cache
def _of_nobody(hasher: PasswordHasher) -> str:
    return hasher.hash(b"nobody has this password")
