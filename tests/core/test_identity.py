"""Who belongs to which group."""

from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from sfs.core.identity import Group, PolicyTable, plain_network
from sfs.core.policy import Policy
from sfs.core.schedule import EVERY_DAY, Window

JAPAN = timezone(timedelta(hours=9))
DEFAULT = Policy(2)


def group(name: str, level: int = 1, *networks: str, **more) -> Group:
    return Group(name, Policy(level, name), tuple(map(ip_network, networks)), **more)


def name_of(table: PolicyTable, client=None, login=None, port=None) -> str:
    return table.policy_for(client, login, port, None).name


def test_who_is_in_no_group_gets_the_default_policy():
    table = PolicyTable(DEFAULT, [group("a", 1, "192.0.2.0/24")])
    assert table.policy_for("198.51.100.1", "anna", 8080, None) is DEFAULT
    assert PolicyTable(DEFAULT).policy_for(None, None, None, None) is DEFAULT


def test_smallest_network_wins_whatever_the_order():
    wide, narrow = group("wide", 1, "192.0.2.0/24"), group("narrow", 1, "192.0.2.16/28")
    for groups in ([wide, narrow], [narrow, wide]):
        table = PolicyTable(DEFAULT, groups)
        assert name_of(table, "192.0.2.17") == "narrow"
        assert name_of(table, "192.0.2.40") == "wide"


def test_login_comes_before_address_and_address_before_port():
    groups = [group("port", 1, port=8081), group("net", 1, "192.0.2.0/24"), group("login", 1, logins=("anna",))]
    table = PolicyTable(DEFAULT, groups)
    assert name_of(table, "192.0.2.1", "anna", 8081) == "login"
    assert name_of(table, "192.0.2.1", "otto", 8081) == "net"
    assert name_of(table, "198.51.100.1", None, 8081) == "port"
    assert name_of(table, "198.51.100.1", None, 8080) == "default"


def test_first_group_keeps_what_two_groups_name():
    one = group("one", 1, "192.0.2.0/24", logins=("anna",), port=8081)
    two = group("two", 1, "192.0.2.0/24", logins=("Anna",), port=8081)
    table = PolicyTable(DEFAULT, [one, two])
    assert {name_of(table, "192.0.2.1"), name_of(table, None, "anna"), name_of(table, port=8081)} == {"one"}


def test_case_of_a_login_is_no_way_out_of_a_group():
    table = PolicyTable(DEFAULT, [group("a", 0, logins=("anna", "Straße"))])
    assert name_of(table, login="ANNA") == "a"
    assert name_of(table, login="ａｎｎａ") == "a"
    assert name_of(table, login="STRASSE") == "a"
    assert name_of(table, login="") == "default"


def test_mapped_addresses_are_the_plain_ones():
    table = PolicyTable(DEFAULT, [group("a", 1, "192.0.2.0/24"), group("b", 1, "::ffff:198.51.100.0/120")])
    assert name_of(table, "::ffff:192.0.2.7") == "a"
    assert name_of(table, "198.51.100.9") == "b"
    assert name_of(table, "::ffff:198.51.100.9") == "b"


def test_zones_and_brackets_of_addresses_are_no_part_of_them():
    table = PolicyTable(DEFAULT, [group("a", 1, "fe80::/10"), group("b", 1, "2001:db8::/32")])
    assert name_of(table, "fe80::1%eth0") == "a"
    assert name_of(table, "[2001:db8::1]") == "b"


def test_addresses_of_one_family_are_not_in_networks_of_the_other():
    table = PolicyTable(DEFAULT, [group("all4", 1, "0.0.0.0/0")])
    assert name_of(table, "2001:db8::1") == "default"
    assert name_of(table, "192.0.2.1") == "all4"


def test_what_is_no_address_is_in_no_network():
    table = PolicyTable(DEFAULT, [group("all", 1, "0.0.0.0/0", "::/0")])
    for client in ("", "example.com", "192.0.2", "1" * 100_000, "\0"):
        assert name_of(table, client) == "default"


