from hypothesis import given
from hypothesis import strategies as st

from sfs.web.throttle import FIRST, FORGET, FREE, LONGEST, MAX_KEYS, MAX_KNOWN, Throttle


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_waits_double_up_to_a_quarter_of_an_hour_and_tries_during_one_do_not_lengthen_it():
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(FREE["address"]):
        assert throttle.charge("192.0.2.1", "a") == 0
    waits = []
    for _ in range(12):
        waits.append(throttle.charge("192.0.2.1", "a"))
        assert throttle.charge("192.0.2.1", "a") == waits[-1]
        clock.now += waits[-1]
        assert throttle.charge("192.0.2.1", "a") == 0
    assert waits[:3] == [FIRST, FIRST * 2, FIRST * 4] and waits[-1] == LONGEST


def test_a_right_password_forgets_the_address_and_lets_nobody_else_go_on():
    clock = Clock()
    throttle = Throttle(clock)
    for n in range(FREE["account"]):
        assert throttle.charge(f"192.0.2.{n}", "a") == 0
    assert throttle.charge("198.51.100.1", "a") > 0
    clock.now += FIRST
    assert throttle.charge("198.51.100.1", "a") == 0
    throttle.forgive("198.51.100.1", "a")
    for _ in range(3):
        for _ in range(FREE["address"] - 1):
            assert throttle.charge("198.51.100.1", "a") == 0
        throttle.forgive("198.51.100.1", "a")
    assert throttle.charge("198.51.100.2", "a") == 0
    assert throttle.charge("198.51.100.3", "a") > 0


def test_tries_are_forgotten_after_an_hour():
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(FREE["address"]):
        throttle.charge("192.0.2.1", "a")
    clock.now += FORGET + 1
    assert [throttle.charge("192.0.2.1", "a") for _ in range(FREE["address"])] == [0.0] * FREE["address"]


def test_one_network_of_ipv6_is_one_client():
    throttle = Throttle(Clock())
    for n in range(FREE["address"]):
        assert throttle.charge(f"2001:db8::{n}", f"account {n}") == 0
    assert throttle.charge("2001:db8::ffff", "x") > 0
    assert throttle.charge("2001:db8:0:1::1", "x") == 0
    for n in range(FREE["address"]):
        throttle.charge("192.0.2.1", f"other {n}")
    assert throttle.charge("::ffff:192.0.2.1", "x") > 0


def test_in_a_house_with_ipv6_a_child_who_guesses_does_not_make_the_parent_wait():
    throttle = Throttle(Clock())
    throttle.charge("fd00::1", "admin")
    throttle.forgive("fd00::1", "admin")
    for n in range(FREE["account"] * 2):
        throttle.charge(f"fd00::{n % 3 + 2:x}", "admin")
        throttle.charge("fe80::2", "admin")
    assert throttle.charge("fd00::2", "admin") > 0 and throttle.charge("fe80::2", "admin") > 0
    assert throttle.charge("fd00::1", "admin") == 0


def test_made_up_names_do_not_wash_out_what_was_tried_before():
    throttle = Throttle(Clock())
    for n in range(FREE["account"]):
        throttle.charge(f"fd00::{n:x}", "admin")
    for n in range(MAX_KEYS):
        throttle.charge(f"fd00::1:{n:x}", f"nobody {n}")
    assert throttle.charge("fd00::2:1", "admin") > 0


def test_memory_is_bounded():
    throttle = Throttle(Clock())
    for n in range(MAX_KEYS):
        throttle.charge(f"host {n}", f"account {n}")
    for n in range(MAX_KNOWN + 10):
        throttle.forgive(f"host {n}", f"account {n}")
    assert len(throttle._tries) <= MAX_KEYS and len(throttle._known) == MAX_KNOWN


@given(st.lists(st.tuples(st.text(max_size=80), st.text(max_size=5), st.floats(0, 2000), st.booleans()), max_size=60))
def test_no_wait_is_negative_or_longer_than_the_longest(tries):
    clock = Clock()
    throttle = Throttle(clock)
    for address, account, later, right in tries:
        clock.now += later
        assert 0 <= throttle.charge(address, account) <= LONGEST
        if right:
            throttle.forgive(address, account)
