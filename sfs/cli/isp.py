"""`sfs isp`: what a provider needs besides its lists. Each of its commands is imported when it is called."""

from sfs.cli.group import group_of

# Name -> the file in sfs/cli and its function, and what it does.
COMMANDS = {
    "page": ("isp_page", "page", "Write the page that readers of listed names see, for a web server."),
    "quiet": ("isp_quiet", "quiet", "Print lines with which a resolver keeps nothing of who asked for what."),
    "selftest": ("isp_selftest", "selftest", "Ask everybody who enforces lists whether they hold; a signed sheet."),
    "divert": ("isp_divert", "divert", "Lead plain HTTP to listed pages' sites to a second stage, within limits."),
    "key": ("isp_key", "key", "Make a key for sealed lists."),
}

command = group_of(
    "isp", COMMANDS, "For providers that must block what a list names: the page that says so, and proof that it holds."
)
