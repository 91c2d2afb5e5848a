"""Where a client finds the page that sets the filter."""

from pathlib import Path

import pytest

from sfs.cli.beside import AdminPage
from sfs.sources.values import Listen

HERE, HOUSE, HOUSE6 = Listen("127.0.0.1", 8081), Listen("192.168.1.2", 8081), Listen("fd77::1", 8081)


@pytest.mark.parametrize(
    ("listening", "client", "url"),
    [
        ((HERE,), "127.0.0.1", "http://127.0.0.1:8081/"),
        ((HERE,), "::1", "http://127.0.0.1:8081/"),
        ((HERE,), "192.168.1.7", None),
        ((HERE, HOUSE, HOUSE6), "192.168.1.7", "https://192.168.1.2:8081/"),
        ((HERE, HOUSE, HOUSE6), "127.0.0.1", "http://127.0.0.1:8081/"),
        ((Listen("0.0.0.0", 8081),), "127.0.0.1", "https://127.0.0.1:8081/"),
        ((Listen("0.0.0.0", 8081),), "192.168.1.7", None),
        ((), "127.0.0.1", None),
        ((HERE,), "", None),
    ],
)
def test_a_client_is_sent_to_the_address_that_it_reaches(listening, client, url):
    assert AdminPage((), Path("ca"), listening=listening).url_for(client) == url
