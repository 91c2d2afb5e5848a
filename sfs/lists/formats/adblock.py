"""Lists of content blockers. Of their rules those are taken that name a whole site for every use:

    ||example.com^             the name and all below it; also with $important, $all, $document
    @@||example.com^           an exception to the rules of this list

All others are passed over: rules for a path, for one kind of content, for other sites' pages (third-party), cosmetic
rules, and regular expressions, since a list of somebody else must not be able to make every page slow.
Follows "Adblock-style syntax" of the AdGuard DNS filtering documentation.
"""

import re
from typing import Final

from sfs.errors import RuleError, Where
from sfs.lists.lines import END, NAME, NOTHING, PASSED_OVER, Lines, Said, text_of, tree_name

_RULE: Final = re.compile(r"(@@)?\|\|([^\s/^$|:?&=,]+)\^\|?(?:\$(\S+))?")
_WHOLE: Final = frozenset({"important", "all", "document", "doc"})  # options that leave a site closed as a whole
_COSMETIC: Final = re.compile(r"#[@?$%]{0,3}#|\$\$|\$@\$")
_PATTERN: Final = re.compile(r"[/*^$|?&=]")  # what no bare name has


def adblock_line(line: bytes, where: Where | None) -> Said:
    """What a line of a content blocker's list says. RuleError for bare names and lines of hosts files."""
    text = text_of(line, where).strip()
    if not text or text[0] == "!" or (text[0] == "[" and text[-1] == "]") or text == "#" or text[:2] in ("# ", "#\t"):
        return NOTHING
    rule = _RULE.fullmatch(text)
    if rule is not None:
        return _site(rule[2], rule[1] is not None, rule[3], where)
    if _COSMETIC.search(text):
        return PASSED_OVER
    if not _PATTERN.search(text) or (text[0] not in "|@/" and any(c.isspace() for c in text)):
        mend = "a rule is ||name^; for bare names use format: plain, for 0.0.0.0 name format: hosts"
        raise RuleError(f"{text[:80]!r} is no rule of a content blocker", where, mend)
    return PASSED_OVER


def _site(name: str, exception: bool, options: str | None, where: Where | None) -> Said:
    if options is not None and not _WHOLE.issuperset(options.lower().split(",")):
        return PASSED_OVER
    if "*" in name.removeprefix("*."):
        return PASSED_OVER  # ||ads*.example.com^
    entry = tree_name(name, where)
    return Said(spared=(entry,)) if exception else Said((entry,))


def _names(run: str) -> list[str]:
    return run.replace("||", "").replace("^", "").split()


ADBLOCK: Final = Lines(re.compile(rb"(?:\|\|" + NAME + rb"\^" + END + rb")++"), _names, adblock_line)
