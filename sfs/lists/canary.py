"""The harmless names that stand in every list that goes to a program which knows names, so that anybody may ask whether
the list is in force, whole and of which version, without a name of the list being asked.

    canary.sfs.example                      the same in all lists: one name without those below it
    policy-rpz.canary.sfs.example           of the list policy.rpz alone: a name and all below it
    serial.policy-rpz.canary.sfs.example    its TXT record has the serial, also where names of the list do not exist

Names below example are reserved (RFC 2606), so none of them is a site.
"""

import re
from typing import Final

from sfs.lists.mandatory import CANARY

_SERIAL: Final = re.compile(r"serial ([0-9]{1,10})")


def canary_tree(zone: str) -> str:
    """The canary of a list alone, closed with all below it. `zone`: what the list is called in the program."""
    return f"{zone.replace('.', '-')}.{CANARY}"


def serial_name(zone: str) -> str:
    """The name that tells the serial of a list."""
    return f"serial.{canary_tree(zone)}"


def serial_text(serial: int) -> str:
    """What its TXT record says."""
    return f"serial {serial}"


def is_canary(host: str) -> bool:
    """Whether a name is a canary of some list: no entry of a list body."""
    return f".{host}".endswith(f".{CANARY}")


def serial_of(text: str) -> int | None:
    """The serial that a TXT record says; None where it says none."""
    found = _SERIAL.fullmatch(text)
    return int(found[1]) if found else None


def neighbours(zone: str) -> tuple[str, ...]:
    """Names beside the canaries and below the one name: no list closes them, unless it closes too much."""
    label, _, rest = canary_tree(zone).partition(".")
    return f"x{label[-62:]}.{rest}", f"open.{CANARY}"
