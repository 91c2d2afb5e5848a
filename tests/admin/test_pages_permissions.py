"""Every page of a household as every role, without login, and without the token of its form."""

import pytest

from sfs.admin.pages import PAGES
from sfs.web.permissions import ROLES, Role
from sfs.web.texts import LANGUAGES, texts_for
from tests.admin.house import household

WALK = [(page, method) for page in PAGES for method in page.methods]
each_page = pytest.mark.parametrize(("page", "method"), WALK, ids=[f"{method} {page.path}" for page, method in WALK])


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with household(tmp_path_factory.mktemp("house") / "state") as house:
        yield house


def ask(browser, page, method, **headers):
    return browser.get(page.path) if method == "GET" else browser.post(page.path, {}, **headers)


@each_page
def test_without_login_every_page_leads_to_the_login(house, page, method):
    answer = ask(house.visitor(None), page, method)
    assert answer.status == 303
    assert answer.location.startswith("/login")


@each_page
@pytest.mark.parametrize("role", Role)
def test_a_role_meets_only_the_pages_that_it_may(house, page, method, role):
    answer = ask(house.visitor(role), page, method)
    assert (answer.status == 403) == (page.needs not in ROLES[role])


@pytest.mark.parametrize("page", [page for page in PAGES if "POST" in page.methods], ids=lambda page: page.path)
@pytest.mark.parametrize("broken", ["no token", "of another session", "of another site"])
def test_a_form_that_was_not_sent_from_a_page_of_this_session_changes_nothing(house, page, broken):
    browser, before = house.visitor(), house.control.changes.history()
    asked = house.lists.asked
    fields = {"level": "0", "site": "example.com", "action": "allow", "client": "192.0.2.1", "report": "x"}
    if broken == "no token":
        answer = browser.post(page.path, fields | {"csrf": ""})
    elif broken == "of another session":
        answer = browser.post(page.path, fields | {"csrf": house.visitor().csrf})
    else:
        answer = browser.post(page.path, fields, Origin="http://evil.test", Sec_Fetch_Site="cross-site")
    assert answer.status == 403
    assert (house.control.changes.history(), house.lists.asked) == (before, asked)


def test_a_get_changes_nothing(house):
    browser, before = house.visitor(), house.control.changes.history()
    for page in PAGES:
        browser.get(page.path + "?level=0&site=example.com&action=allow")
    assert house.control.changes.history() == before


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_of_the_menu_has_a_name(language):
    texts = texts_for(language)
    assert all(texts.text(page.menu).strip() for page in PAGES if page.menu is not None)


@pytest.mark.parametrize("role", [Role.TEACHER, Role.RATER, Role.READER])
def test_a_link_for_a_password_gives_no_more_rights_than_its_account_has(house, role):
    teacher, before = house.visitor(role), house.control.changes.history()
    user, asked = house.door.accounts.find(str(role)), house.lists.asked
    path = f"/setup/{house.door.links.make(user)}"
    teacher.get(path)
    word = "another quiet harbour"
    answer = teacher.post(path, {"password": word, "again": word, "level": "4", "fetch": "yes"})
    assert answer.status == 303
    assert (house.control.changes.history(), house.lists.asked) == (before, asked)
