"""Where each system keeps policies of Chrome and Edge: a JSON file, the registry, a configuration profile."""

import json
import plistlib
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from sfs.export.browsers import Browser, Value
from sfs.export.profiles import profile

System = Literal["linux", "windows", "macos"]

PLACES: Final[Mapping[tuple[Browser, System], str]] = {
    (
        "chrome",
        "linux",
    ): "/etc/opt/chrome/policies/managed/sfs.json (Chromium: /etc/chromium/policies/managed)",
    ("edge", "linux"): "/etc/opt/edge/policies/managed/sfs.json",
    ("chrome", "windows"): "a file sfs.reg; open it as an administrator",
    ("edge", "windows"): "a file sfs.reg; open it as an administrator",
    ("chrome", "macos"): "a file sfs.mobileconfig; open it, then System Settings, Profiles",
    ("edge", "macos"): "a file sfs.mobileconfig; open it, then System Settings, Profiles",
}
_KEYS: Final[Mapping[Browser, str]] = {"chrome": r"Google\Chrome", "edge": r"Microsoft\Edge"}
_DOMAINS: Final[Mapping[Browser, str]] = {"chrome": "com.google.Chrome", "edge": "com.microsoft.Edge"}


def managed_file(policies: Mapping[str, Value], browser: Browser, system: System) -> bytes:
    """The policies as a file for `system`, ASCII."""
    if system == "windows":
        return registry_file(policies, rf"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\{_KEYS[browser]}")
    if system == "macos":
        domain = _DOMAINS[browser]
        return plistlib.dumps(profile(f"SFS filter: {browser}", domain, [{"PayloadType": domain, **policies}]))
    return (json.dumps(policies, indent=2) + "\n").encode("ascii")


def registry_file(policies: Mapping[str, Value], key: str) -> bytes:
    """A .reg file: numbers and truth as REG_DWORD, lists as numbered values of a key of their own, all else as REG_SZ,
    what is structured in JSON. A list that was there before goes first, so that none of it stays."""
    lines = ["Windows Registry Editor Version 5.00", "", f"[{key}]"]
    lists = {name: value for name, value in policies.items() if isinstance(value, list)}
    lines += [f"{_quoted(name)}={_data(value)}" for name, value in policies.items() if name not in lists]
    for name, values in lists.items():
        lines += ["", rf"[-{key}\{name}]", "", rf"[{key}\{name}]", *_numbered(values)]
    return ("\r\n".join(lines) + "\r\n").encode("ascii")


def _numbered(values: Iterable[str]) -> list[str]:
    return [f"{_quoted(str(number))}={_quoted(value)}" for number, value in enumerate(values, 1)]


def _data(value: Value) -> str:
    if isinstance(value, int):  # bool too
        return f"dword:{int(value):08x}"
    return _quoted(value if isinstance(value, str) else json.dumps(value, separators=(",", ":")))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
