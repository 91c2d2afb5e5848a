"""The lines of squid.conf that put the filter into Squid. Tested with Debian's squid-openssl 5.7.

OK means shown, and everything is closed that is not shown: an ACL of which nobody knows (the helper failed, or its
queue is full) matches neither as itself nor as its opposite, and Squid then closes too."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sfs.errors import SfsError
from sfs.squid.asked import CLOSED
from sfs.squid.format import ACL, EXTRAS, HOST

type Mode = Literal["acl", "rewrite"]
type Tls = Literal["name", "splice", "bump"]
PAGE: Final = "ERR_SFS"  # a page in Squid's folder of error pages
ERRORS: Final = "/usr/share/squid/errors/templates"
CERTGEN: Final = "/usr/lib/squid/security_file_certgen"  # of Debian's squid-openssl
CONCURRENCY: Final = 500
# url_regex sees a URL with its escapes undone. This one has a host that is what it looks like, no port, and behind it
# printable ASCII but for " # and %: nothing that might make of it no request, or a request of another host.
PLAIN: Final = "^https?://[a-z0-9._-]+/[!$&-~]*$"
TTL: Final = 3  # seconds that Squid itself remembers an answer; as long the old filter may still be felt
_UNQUOTED: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:,@%{}?&~;")


@dataclass(frozen=True, slots=True)
class Fragment:
    """`program`: the command up to and with `squid`, and its options. `page`: the address of a block page; None for
    Squid's own error page PAGE. `children`: helper processes; `ttl`: seconds that Squid remembers an answer. `whole`:
    whether Squid first asks about the host: where mandatory lists alone count, that is the answer to most requests."""

    program: tuple[str, ...]
    mode: Mode = "acl"
    tls: Tls = "name"
    page: str | None = None
    children: int = 2
    ttl: int = TTL
    whole: bool = False


def fragment(of: Fragment) -> str:
    """The lines, ending in a line break. SfsError where the command cannot stand in squid.conf."""
    pages = _acl(of) if of.mode == "acl" or of.tls != "name" else ()
    lines = [*_HEAD, *pages, *(_whole(of) if _asks_hosts(of) else ()), *_tls(of), *_access(of)]
    return "\n".join(lines) + "\n"


_HEAD: Final = (
    "# Written by `sfs squid config`. Put it where http_access begins, before any line that allows clients;",
    "# lines that let only your own clients in still have to follow.",
)


def _acl(of: Fragment) -> Sequence[str]:
    # In both modes: what a rewriter answers to CONNECT ends in no page, and a handshake asks no rewriter.
    return (
        _helper(of, "sfs", of.children, ACL, "acl"),
        "acl sfs_shown external sfs",
        *((f"acl sfs_closed external sfs {CLOSED}",) if of.tls == "bump" else ()),
    )


def _helper(of: Fragment, name: str, children: int, form: str, mode: str) -> str:
    options = f"ttl={of.ttl} negative_ttl={of.ttl} children-max={children} children-startup={children}"
    queue = f"concurrency={CONCURRENCY} queue-size={CONCURRENCY * 8}"
    return f"external_acl_type {name} {options} {queue} {form} {_command((*of.program, '--mode', mode))}"


def _asks_hosts(of: Fragment) -> bool:
    return of.whole and of.ttl > 0  # an answer that is not remembered saves no other


def _whole(of: Fragment) -> Sequence[str]:
    # The key is the host and who asks. One child is enough: it is asked once a host.
    return (
        _helper(of, "sfs_host", 1, HOST, "host"),
        "acl sfs_host external sfs_host",
        f"acl sfs_plain url_regex {PLAIN}",
        "acl sfs_whole all-of sfs_plain sfs_host",
    )


def _tls(of: Fragment) -> Sequence[str]:
    if of.tls == "name":
        return ()
    opens = "on" if of.tls == "bump" else "off"
    port = f"ssl-bump generate-host-certificates={opens} tls-cert=/etc/squid/ca.pem"
    lines = [f"# The port needs a certificate with its key: http_port 3128 {port}"]
    if of.tls == "bump":
        lines += [f"# and so do those made for sites: sslcrtd_program {CERTGEN} -s /var/spool/squid/ssl_db -M 4MB"]
    lines += ["acl sfs_hello at_step SslBump1", "ssl_bump peek sfs_hello"]
    if of.tls == "splice":
        return (*lines, "ssl_bump terminate !sfs_shown", "ssl_bump splice all")
    return (*lines, "ssl_bump terminate sfs_closed !sfs_shown", "ssl_bump splice sfs_closed", "ssl_bump bump all")


def _access(of: Fragment) -> Sequence[str]:
    lines: list[str] = []
    if of.mode == "acl" or of.tls != "name":
        tunnels = "CONNECT sfs_closed" if of.tls == "bump" else "CONNECT"
        lines.append("acl CONNECT method CONNECT")
        if of.page is not None:
            lines.append(f"deny_info 302:{_page(of.page)} sfs_shown")
        else:
            lines.append(f"# The page that `sfs squid page` prints belongs into {ERRORS}/{PAGE}")
            lines.append(f"deny_info 403:{PAGE} sfs_shown")
        lines.append(f"http_access deny {tunnels} !sfs_shown")
        if of.mode == "acl":
            whole = "!sfs_whole " if _asks_hosts(of) else ""
            lines.append(f"http_access deny !CONNECT {whole}!sfs_shown")
    if of.mode == "rewrite":
        assert of.page is not None
        lines += [
            f"url_rewrite_program {_command((*of.program, '--mode', 'rewrite', '--page', of.page))}",
            f"url_rewrite_children {of.children} startup={of.children} concurrency={CONCURRENCY}",
            f'url_rewrite_extras "{EXTRAS}"',
            "url_rewrite_bypass off",
        ]
        if of.tls != "name":
            lines.append("url_rewrite_access deny CONNECT")  # judged above, with what the handshake names
        if _asks_hosts(of):
            lines.append("url_rewrite_access deny sfs_whole")
    return lines


def _page(page: str) -> str:
    """The address as a pattern of deny_info: %o is the decision code, %H the host."""
    return (
        page.replace("%", "%%")
        .replace("{code}", "%o")
        .replace("{host}", "%H")
        .replace("{check}", "-")
        .replace("{reason}", "-")
    )


def _command(words: Sequence[str]) -> str:
    """A command as Squid reads it: words at blanks, and nothing that it takes for its own."""
    for word in words:
        if not word or not set(word) <= _UNQUOTED:
            raise SfsError(f"{word!r} cannot stand in squid.conf", mend="use a path without blanks and quotes")
    return " ".join(words)
