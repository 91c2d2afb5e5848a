"""The pages of a household as its administrator meets them: what they say, what each button does."""

import itertools
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from sfs.lists.store import ListState
from sfs.sources.public_lists import catalogue
from sfs.sources.reports import new_report
from sfs.web.permissions import Role
from sfs.web.texts import LANGUAGES, texts_for
from tests.admin.browser import Answer
from tests.admin.house import act, household, main, tree

GETS = ("/", "/blocked", "/sites", "/why", "/why?q=example.com", "/lists", "/devices", "/reports")
EVIL = "<img src=x onerror=alert(1)>"
CONFIG = """
level: 2
allow: [good.example.org]
block: [{entry: bad.example, final: true}]
groups: [{name: "<b>kids</b>", clients: [192.0.2.0/28], level: 0}]
"""


@pytest.fixture
def house(tmp_path):
    with household(tmp_path / "state") as house:
        yield house


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A house with something on every page, much of it hostile. Tests here only look."""
    with household(tmp_path_factory.mktemp("full") / "state", CONFIG) as house:
        house.blocked("games.example.com", source=f"{EVIL}:7 games.example.com")
        house.blocked("games.example.com", ago=60)
        house.blocked(EVIL, reason=EVIL, ago=120, group=EVIL)
        house.blocked("danger.example.com", "security", check="subscribed", ago=180)
        house.control.changes.allow("kids.example.org", by=EVIL)
        house.reload()
        now = datetime.now(UTC)
        house.control.reports.add(new_report(now, EVIL, "blocked", f"http://a.test/{EVIL}", EVIL, "ABCDEFGHIJ"))
        house.control.trust.proved("192.0.2.20")
        house.control.trust.refused("192.0.2.20", EVIL)
        house.lists.states = (
            ListState("a", EVIL, url="http://lists.test/a", category=EVIL, failure=EVIL, reason=EVIL, failed=now),
            ListState(
                "b", "ut1-adult", url="http://lists.test/b", category="adult", rating=4, version="V-1", count=4600000
            ),
        )
        yield house


# Every page


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", GETS)
def test_a_screen_reader_finds_its_way_on_every_page(full, path, language):
    page = tree(full.visitor(language=language).get(path))
    assert page.css_first("html").attributes["lang"] == language
    assert [len(page.css(tag)) for tag in ("main", "h1", "header", "footer", "nav")] == [1] * 5
    assert page.css_first("title").text().strip()
    current = page.css("nav [aria-current=page]")
    assert [node.attributes["href"] for node in current] == [path.partition("?")[0]]
    ids = [node.attributes["id"] for node in page.css("[id]")]
    assert len(ids) == len(set(ids))
    for node in page.css("[aria-labelledby], [aria-describedby]"):
        named = (node.attributes.get("aria-labelledby") or "") + " " + (node.attributes.get("aria-describedby") or "")
        assert set(named.split()) <= set(ids)
    for node in page.css("input:not([type=hidden]), select, textarea"):
        assert page.css_first(f"label[for={node.attributes['id']}]") is not None, node.html
    for node in page.css("button, a"):
        assert (node.attributes.get("aria-label") or node.text()).strip(), node.html
    levels = [int(node.tag[1]) for node in page.css("h1, h2, h3")]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("path", GETS)
def test_nothing_from_outside_becomes_an_element_and_nothing_runs(full, path):
    answer = full.visitor().get(path)
    page = tree(answer)
    assert answer.status == 200
    assert not page.css("script, img, iframe, object, embed, [style], [src], [onerror], b b, kids")
    assert not [node for node in page.css("*") if any(key.startswith("on") for key in node.attributes)]
    assert "<img" not in answer.body


@pytest.mark.parametrize("path", GETS)
def test_every_form_that_changes_something_carries_the_token_and_buttons_are_told_apart(full, path):
    page = tree(full.visitor().get(path))
    for form in page.css("form[method=post]"):
        assert form.css_first("input[name=csrf]") is not None, form.html
    labels = [node.attributes.get("aria-label") for node in page.css("main button[aria-label], main a[aria-label]")]
    assert len(labels) == len(set(labels))


@pytest.mark.parametrize("role", [Role.READER, Role.RATER])
def test_who_may_not_change_anything_is_shown_no_button_for_it(full, role):
    page = tree(full.visitor(role).get("/"))
    assert not page.css(
        "form[action='/level'], form[action='/pause'], form[action='/undo'], form[action='/sites/choose']"
    )
    assert "games.example.com" not in page.html
    assert full.visitor(role).get("/blocked").status == 403
    assert "games.example.com" not in full.visitor(role).get("/why?q=ABCDEFGHIJ").body


# What comes next


def test_until_a_device_is_set_up_that_stands_before_everything_else(house):
    def order() -> list[str]:
        return [node.attributes["id"] for node in tree(house.visitor().get("/")).css("h2[id]")]

    assert order().index("device") < order().index("level")
    house.blocked("games.example.com")
    assert order().index("device") > order().index("level")


@pytest.mark.parametrize(("proxy", "here"), [("127.0.0.1:8080", True), ("[::1]:8080", True), ("10.0.0.2:8080", False)])
def test_a_filter_for_this_computer_alone_says_so_and_how_phones_are_served(tmp_path, proxy, here):
    with household(tmp_path / "state", proxy=proxy) as house:
        page = main(house.visitor().get("/"))
    assert f"http://{proxy}/" in page
    assert ("works on this computer alone" in page and "sfs run --lan" in page) == here
    assert ("On the device that you want to protect" in page) != here


def test_every_list_of_the_default_choice_says_what_it_is_about():
    for language in LANGUAGES:
        texts = texts_for(language)
        rows = [row for row in catalogue().values() if row.recommended]
        assert [row.name for row in rows if not texts.has(f"admin-category.{row.category}")] == []


# The level, pause, undo


def test_a_level_that_is_chosen_holds_at_once_and_can_be_undone_from_the_message(house):
    admin = house.visitor()
    page = act(admin, "/level", level="1")
    assert "Level 1 holds now." in main(page)
    assert house.control.live.filter.policies.default.level == 1
    chosen = tree(page).css("button.level[aria-current=true]")
    assert [node.attributes["value"] for node in chosen] == ["1"]
    assert tree(page).css_first(".message form[action='/undo']") is not None
    page = act(admin, "/undo")
    assert "Undone: Level 1" in main(page)
    assert house.control.live.filter.policies.default.level == 2
    assert "There is nothing to undo." in main(act(admin, "/undo"))


@pytest.mark.parametrize("level", ["", "5", "-1", "x", "²", "01"])
def test_no_level_changes_nothing(house, level):
    assert "Please choose" in main(act(house.visitor(), "/level", level=level))
    assert house.control.changes.history() == ()


def test_an_undo_of_something_else_than_was_shown_is_not_made(house):
    admin = house.visitor()
    act(admin, "/level", level="1")
    shown = undo_fields(admin.get("/"))
    act(admin, "/sites/choose", site="example.com", action="allow")
    assert "in the meantime" in main(act(admin, "/undo", **shown))
    assert house.control.live.filter.policies.default.level == 1


@pytest.mark.parametrize("where", ["message", "last change"])
def test_undo_pressed_twice_undoes_one_change(house, where):
    """Each press of a double click sends the form."""
    admin = house.visitor()
    act(admin, "/sites/choose", site="bad.example", action="block")
    page = act(admin, "/level", level="1")
    shown = undo_fields(page if where == "message" else admin.get("/"))
    pressed = [admin.post("/undo", shown) for _ in range(2)]
    assert [answer.status for answer in pressed] == [303, 303]
    assert "Undone: Level 1" in main(admin.follow(pressed[1]))
    assert [change.value for change in house.control.changes.history()] == ["bad.example"]


def test_a_change_with_the_number_of_one_that_is_undone_is_another_one(house):
    admin = house.visitor()
    shown = undo_fields(act(admin, "/level", level="1"))
    act(admin, "/undo", **shown)
    act(admin, "/sites/choose", site="bad.example", action="block")
    act(admin, "/undo", **shown)
    assert [change.value for change in house.control.changes.history()] == ["bad.example"]


def undo_fields(page: Answer) -> dict[str, str]:
    """What the first button that undoes something sends, besides the token."""
    fields = tree(page).css("form[action='/undo'] input[type=hidden]")
    found = {str(one.attributes["name"]): str(one.attributes["value"]) for one in fields}
    del found["csrf"]
    return found


def test_a_pause_shows_when_it_ends_and_can_be_ended(house):
    admin = house.visitor()
    page = act(admin, "/pause")
    assert re.search(r"Paused until [0-9]{2}:[0-9]{2}", main(page))
    now = datetime.now().astimezone()
    assert house.control.live.filter.policies.policy_for(None, time=now).level == 4
    assert house.control.live.filter.policies.policy_for(None, time=now + timedelta(minutes=16)).level == 2
    page = act(admin, "/resume")
    assert "The filter is on again." in main(page)
    assert house.control.live.filter.policies.policy_for(None, time=now).level == 2


def test_the_first_page_is_orange_and_offers_the_lists_while_there_are_none(house):
    admin = house.visitor()
    page = tree(admin.get("/"))
    assert page.css_first("section.state.orange form[action='/lists/fetch']") is not None
    assert "being fetched now" in main(act(admin, "/lists/fetch"))
    assert house.lists.asked == 1
    assert "already being fetched" in main(act(admin, "/lists/fetch"))
    page = admin.get("/lists")
    assert tree(page).css_first(".running ~ p a[href='/lists']") is not None
    house.lists.running = False
    assert tree(admin.get("/lists")).css_first(".running") is None


def test_a_filter_that_could_not_be_made_anew_is_said_on_the_first_page(house):
    admin = house.visitor()
    (house.state / "config.yaml").write_text("level: 9\n")
    page = main(act(admin, "/level", level="1"))
    why = "config.yaml:1:8: '9' is not a level"
    assert f"Nothing was changed: {why}" in page
    assert house.control.live.filter.policies.default.level == 2
    with pytest.raises(Exception, match="not a level"):
        house.reload()
    page = main(admin.get("/"))
    assert "The last change is not in force" in page and why in page
    assert str(house.state) not in page  # where things lie is told on the machine alone


def test_where_only_mandatory_lists_hold_no_level_is_offered(tmp_path):
    with household(tmp_path / "state", "level: 2\nchecks: mandatory\n") as house:
        page = house.visitor().get("/")
        assert "closes only what the law lists" in main(page)
        assert not tree(page).css("form[action='/level'], form[action='/pause']")
        assert "records nothing" in main(house.visitor().get("/blocked"))


# What was blocked


def test_blocked_sites_stand_together_newest_first_with_a_reason_in_words(house):
    for ago, host in ((50, "old.example.com"), (30, "games.example.com"), (10, "games.example.com")):
        house.blocked(host, ago=ago)
    page = tree(house.visitor().get("/blocked"))
    assert [node.text().strip() for node in page.css(".host")] == ["games.example.com", "old.example.com"]
    assert "2 times" in main(house.visitor().get("/blocked"))
    assert "It is on a list of sites that the level keeps closed." in main(house.visitor().get("/blocked"))


def test_a_blocked_site_is_allowed_with_one_click_and_comes_back_to_where_it_was_clicked(house):
    house.blocked("www.games.example.com")
    admin = house.visitor()
    form = tree(admin.get("/blocked")).css_first("form[action='/sites/choose']")
    fields = {node.attributes["name"]: node.attributes["value"] for node in form.css("input")}
    answer = admin.post("/sites/choose", fields)
    assert answer.location == "/blocked"
    assert "games.example.com is open now." in main(admin.follow(answer))
    assert house.control.changes.values()["allow"] == ["games.example.com"]


def test_what_allowing_cannot_help_gets_no_button_to_allow(house):
    house.blocked("danger.example.com", "security", check="subscribed")
    house.blocked("search.example.com", "search-words", check="search-words", ago=1)
    page = tree(house.visitor().get("/blocked"))
    assert not page.css("form[action='/sites/choose']")
    assert len(page.css("a[href^='/why?q=']")) == 2


def test_a_form_cannot_send_its_reader_to_another_site(house):
    for back in ("//evil.test/", "https://evil.test/", "/\\evil.test", "/logout", "javascript:alert(1)"):
        answer = house.visitor().post("/sites/choose", {"site": "example.com", "action": "allow", "back": back})
        assert answer.location == "/sites"


def test_an_empty_day_is_said_in_words(house):
    assert "Nothing has been blocked today." in main(house.visitor().get("/blocked"))


# Sites of one's own


@pytest.mark.parametrize(
    ("typed", "entry"),
    [
        ("example.com", "example.com"),
        ("  WWW.Example.COM. ", "example.com"),
        ("https://www.example.com/", "example.com"),
        ("ｅｘａｍｐｌｅ．ｃｏｍ", "example.com"),
        ("=www.example.com", "=www.example.com"),
        ("example.com:8443", "example.com:8443"),
        ("192.0.2.7", "192.0.2.7"),
        ("someone.github.io", "someone.github.io"),
        ("例え.jp", "xn--r8jz45g.jp"),
    ],
)
def test_a_site_may_be_typed_in_any_way_that_people_write_it(house, typed, entry):
    page = act(house.visitor(), "/sites/choose", site=typed, action="block")
    assert house.control.changes.values()["block"] == [entry]
    assert "closed now" in main(page)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Please write the address"),
        ("pokemon", "is a word, not an address"),
        ("two words.com", "no blanks"),
        ("co.jp", "thousands of sites share"),
        ("javascript:alert(1)", "no address of a site"),
        ("http://", "no address of a site"),
        ("a" * 3000, "too long"),
        ("# note", "no blanks"),
        ("ex*mple.com", "no address of a site"),
    ],
)
def test_what_is_no_site_is_said_beside_the_field_and_what_was_typed_stays(house, typed, said):
    answer = house.visitor().post("/sites/choose", {"site": typed, "action": "allow"})
    page = tree(answer)
    assert answer.status == 422
    assert said in page.css_first("#site-fault").text()
    field = page.css_first("#site")
    assert field.attributes["aria-invalid"] == "true"
    assert "site-fault" in field.attributes["aria-describedby"]
    assert field.attributes["value"].startswith(typed[:2000].strip())
    assert house.control.changes.history() == ()


def test_of_a_pasted_page_is_asked_whether_the_site_or_the_page_is_meant(house):
    admin, url = house.visitor(), "https://www.example.com/a/b?c=d#e"
    page = tree(admin.post("/sites/choose", {"site": url, "action": "block"}))
    assert [node.attributes["value"] for node in page.css("button[name=scope]")] == ["whole", "part"]
    assert house.control.changes.history() == ()
    act(admin, "/sites/choose", site=url, action="block", scope="part")
    assert house.control.changes.values()["block"] == ["www.example.com/a/b?c=d"]
    act(admin, "/sites/choose", site=url, action="block", scope="whole")
    assert house.control.changes.values()["block"] == ["www.example.com/a/b?c=d", "example.com"]


def test_an_entry_that_does_not_do_what_was_asked_for_is_said(tmp_path):
    with household(tmp_path / "state", CONFIG) as house:
        page = act(house.visitor(), "/sites/choose", site="bad.example", action="allow")
        assert "saved, but still closed: It is closed for good" in main(page)
        page = act(house.visitor(), "/sites/choose", site="sfs.home.arpa", action="block")
        assert "still opens: It is a page of the filter itself" in main(page)


def test_during_a_pause_a_choice_is_kept_for_later(house):
    admin = house.visitor()
    act(admin, "/pause")
    assert "counts when the pause is over" in main(act(admin, "/sites/choose", site="example.com", action="block"))


def test_entries_say_where_they_come_from_and_only_those_of_the_page_can_be_taken_off(tmp_path):
    with household(tmp_path / "state", CONFIG) as house:
        admin = house.visitor()
        act(admin, "/sites/choose", site="mine.example.com", action="allow")
        page = tree(admin.get("/sites"))
        rows = {node.css_first(".host").text().strip(): node for node in page.css("li.row")}
        assert set(rows) == {"mine.example.com", "good.example.org", "bad.example"}
        assert "fixed in the configuration file" in rows["good.example.org"].text()
        assert "cannot be opened here" in rows["bad.example"].text()
        assert [name for name, row in rows.items() if row.css("form")] == ["mine.example.com"]
        pressed = [admin.post("/sites/forget", {"site": "mine.example.com"}) for _ in range(2)]  # a double click
        page = admin.follow(pressed[1])
        assert "is off the list" in main(page) and undo_fields(page)
        assert "Nothing was changed" in main(act(admin, "/sites/forget", site="good.example.org"))


# Why


def test_why_says_the_answer_first_and_then_every_check(tmp_path):
    with household(tmp_path / "state", CONFIG) as house:
        page = tree(house.visitor().get("/why?q=https://bad.example/page"))
        assert page.css_first("h1").text().strip() == "bad.example Closed"
        assert "closed for good" in page.css_first(".why").text()
        assert "cannot be opened here" in page.css_first("main").text()
        checks = [row.css_first("td").text() for row in page.css("tbody tr")]
        assert checks == ["The filter's own pages", "Help lines", "Mandatory lists", "Your own sites"]
        assert str(house.state) not in page.html


def test_why_can_be_asked_for_a_group(tmp_path):
    with household(tmp_path / "state", CONFIG) as house:
        admin = house.visitor()
        assert "Open" in main(admin.get("/why?q=example.com"))
        page = admin.get("/why?q=example.com&group=%3Cb%3Ekids%3C/b%3E")
        assert "Nobody has rated it, and this level opens only rated pages." in main(page)


@pytest.mark.parametrize(
    "typed",
    ["ABODEFGHIJ", "abode fghij", " abode-fghij ", "ab0defgh1j", "ＡＢＯＤＥ　ＦＧＨＩＪ", "ａｂ０ｄｅ－ｆｇｈ１ｊ"],
)
def test_a_code_is_explained_however_it_is_typed(house, typed):
    """Codes have no 0 and no 1, so whoever reads one means a letter; a Japanese keyboard writes wide ones."""
    house.blocked("games.example.com", source="ut1-games:7 games.example.com", code="ABODEFGHIJ")
    page = main(house.visitor().get(f"/why?q={quote(typed)}"))
    assert page.startswith("games.example.com Closed It is on a list of sites that the level keeps closed.")
    assert "Found in: ut1-games:7 games.example.com" in page
    assert "no longer known" not in page


def test_an_unknown_code_and_no_address_are_said_beside_the_field(house):
    admin = house.visitor()
    answer = admin.get("/why?q=ABCDEFGHIJ")
    assert answer.status == 422
    assert "No record has this code" in tree(answer).css_first("#q-fault").text()
    assert "is a word" in tree(admin.get("/why?q=hello")).css_first("#q-fault").text()


# Lists, devices, reports


def test_who_waits_for_reports_is_told_of_the_link_that_readers_see(house):
    for language in LANGUAGES:
        texts = texts_for(language)
        named = re.findall('"([^"]+)"', texts.text("admin-reports.none_hint"))
        assert set(named) <= {texts.text("report.link")}
        assert texts.text("admin-reports.none_hint") in main(house.visitor(language=language).get("/reports"))


def test_a_list_that_failed_says_what_went_wrong_and_what_still_holds(house):
    now = datetime.now(UTC)
    house.lists.states = (
        ListState(
            "x",
            "ut1-gambling",
            url="http://lists.test/",
            category="gambling",
            rating=3,
            version="V-1",
            count=32000,
            fetched=now - timedelta(days=3),
            checked=now - timedelta(days=3),
            failure="it broke",
            reason="?",
            failed=now,
        ),
        ListState("y", "urlhaus", url="http://lists.test/", category="malware", axis="security"),
    )
    text = main(house.visitor().get("/lists"))
    assert "gambling ut1-gambling closed at levels 0 to 2 Did not work" in text
    assert "it broke" in text
    assert "still holds" in text
    assert "32,000 names" in text
    assert "fetched 3 days ago" in text
    assert "viruses urlhaus closed at every level not fetched yet" in text


@pytest.mark.parametrize("reason", ["html", "network", "shrunk", "empty", "timeout"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_failure_is_told_in_the_readers_language(house, reason, language):
    house.lists.states = (
        ListState("x", "x", url="http://a.test/", category="adult", rating=4, failure="RAW", reason=reason),
    )
    text = main(house.visitor(language=language).get("/lists"))
    assert "RAW" not in text


def test_a_device_is_forgotten_and_a_site_is_tried_again(house):
    trust, admin = house.control.trust, house.visitor()
    trust.proved("192.0.2.20")
    trust.refused("192.0.2.20", "bank.example.com")
    assert "bank.example.com" in main(admin.get("/devices"))
    act(admin, "/devices/again", client="192.0.2.20", host="bank.example.com")
    assert trust.pins() == ()
    act(admin, "/devices/forget", client="192.0.2.20")
    assert trust.devices() == ()
    assert "No device has shown yet" in main(admin.get("/devices"))


def test_an_address_that_several_devices_share_is_named(house):
    house.control.trust.proved("192.0.2.20")
    for host in ("a.test", "b.test", "c.test"):
        house.control.trust.refused("192.0.2.20", host)
    assert "Addresses that several devices share" in main(house.visitor().get("/devices"))


def test_a_report_is_done_with_when_its_site_is_allowed_or_it_is_dismissed(house):
    now, admin = datetime.now(UTC), house.visitor()
    for host in ("one.example.com", "two.example.com"):
        house.control.reports.add(new_report(now, "default", "blocked", host, "for school"))
    assert "Readers' reports waiting: 2" in main(admin.get("/"))
    page = tree(admin.get("/reports"))
    form = page.css_first("form[action='/sites/choose']")
    fields = {node.attributes["name"]: node.attributes["value"] for node in form.css("input")}
    assert "one.example.com is open now." in main(admin.follow(admin.post("/sites/choose", fields)))
    assert [report.address for report in house.control.reports.waiting()] == ["two.example.com"]
    report = tree(admin.get("/reports")).css_first("form[action='/reports/dismiss'] input[name=report]")
    page = act(admin, "/reports/dismiss", report=report.attributes["value"])
    assert "No reports are waiting." in main(page)


def test_a_site_that_opens_is_not_said_to_be_unchanged_where_its_report_cannot_be_closed(house):
    admin, reports = house.visitor(), house.state / "reports.jsonl"
    house.control.reports.add(new_report(datetime.now(UTC), "default", "blocked", "one.example.com"))
    waiting = house.control.reports.waiting()[0]
    reports.unlink()
    reports.mkdir()  # stands for a disk that takes no more
    page = act(admin, "/sites/choose", site="one.example.com", action="allow", report=waiting.id)
    assert "one.example.com is open now." in main(page)
    assert house.control.reports.waiting() == (waiting,)


def test_a_report_of_a_page_asks_first_and_is_kept_until_then(house):
    house.control.reports.add(new_report(datetime.now(UTC), "default", "shown", "http://example.com/a", ""))
    admin = house.visitor()
    form = tree(admin.get("/reports")).css("form[action='/sites/choose']")[1]
    fields = {node.attributes["name"]: node.attributes["value"] for node in form.css("input")}
    choice = tree(admin.post("/sites/choose", fields))
    assert len(house.control.reports.waiting()) == 1
    again = {node.attributes["name"]: node.attributes["value"] for node in choice.css("main form input")}
    admin.follow(admin.post("/sites/choose", again | {"scope": "part"}))
    assert house.control.changes.values()["block"] == ["example.com/a"]
    assert house.control.reports.waiting() == ()
