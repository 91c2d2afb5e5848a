"""What a resolver says besides its answer: an extended error (RFC 8914), and in it a text that programs can read
(draft-ietf-dnsop-structured-dns-error, as of June 2026).

The draft sends that text to clients that ask for it by an option whose number is not assigned yet, so it goes to all:
RFC 8914 leaves the text to the server, and clients are to take either kind. They may act on it over an encrypted
connection to a resolver that they know, alone; and they open nothing by themselves.
"""

import json
from typing import Final

from sfs.lists.mandatory import Purpose
from sfs.sources.config import Config
from sfs.sources.settings import PageLanguage
from sfs.sources.stop_page import StopPage
from sfs.web.texts import Language, texts_for

MAX_TOLD: Final = 400  # bytes: an answer stays in one packet (RFC 9715: 1,400)

# RFC 8914, 4.16 to 4.18. Blocked is the operator's own decision, Censored somebody else's order, Filtered what those
# who ask have chosen for themselves. A provider takes part in a list against abuse of its own will; no law orders it.
ERROR_CODES: Final = {
    Purpose.CHILD_PROTECTION: 15,
    Purpose.COURT_ORDER: 16,
    Purpose.SECURITY: 15,
    Purpose.POLICY: 17,
    Purpose.TEST: 15,
}


def told_by(config: Config) -> str:
    """The text of who has this configuration, in its language, else that of its country; '' for nobody."""
    stop = config.stop_page
    if stop is None:
        return ""
    fixed = config.language
    near: Language = "ja" if stop.country == "JP" else "en"
    return told(stop, near if fixed is PageLanguage.AUTO else "ja" if fixed is PageLanguage.JA else "en")


def told(stop: StopPage, language: Language) -> str:
    """The text: whom to ask ("c": mail and telephone are the kinds of address it knows), why ("j"), who blocks ("o"),
    and the language of both ("l"). Fields that would make it too long are left out, as the draft says: first "j" and
    "o". '' where nothing is left."""
    ways = [way.href for way in stop.contact if way.href.startswith(("mailto:", "tel:"))]
    asked: dict[str, object] = {"c": ways} if ways else {}
    why = {"j": texts_for(language).text("stop.dns", about=stop.about), "o": stop.name.text(language), "l": language}
    for fields in (asked | why, asked):
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        if fields and len(text.encode()) <= MAX_TOLD:
            return text
    return ""
