"""What stands in a line of Squid's, by the same text that stands in squid.conf.

Spec: squid.conf, `logformat`, `external_acl_type`, `url_rewrite_extras` (Squid 5 and 6). As tested with 5.7: without a
modifier Squid escapes blanks and unsafe characters but leaves % as it is, so that nothing can be told back; with #
(`%#URI`) it escapes % too, and the field is what was asked, byte for byte.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sfs.errors import SfsError


class Field(StrEnum):
    """What a field of a line tells."""

    URL = "url"
    HOST = "host"
    PORT = "port"
    CLIENT = "client"
    LOGIN = "login"
    METHOD = "method"
    SNI = "sni"
    DESTINATION = "sec-fetch-dest"
    ACCEPT = "accept"
    DATA = "data"  # what stands behind the name of the external ACL
    OTHER = "other"  # told, and not looked at


@dataclass(frozen=True, slots=True)
class Format:
    """`fields` in their order; `escaped`: those that are to be unescaped once."""

    fields: tuple[Field, ...]
    escaped: frozenset[Field]


_CODES: Final = {
    "URI": Field.URL,
    ">ru": Field.URL,
    "ru": Field.URL,
    "DST": Field.HOST,
    ">rd": Field.HOST,
    "rd": Field.HOST,
    "PORT": Field.PORT,
    ">rP": Field.PORT,
    "rP": Field.PORT,
    "SRC": Field.CLIENT,
    ">a": Field.CLIENT,
    "LOGIN": Field.LOGIN,
    "un": Field.LOGIN,
    "ul": Field.LOGIN,
    "ui": Field.LOGIN,
    "ue": Field.LOGIN,
    "IDENT": Field.LOGIN,
    "EXT_USER": Field.LOGIN,
    "METHOD": Field.METHOD,
    ">rm": Field.METHOD,
    "rm": Field.METHOD,
    "ssl::>sni": Field.SNI,
    ">sni": Field.SNI,
    "DATA": Field.DATA,
    "ACL": Field.OTHER,
    "PROTO": Field.OTHER,
    ">rs": Field.OTHER,
    "rs": Field.OTHER,
    "PATH": Field.OTHER,
    ">rp": Field.OTHER,
    "rp": Field.OTHER,
    "MYADDR": Field.OTHER,
    "MYPORT": Field.OTHER,
    "la": Field.OTHER,
    "lp": Field.OTHER,
}
_HEADERS: Final = {"sec-fetch-dest": Field.DESTINATION, "accept": Field.ACCEPT}
_HEADER: Final = re.compile(r">?(?:h|ha)?\{([A-Za-z-]{1,60})\}(?:>h|>ha)?|>ha?\{([A-Za-z-]{1,60})\}")
MAX_FIELDS: Final = 32

# What `sfs squid config` writes and both modes take where nothing else is said. The URL stands first: a whole line of
# one client is then told apart by its first blank.
ACL: Final = "%#URI %SRC %#un %METHOD %#ssl::>sni %#{Sec-Fetch-Dest}>h %#{Accept}>h %DATA"
EXTRAS: Final = "%>a %#un %>rm %#ssl::>sni %#{Sec-Fetch-Dest}>h %#{Accept}>h"
REWRITE: Final = f"%URI {EXTRAS}"  # Squid puts the URL there itself, as it was asked
HOST: Final = "%DST %SRC %#un"  # what an answer about a whole host hangs on


def parse_format(text: str) -> Format:
    """The fields of a format line. SfsError for a code that is not known, and where neither URL nor host is told."""
    codes = text.split()
    if len(codes) > MAX_FIELDS:
        raise SfsError(f"--format has {len(codes)} fields", mend=f"name {MAX_FIELDS} at most")
    found = [_field(code) for code in codes]
    fields = tuple(field for field, _ in found)
    if not {Field.URL, Field.HOST} & set(fields):
        raise SfsError(f"--format {text!r} tells neither URL nor host", mend="put %#URI into it, or %DST")
    twice = next((field for field in fields if field is not Field.OTHER and fields.count(field) > 1), None)
    if twice is not None:
        raise SfsError(f"--format {text!r} tells the {twice} twice", mend="leave one of them out")
    return Format(fields, frozenset(field for field, escaped in found if escaped))


def _field(code: str) -> tuple[Field, bool]:
    escaped = code.startswith("%#")
    name = code.removeprefix("%").removeprefix("#")
    if not code.startswith("%"):
        raise SfsError(f"--format: {code!r} is no format code", mend="write it as in squid.conf, with a %")
    field = _CODES.get(name)
    header = _HEADER.fullmatch(name) if field is None else None
    if header is not None:
        field = _HEADERS.get((header[1] or header[2]).lower(), Field.OTHER)
    if field is None:
        known = " ".join(f"%{one}" for one in ("URI", "DST", "PORT", "SRC", "LOGIN", "un", "ssl::>sni", "METHOD"))
        mend = f"known are {known} %>{{Accept}} %>{{Sec-Fetch-Dest}} %DATA %ACL, each also with # behind the %"
        raise SfsError(f"--format: {code!r} is not known", mend=mend)
    return field, escaped
