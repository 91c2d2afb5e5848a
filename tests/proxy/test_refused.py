"""The last refused names of a client."""

from datetime import UTC, datetime, timedelta

from sfs.proxy.refused import Refusal, Refused

NOW = datetime(2026, 4, 1, tzinfo=UTC)


def test_ten_names_newest_first_each_once_for_ten_minutes():
    refused = Refused()
    for number in range(12):
        refused.note("192.0.2.1", Refusal(NOW + timedelta(seconds=number), f"h{number}.test", "own-block"))
    refused.note("192.0.2.1", Refusal(NOW + timedelta(seconds=20), "h5.test", "own-block"))
    names = [refusal.host for refusal in refused.of("192.0.2.1", NOW + timedelta(seconds=30))]
    assert names == ["h5.test"] + [f"h{n}.test" for n in (11, 10, 9, 8, 7, 6, 4, 3, 2)]
    assert refused.of("192.0.2.2", NOW) == ()
    assert refused.of("192.0.2.1", NOW + timedelta(minutes=11)) == ()
