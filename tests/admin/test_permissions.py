"""Every page as every role and without login: who gets in is what permissions.py says, and nothing else."""

import re

import pytest

from sfs.admin.account_pages import PAGES as ACCOUNT_PAGES
from sfs.admin.app import OPEN_PATHS, check_pages
from sfs.errors import SfsError
from sfs.web.permissions import ROLES, Permission, Role, may
from sfs.web.route import METHODS, Page
from tests.admin.conftest import TEST_PAGES, home

# A page for every permission, besides the real ones; those of the filter itself are walked in the same way.
OF_EACH = tuple(Page(f"/only/{permission.value}", home, methods=METHODS, needs=permission) for permission in Permission)
try:
    from sfs.admin.pages import PAGES as FILTER_PAGES
except ImportError:
    FILTER_PAGES = ()

WALKED = (*ACCOUNT_PAGES, *TEST_PAGES, *OF_EACH)
ALL = (*ACCOUNT_PAGES, *FILTER_PAGES)


@pytest.fixture(scope="module")
def site(serve):
    return serve((*TEST_PAGES, *OF_EACH))


@pytest.fixture(scope="module")
def filter_site(serve):
    """The pages of the filter, each with a handler that only says that it was reached."""
    reached = [Page(page.path, home, page.methods, needs=page.needs) for page in FILTER_PAGES]
    if not reached:
        pytest.skip("the pages of the filter are not there")
    return serve(reached)


def path_of(page: Page) -> str:
    """An address of the page; places in it are filled with a figure."""
    return re.sub(r"\{[^}]*\}", "1", page.path)


def cases(pages):
    return [(page, method) for page in pages for method in page.methods]


def named(value):
    return f"{value.path}" if isinstance(value, Page) else str(value)


def visit(site, browser, page, method):
    path = path_of(page)
    return browser.get(path) if method == "GET" else browser.post(path)


def check_without_login(site, page, method):
    browser = site.browser()
    browser.get("/login")
    answer = visit(site, browser, page, method)
    if page.needs is None:
        assert answer.status in (200, 303, 403, 410, 422) and not answer.location.startswith("/login?next")
    else:
        assert answer.status == 303 and answer.location.partition("?")[0] == "/login"
        assert "sfs" not in browser.cookies


def check_role(site, role, page, method):
    answer = visit(site, site.logged_in(role), page, method)
    if page.needs is None or may(role, page.needs):
        assert not answer.location.startswith("/login?next")
        assert answer.status != 403 or "current" in answer.body
    else:
        assert answer.status == 403 and "may not do this" in answer.text


@pytest.mark.parametrize(("page", "method"), cases(WALKED), ids=named)
def test_without_login_every_page_but_the_open_ones_leads_to_the_login(site, page, method):
    check_without_login(site, page, method)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(("page", "method"), cases(WALKED), ids=named)
def test_a_page_opens_for_the_roles_that_have_its_permission(site, role, page, method):
    check_role(site, role, page, method)


@pytest.mark.parametrize(("page", "method"), cases(FILTER_PAGES), ids=named)
def test_no_page_of_the_filter_opens_without_login(filter_site, page, method):
    check_without_login(filter_site, page, method)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(("page", "method"), cases(FILTER_PAGES), ids=named)
def test_a_page_of_the_filter_opens_for_the_roles_that_have_its_permission(filter_site, role, page, method):
    check_role(filter_site, role, page, method)


def test_only_login_setup_and_language_are_open():
    assert {page.path for page in ALL if page.needs is None} == OPEN_PATHS == {"/login", "/setup/{link}", "/language"}


def test_a_page_that_names_no_permission_is_refused_at_start():
    with pytest.raises(SfsError, match="names no permission"):
        check_pages([Page("/sites", home, needs=None)])
    with pytest.raises(TypeError):
        Page("/sites", home)  # type: ignore[call-arg]
    with pytest.raises(SfsError, match="stands twice"):
        check_pages([*TEST_PAGES, *TEST_PAGES])
    with pytest.raises(SfsError, match="methods"):
        check_pages([Page("/x", home, methods=("PUT",), needs=Permission.STATE)])
    check_pages(ALL)


def test_the_administrator_may_everything_and_everybody_has_an_account():
    assert ROLES[Role.ADMINISTRATOR] == set(Permission)
    assert set(ROLES) == set(Role)
    assert all(Permission.ACCOUNT in permissions for permissions in ROLES.values())
    assert not any(may(role, Permission.USERS) for role in Role if role is not Role.ADMINISTRATOR)


def test_the_menu_shows_what_may_be_opened(site):
    assert "To the first page" in site.logged_in(Role.READER).get("/account").text
    assert "<nav" not in site.browser().get("/login").body


def test_what_is_not_there_is_a_page_of_ours(site):
    for path in ("/nothing", "/only", "/login/", "//", "/%2e%2e/etc", "/logout", "/static/x.css"):
        assert site.logged_in().get(path).status == 404
        assert site.browser().get(path).status == 404