def test_timetable_puts_another_policy_in_place_until_it_changes():
    night = Policy(0, "kids")
    kids = group("kids", 1, "192.0.2.0/24", timetable=((Window(EVERY_DAY, 21 * 60, 6 * 60), night),))
    table = PolicyTable(DEFAULT, [kids])
    evening = datetime(2026, 11, 23, 20, 0, tzinfo=JAPAN)
    policy = table.policy_for("192.0.2.1", None, None, evening)
    assert (policy.level, policy.valid_until) == (1, evening.replace(hour=21))
    policy = table.policy_for("192.0.2.1", None, None, evening.replace(hour=23))
    assert (policy.level, policy.valid_until) == (0, evening.replace(day=24, hour=6))


def test_without_a_time_timetables_are_passed_over():
    always = Window(EVERY_DAY, 0, 1440)
    table = PolicyTable(DEFAULT, [group("kids", 1, "192.0.2.0/24", timetable=((always, Policy(0, "kids")),))])
    assert table.policy_for("192.0.2.1", None, None, None).level == 1
    assert table.policy_for("192.0.2.1", time=datetime(2026, 11, 23, tzinfo=JAPAN)).level == 0


def test_policy_of_one_minute_is_one_object_and_zones_have_their_own():
    timetable = ((Window(EVERY_DAY, 21 * 60, 6 * 60), Policy(0, "kids")),)
    table = PolicyTable(DEFAULT, [group("kids", 1, logins=("anna",), timetable=timetable)])
    evening = datetime(2026, 11, 23, 22, 0, tzinfo=JAPAN)
    first = table.policy_for(None, "anna", None, evening)
    assert table.policy_for(None, "anna", None, evening.replace(second=59)) is first
    assert table.policy_for(None, "anna", None, evening.astimezone(UTC)).level == 1
    assert table.policy_for(None, "anna", None, evening).level == 0


def test_what_is_left_of_a_policy_is_made_once_a_pause():
    noon = datetime(2026, 4, 1, 12, tzinfo=UTC)
    first, last = noon + timedelta(minutes=10), noon + timedelta(minutes=20)
    table = PolicyTable(DEFAULT, [group("kids", 1, "192.0.2.0/24")], {None: first, "kids": last})
    for client, until in (("192.0.2.1", last), ("198.51.100.1", first)):
        held = table.policy_for(client, None, None, noon)
        assert (held.level, held.valid_until) == (4, until)
        assert table.policy_for(client, None, None, noon + timedelta(minutes=1)) is held
        assert table.policy_for(client, None, None, until) is held.stands_for
    # The pause of everybody may end later than that of a group, or the other way round.
    late = table.policy_for("192.0.2.1", None, None, noon + timedelta(minutes=15))
    assert (late.level, late.valid_until) == (4, last)


def test_all_policies_are_listed():
    night = Policy(0, "kids")
    table = PolicyTable(DEFAULT, [group("kids", 1, timetable=((Window(EVERY_DAY, 0, 60), night),))])
    assert [policy.level for policy in table.policies()] == [2, 1, 0]


addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
nets = st.builds(
    lambda address, length: ip_network(f"{address}/{length % (address.max_prefixlen + 1)}", strict=False),
    addresses,
    st.integers(0, 200),
)


@given(st.lists(nets, max_size=6), addresses)
def test_group_by_address_agrees_with_trying_every_network(networks, client):
    table = PolicyTable(DEFAULT, [Group(str(i), Policy(1, str(i)), (net,)) for i, net in enumerate(networks)])
    plain = getattr(client, "ipv4_mapped", None) or client
    fits = [(i, net) for i, net in enumerate(map(plain_network, networks)) if plain in net]
    expected = min(fits, key=lambda pair: (-pair[1].prefixlen, pair[0]), default=None)
    assert name_of(table, str(client)) == ("default" if expected is None else str(expected[0]))


@given(st.text(max_size=40))
def test_any_text_is_an_answerable_client_and_login(text):
    table = PolicyTable(DEFAULT, [group("a", 1, "192.0.2.0/24", logins=("anna",))])
    assert name_of(table, text, text) in ("a", "default")
