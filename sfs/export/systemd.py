"""A systemd unit for `sfs run`: a user of its own, nothing writable but the state folder, few system calls.

Spec: systemd.exec(5), systemd.service(5), read against systemd 252. Left out:

    MemoryDenyWriteExecute   pyOpenSSL's callbacks need memory that is written and executed: no page could be inspected
    ProcSubset=pid           who holds a port, and this machine's addresses, are read from /proc
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sfs.errors import SfsError

MARK: Final = "# Written by `sfs service install`; `sfs service uninstall` takes it away."
LOWEST_FREE_PORT: Final = 1024
STATE: Final = "/var/lib/sfs"  # systemd makes it for StateDirectory=sfs, for that user alone
UPGRADE: Final = "systemctl kill --kill-whom=main --signal=USR2 sfs"
STOP_SECONDS: Final = 15  # open downloads get 5 of them
_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_@./:=+,-]+")


@dataclass(frozen=True, slots=True)
class Service:
    """`command`: the program and what stands before `run`. `arguments`: what stands after `run --state FOLDER`.
    `low_port`: it listens below 1024. `home`: the program or its configuration lies in somebody's home."""

    command: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    user: str = "sfs"
    low_port: bool = False
    home: bool = False


_HARD: Final = """\
NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
LockPersonality=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
KeyringMode=private
UMask=0077
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
"""


def unit_file(service: Service) -> str:
    """The unit. SfsError where a part of the command cannot stand in one."""
    if not _USER.fullmatch(service.user):
        raise SfsError(f"{service.user[:40]!r} is no user name", mend="small letters, digits, - and _")
    rights = "CAP_NET_BIND_SERVICE" if service.low_port else ""
    command = (*service.command, "run", "--state", STATE, *service.arguments)
    lines = [
        MARK,
        "[Unit]",
        "Description=SFS filtering proxy",
        "Wants=network-online.target",
        "After=network-online.target nss-lookup.target",
        "",
        "[Service]",
        "Type=notify",
        f"User={service.user}",
        f"ExecStart={exec_line(command)}",
        "ExecReload=/bin/kill -HUP $MAINPID",
        f"# {UPGRADE}: the program that is on the disk then takes over, without a gap.",
        "StateDirectory=sfs",
        "StateDirectoryMode=0700",
        "Restart=on-failure",
        "RestartSec=2",
        "# 2: the configuration has a fault, or another program has the port; trying again mends neither.",
        "RestartPreventExitStatus=2",
        f"TimeoutStopSec={STOP_SECONDS}",
        "LimitNOFILE=65536",
        "LimitCORE=0",
        "",
        f"CapabilityBoundingSet={rights}",
        f"AmbientCapabilities={rights}",
        # In a user namespace of its own a process has no right to a low port.
        *(() if service.low_port else ("PrivateUsers=yes",)),
        f"ProtectHome={'read-only' if service.home else 'yes'}",
        _HARD,
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


def exec_line(command: Sequence[str]) -> str:
    """A command as ExecStart takes it (systemd.service(5), "Command lines"). SfsError for control characters."""
    return " ".join(_word(word) for word in command)


def _word(text: str) -> str:
    if not text or not text.isprintable():
        raise SfsError(f"{text[:80]!r} cannot stand in a unit", mend="use a path without control characters")
    text = text.replace("%", "%%").replace("$", "$$")
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
