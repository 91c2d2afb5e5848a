"""AdGuardHome.yaml, the settings of AdGuard Home: the rules its user wrote.

    user_rules:         ||name^, @@||name^, 0.0.0.0 name, name: taken as a list of content blockers; a bare name and
                        one behind an address stand for that name alone
    filters, whitelist_filters      lists it fetches: counted, each with its address, to be written under `lists`
    blocked_services, rewrites      counted

Read line by line, as AdGuard Home writes it: whoever wrote the file cannot make a parser of YAML build what he likes.
Spec: "Configuration file" and "Hosts blocklists" of the AdGuard Home wiki.
"""

import json
import re
from typing import Final

from sfs.errors import RuleError, Where
from sfs.lists.formats.adblock import adblock_line
from sfs.lists.formats.names import is_sink
from sfs.lists.lines import NOTHING, OF_THE_MACHINE, Said, bare_name, left_out, text_of
from sfs.match.entry import Entry, Unit

_SECTIONS: Final = frozenset({"user_rules", "filters", "whitelist_filters", "blocked_services", "rewrites"})
_KEY: Final = re.compile(r"([a-z_]+):(?:\s+(.*))?")
_LISTS: Final = {
    "filters": "a list that AdGuard Home fetches: write its address under lists",
    "whitelist_filters": "a list of exceptions that AdGuard Home fetches: write its address under lists, opens: true",
}


class Settings:
    """AdGuardHome.yaml while it is read."""

    __slots__ = ("_enabled", "_indent", "_section")

    def __init__(self) -> None:
        self._section: str | None = None
        self._indent = 0  # of the key of the section
        self._enabled = True  # of the fetched list that is read

    def run(self, block: bytes, at: int) -> tuple[list[str], int]:
        """As LineFormat says."""
        return [], at

    def line(self, line: bytes, where: Where | None) -> Said:
        """As LineFormat says. RuleError for a rule of the user that is none."""
        written = text_of(line, where).rstrip()
        text = written.lstrip(" ")
        indent = len(written) - len(text)
        item = text.startswith("- ") or text == "-"
        if not text or text[0] == "#":
            return NOTHING
        if not item and (self._section is None or indent <= self._indent):
            key = _KEY.fullmatch(text)
            self._section = key[1] if key and key[1] in _SECTIONS else None
            self._indent = indent
            return NOTHING
        return NOTHING if self._section is None else self._inside(self._section, text, item, where)

    def _inside(self, section: str, text: str, item: bool, where: Where | None) -> Said:
        if section == "user_rules":
            return _user_rule(_scalar(text[1:].strip(), where), where) if item else NOTHING
        if section == "blocked_services":
            return left_out("a service that AdGuard Home knows by name", means=text[2:]) if item else NOTHING
        if item:
            self._enabled = True
        key = _KEY.fullmatch(text.removeprefix("- ").strip())
        if key is None:
            return NOTHING
        if section == "rewrites":
            return left_out("an answer that is rewritten") if key[1] == "domain" else NOTHING
        if key[1] == "enabled":
            self._enabled = key[2] != "false"
        if key[1] != "url":
            return NOTHING
        return left_out(_LISTS[section] if self._enabled else "a fetched list that is switched off", means=key[2] or "")


def _user_rule(rule: str, where: Where | None) -> Said:
    words = rule.partition("#")[0].split()
    if len(words) > 1 and is_sink(words[0]):
        return Said(tuple(_host(word, where) for word in words[1:] if word.lower() not in OF_THE_MACHINE))
    if len(words) == 1 and not re.search(r"[|^/@$!*#\[]", rule):
        return Said((_host(words[0], where),))
    return adblock_line(rule.encode("utf-8", "surrogatepass"), where)


def _host(name: str, where: Where | None) -> Entry:
    return Entry(Unit.HOST, bare_name(name, where).host)


def _scalar(text: str, where: Where | None) -> str:
    """A value as AdGuard Home writes it: plain, or in quotes of either kind."""
    if text[:1] == "'" and text[-1:] == "'" and len(text) > 1:
        return text[1:-1].replace("''", "'")
    if text[:1] == '"':
        try:
            value = json.loads(text)  # YAML escapes as JSON does in what AdGuard Home writes
        except ValueError:
            value = None
        if not isinstance(value, str):
            raise RuleError(f"{text[:80]!r} is not one text", where, "write the rule in single quotes")
        return value
    return text
