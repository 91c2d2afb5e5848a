"""How PICSRules are read where its text leaves a choice: one place, so that other readers can be matched."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """What the Recommendation's text could not settle for us, one name each; the defaults are what we hold most
    likely, and where two readings are alike the stricter one.

    no_clause_accepts       a URL that no clause speaks of is accepted
    embedded_by_default     labels that pages carry count where a service does not say UseEmbedded
    unavailable_passes      a bureau that does not answer changes nothing where its service does not say
                            bureau-unavailable; False: the URL is rejected
    missing_is_false        without a label or rating an expression is false, so that Unless holds; False: it is
                            unknown, and a clause that rests on it decides nothing
    refuse_required         a profile with a reqextension is refused, since we know none; False: it is ignored
    no_user_is_none         a pattern without user@ matches URLs without a user alone; False: any
    no_port_is_default      a pattern without a port matches the scheme's own port alone; False: any
    query_in_path           the path of a pattern is compared with path and query; False: with the path alone
    every_form              a URL is also looked at as servers decode it: it is rejected where a pattern matches any
                            form and accepted where it matches all; False: as it was sent
    in_force                of the labels that one source has of a URL the one in force counts (specific before
                            generic, the longest prefix, the newest), as bureaus answer; False: each of them"""

    no_clause_accepts: bool = True
    embedded_by_default: bool = True
    unavailable_passes: bool = False
    missing_is_false: bool = True
    refuse_required: bool = True
    no_user_is_none: bool = True
    no_port_is_default: bool = True
    query_in_path: bool = True
    every_form: bool = True
    in_force: bool = True


SETTINGS: Final = RuleSettings()
