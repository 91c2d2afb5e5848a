"""The benchmark of the bureau's client still runs, and its caches spare the bureau most of a day."""

from tests.bench.bureau import measured


def test_a_small_day_reaches_the_bureau_in_few_questions():
    by_host_off, by_url_off, by_host, by_url = measured(3_000, 100)
    assert by_host_off.look_ups == by_url_off.look_ups == 3_000
    assert by_host_off.labels == by_url_off.labels == 600
    assert by_host.look_ups <= 100 and by_url.questions <= 300
    assert 0 < by_host.labels <= by_url.labels
    assert {run.away for run in (by_host_off, by_url_off, by_host, by_url)} == {0}


def test_readers_who_come_one_after_the_other_have_the_bureau_asked_twice_of_a_site():
    *_, by_host, by_url = measured(3_000, 100, readers=1)
    assert (by_host.look_ups, by_url.look_ups) == (100, 200)
