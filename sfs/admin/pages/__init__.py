"""The pages after the login, one file each. `PAGES` are all of them, in the order of the menu."""

from typing import Final

from sfs.admin.pages import blocked, devices, home, lists, reports, sites, why
from sfs.web.route import Page

PAGES: Final[tuple[Page, ...]] = (
    *home.PAGES,
    *blocked.PAGES,
    *sites.PAGES,
    *why.PAGES,
    *lists.PAGES,
    *devices.PAGES,
    *reports.PAGES,
)
