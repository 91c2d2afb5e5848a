"""Lists of content blockers. Of their rules those are taken that name a site or a page for every use:

    ||example.com^             the name and all below it; also with $important, $all, $document, and with a port
    ||example.com/banner/      what lies below a path: at the host and at www. of it, on the borders of the path
    |https://example.com/a     the same at this host by this scheme alone
    @@||example.com^           an exception to the rules of this list; one with $important beats all of them
    $important                 such a rule holds against exceptions without it

Counted, each with its reason: other options (by name), cosmetic rules, patterns with * or ^ inside, exceptions for a
page, and regular expressions, since a list of somebody else must not be able to make every page slow.
Follows "Adblock-style syntax" of the AdGuard DNS filtering documentation, and "Static filter syntax" of uBlock Origin.
"""

import re
from typing import Final

from sfs.errors import RuleError, Where
from sfs.lists.formats.expressions import left_expression
from sfs.lists.formats.squidguard import at_www
from sfs.lists.lines import END, NAME, NOTHING, Lines, Said, left_out, text_of, tree_name
from sfs.match.entry import Entry, Unit, parse_entry

_RULE: Final = re.compile(
    r"(@@)?(\|\||\|https?://)([^\s/^$|:?&=,]+)(:[0-9]{1,5})?([/?][^\s^*|$]*)?(\^?\|?|\*)(?:\$(\S+))?"
)
_WHOLE: Final = frozenset({"important", "all", "document", "doc"})  # options that leave a site closed as a whole
_COSMETIC: Final = re.compile(r"#[@?$%]{0,3}#|\$\$|\$@\$")
_PATTERN: Final = re.compile(r"[/*^$|?&=]")  # what no bare name has
_OF_EXPRESSIONS: Final = frozenset("\\()[]{}+^$|?")  # what tells one from a path between slashes
_OPTION: Final = re.compile(r",(?=~?[a-z0-9-]+(?:=|,|$))", re.IGNORECASE)
_OPTIONS: Final = frozenset(  # those that are counted by name; what is none of them is counted as one
    (
        *("third-party", "3p", "first-party", "1p", "strict3p", "strict1p", "match-case", "domain", "from", "to"),
        *("denyallow", "badfilter", "ctag", "client", "dnstype", "dnsrewrite", "script", "image", "stylesheet", "css"),
        *("object", "object-subrequest", "subdocument", "frame", "xmlhttprequest", "xhr", "websocket", "webrtc"),
        *("media", "font", "ping", "beacon", "other", "popup", "popunder", "genericblock", "generichide", "ghide"),
        *("elemhide", "ehide", "specifichide", "shide", "inline-script", "inline-font", "csp", "permissions", "method"),
        *("redirect", "redirect-rule", "removeparam", "queryprune", "removeheader", "replace", "cookie", "header"),
        *("network", "app", "extension", "jsinject", "content", "urlblock", "stealth", "referrerpolicy", "mp4"),
        *("empty", "uritransform", "urlskip", "ipaddress", "hls", "jsonprune", "cname", "noop", "rewrite", "sitekey"),
        *("document", "doc", "all", "important"),
    )
)


def adblock_line(line: bytes, where: Where | None) -> Said:
    """What a line of a content blocker's list says. RuleError for bare names and lines of hosts files."""
    text = text_of(line, where).strip()
    if not text or text[0] == "!" or (text[0] == "[" and text[-1] == "]") or text == "#" or text[:2] in ("# ", "#\t"):
        return NOTHING
    rule = _RULE.fullmatch(text)
    if rule is not None:
        return _rule(rule, where)
    if _COSMETIC.search(text):
        return left_out("cosmetic rule")
    expression = _expression(text)
    if expression is not None:
        return left_expression(expression)
    if not _PATTERN.search(text) or (text[0] not in "|@/" and any(c.isspace() for c in text)):
        mend = "a rule is ||name^; for bare names use format: plain, for 0.0.0.0 name format: hosts"
        raise RuleError(f"{text[:80]!r} is no rule of a content blocker", where, mend)
    return left_out("pattern that names no whole site")


def _rule(rule: re.Match[str], where: Where | None) -> Said:
    exception, anchor, name, port, path, end, written = rule.groups()
    options = () if written is None else _options(written)
    if options:
        return left_out(*options)
    important = written is not None and "important" in written.lower().split(",")
    if "*" in name.removeprefix("*.") or (name.startswith("*.") and path is not None):
        return left_out("wildcard inside a name")
    if end == "*" and not (path or "").endswith("/"):
        return left_out("pattern that names no whole site")
    entries = _entries(anchor, name, port or "", f"{path or ''}{'|' if end == '|' else ''}", where)
    if exception is None:
        return Said(entries, important=important)
    if any(entry.needs_path or entry.port or entry.scheme for entry in entries):
        return left_out("exception for a page, a port or a scheme")
    return Said(spared=entries, important=important)


def _entries(anchor: str, name: str, port: str, path: str, where: Where | None) -> tuple[Entry, ...]:
    """The entries of a rule. `path`: '' for none; with | behind it only this page is meant, not what is below."""
    scheme = anchor if anchor != "||" else ""
    below = "" if "?" in path or path.endswith(("/", "|")) else "/"
    path = path.rstrip("|")
    path = "" if path in ("", "/") else f"{path}{below}"
    whole = tree_name(name, where)  # RuleError for what is no name
    if not (port or path or scheme):
        return (whole,)
    host = "=" if not path and (scheme or whole.unit is Unit.HOST) else ""
    entry = parse_entry(f"{host}{scheme}{name.removeprefix('*.')}{port}{path}", where)
    if entry is None or (path and not entry.needs_path):
        raise RuleError(f"{name[:80]!r} has no page behind it", where, "a rule for a page is ||name/path")
    return (entry,) if scheme or entry.unit is Unit.TREE else (entry, *at_www(entry))


def _expression(text: str) -> str | None:
    """The regular expression between the slashes of a rule."""
    body, slash, behind = text.removeprefix("@@").rpartition("/")
    if not slash or not body.startswith("/") or behind[:1] not in ("", "$"):
        return None
    return body[1:] if _OF_EXPRESSIONS.intersection(body) else None


def _options(written: str) -> tuple[str, ...]:
    """The options of a rule that do not leave it a rule for a whole site, as reasons."""
    reasons = []
    for option in _OPTION.split(written):
        name = option.lower().partition("=")[0].removeprefix("~")
        if option.lower() not in _WHOLE:
            reasons.append(f"option ${name}" if name in _OPTIONS else "an option that is not known")
    return tuple(dict.fromkeys(reasons))


def _names(run: str) -> list[str]:
    return run.replace("||", "").replace("^", "").split()


ADBLOCK: Final = Lines(re.compile(rb"(?:\|\|" + NAME + rb"\^" + END + rb")++"), _names, adblock_line)
