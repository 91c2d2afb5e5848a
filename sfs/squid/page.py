"""The block page as an error page of Squid: one file for all verdicts, with the host and the decision code put in by
Squid (squid.conf, `deny_info`: %H and %o, escaped for HTML)."""

from datetime import date
from typing import Final

from sfs.errors import SfsError
from sfs.sources.helplines import helplines_for, helplines_from
from sfs.sources.places import rules_dir
from sfs.sources.yaml_nodes import load_plain
from sfs.web.pages import Blocked, block_page
from sfs.web.texts import Language

_HOST: Final = "blocked.test"  # stands in the page where Squid's code comes
_CODE: Final = "CCCCCDDDDD"


def squid_page(language: Language, level: int | None) -> str:
    """The page. SfsError where the help lines of `rules/` cannot be read."""
    lines = helplines_for(helplines_from(load_plain(rules_dir() / "helplines.yaml")), language)
    blocked = Blocked("entry", "other", _HOST, level=level, code=_CODE)
    text = block_page(language, blocked, lines, today=date.today()).body.decode()
    half = len(_CODE) // 2
    shown = f"<span>{_CODE[:half]}</span><span>{_CODE[half:]}</span>"
    if shown not in text or _HOST not in text:
        raise SfsError("the block page has no place for host and code")
    return text.replace("%", "%%").replace(shown, "<span>%o</span>").replace(_HOST, "%H")
