"""Firewall lines for nftables: the web is reached through the proxy, or not at all.

What goes past the proxy is answered at once (TCP reset, ICMP "administratively prohibited"), not dropped: a page that
never comes is worse to look at than an error.

    machine   output: programs of this machine; the proxy is known by its user, or by a mark
    gateway   forward: what other devices send through this machine; the proxy runs on it, or at the address given
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sfs.errors import SfsError
from sfs.text.address import Address, parse_address

Where = Literal["machine", "gateway"]

MAX_RESOLVERS: Final = 16
_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}|[0-9]{1,10}")  # useradd's names, or a number
_LOCAL4: Final = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16"
_LOCAL6: Final = "fc00::/7, fe80::/10"
_REFUSED: Final = "counter reject with icmpx type admin-prohibited"
_RESET: Final = "counter reject with tcp reset"


@dataclass(frozen=True, slots=True)
class Rules:
    """`proxy`: the proxy's address where another machine runs it. `users`: who may open the web itself on this machine,
    by name or number. `mark`: the mark of packets that may. `resolvers`: the DNS servers that may be asked, () for any.
    `strict`: whether everything that is not named is closed too (other ports, VPNs)."""

    where: Where
    proxy: Address | None = None
    users: tuple[str, ...] = ("sfs",)
    mark: int | None = None
    resolvers: tuple[Address, ...] = ()
    strict: bool = False


def parse_user(text: str) -> str:
    """A user's name or number. SfsError for what is neither."""
    if not _USER.fullmatch(text):
        raise SfsError(f"{text[:40]!r} is no user", mend="write the name or number of the user that runs sfs")
    return text


def parse_resolvers(texts: Sequence[str]) -> tuple[Address, ...]:
    """Addresses of DNS servers. SfsError for what is no address."""
    found = []
    for text in texts[: MAX_RESOLVERS + 1]:
        ip = parse_address(text)
        if ip is None:
            raise SfsError(f"--dns {text[:80]!r} is no address", mend="write the address of the DNS server")
        found.append(ip)
    if len(found) > MAX_RESOLVERS:
        raise SfsError(f"more than {MAX_RESOLVERS} DNS servers", mend="name fewer with --dns")
    return tuple(found)


def nftables_file(rules: Rules) -> str:
    """A file for `nft -f`. Loading it again replaces what it loaded before; it touches no other table."""
    hook = "output" if rules.where == "machine" else "forward"
    body = [*_free(rules), *_names(rules), *_web(), *_strict(rules)]
    lines = [
        "#!/usr/sbin/nft -f",
        f"# {'Programs of this machine' if hook == 'output' else 'Devices behind this machine'} reach the web through",
        "# the filter SFS alone. To take it back: nft delete table inet sfs",
        "table inet sfs {}",
        "delete table inet sfs",
        "table inet sfs {",
        f"  chain {hook} {{",
        f"    type filter hook {hook} priority filter; policy accept;",
        *(f"    {line}" for line in body),
        "  }",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _free(rules: Rules) -> list[str]:
    """What may go: the proxy itself, and what stays on this machine."""
    lines = []
    if rules.where == "machine":
        lines.append('oifname "lo" accept')
        lines += [f"meta skuid {user if user.isdigit() else _quoted(user)} accept" for user in rules.users]
    if rules.mark is not None:
        lines.append(f"meta mark {rules.mark:#x} accept")
    if rules.proxy is not None:
        lines.append(f"{_family(rules.proxy)} saddr {rules.proxy} accept")
        lines.append(f"{_family(rules.proxy)} daddr {rules.proxy} accept")
    # Answers to what the proxy, or a guest from outside, has begun.
    lines.append("ct direction reply accept")
    return lines


def _names(rules: Rules) -> list[str]:
    """DNS: over TLS and QUIC closed, plain only to the resolvers named."""
    lines = [f"tcp dport 853 {_RESET}", f"udp dport 853 {_REFUSED}"]
    if not rules.resolvers:
        return lines
    lines += [f"meta l4proto {{ tcp, udp }} th dport 53 {_family(ip)} daddr {ip} accept" for ip in rules.resolvers]
    return [*lines, f"tcp dport 53 {_RESET}", f"udp dport 53 {_REFUSED}"]


def _web() -> list[str]:
    """The web, beside that of the house: a printer's page, a router's."""
    return [
        f"ip daddr {{ {_LOCAL4} }} accept",
        f"ip6 daddr {{ {_LOCAL6} }} accept",
        f"tcp dport {{ 80, 443 }} {_RESET}",
        f"udp dport {{ 80, 443 }} {_REFUSED}",
    ]


def _strict(rules: Rules) -> list[str]:
    if not rules.strict:
        return []
    return [
        "meta l4proto { icmp, ipv6-icmp } accept",
        "udp dport { 67, 123, 547 } accept",  # DHCP and the time
        f"meta l4proto tcp {_RESET}",
        _REFUSED,
    ]


def _family(ip: Address) -> str:
    return "ip" if ip.version == 4 else "ip6"


def _quoted(name: str) -> str:
    return f'"{name}"'
