"""Who may do what: a role has permissions, a page names the one it needs. The only such mechanism of all pages."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """One thing that somebody may do on the pages."""

    ACCOUNT = "account"  # one's own password and sessions
    STATE = "state"  # see what protects now, and ask why an address is blocked
    BLOCKED = "blocked"  # see what was blocked, with hosts and times
    LEVEL = "level"  # change the level, pause, undo
    SITES = "sites"  # allow and block sites
    LISTS = "lists"  # fetch lists
    DEVICES = "devices"  # see and forget devices and sites judged by name
    REPORTS = "reports"  # see and answer readers' reports
    RATE = "rate"  # rate pages for a label bureau
    USERS = "users"  # accounts of others


class Role(StrEnum):
    """What an account is. A household has one administrator."""

    ADMINISTRATOR = "administrator"
    TEACHER = "teacher"
    RATER = "rater"
    READER = "reader"


# A new permission is the administrator's alone until somebody writes it down here for another role.
ROLES: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.TEACHER: frozenset(
        (Permission.ACCOUNT, Permission.STATE, Permission.BLOCKED, Permission.SITES, Permission.REPORTS)
    ),
    Role.RATER: frozenset((Permission.ACCOUNT, Permission.STATE, Permission.RATE)),
    Role.READER: frozenset((Permission.ACCOUNT, Permission.STATE)),
}


def may(role: Role, permission: Permission) -> bool:
    """Whether an account of `role` has `permission`."""
    return permission in ROLES[role]
