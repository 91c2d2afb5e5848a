"""What SFS writes for resolvers, loaded in each of them and asked with dig."""

import pytest

from tests.export.engines.expressed import RESOLVERS, resolver_row, table_rows
from tests.export.engines.programs import STOP4, STOP6, TYPES

# All that a name and its neighbours may be asked, and whether the list closes it.
LISTED = ("tree.example", "www.tree.example", "a.b.tree.example", "TREE.example")
NEIGHBOURS = ("xtree.example", "nottree.example", "tree.example.example", "example.example", "shared.example")


@pytest.fixture(scope="module", params=RESOLVERS)
def running(request, tmp_path_factory, world):
    """Each resolver with its output."""
    folder = tmp_path_factory.mktemp("resolver")
    with RESOLVERS[request.param](folder, world) as started:
        yield request.param, started


def test_it_is_the_row_of_the_table(running):
    name, resolver = running
    assert resolver_row(name, resolver) == table_rows()[name]


def test_addresses_of_listed_names_are_those_of_the_stop_page(running):
    name, resolver = running
    names = ("tree.example", "TREE.example") if name.startswith("hosts") else LISTED
    four = resolver.ask(*(f"{one} A" for one in names))
    six = resolver.ask(*(f"{one} AAAA" for one in names), source="::1")
    assert [one.data for one in four] == [(STOP4,)] * len(names)
    assert [one.data for one in six] == [(STOP6,)] * len(names)


def test_nothing_fails_inside_a_program_over_an_answer(running):
    """Knot Resolver has a child of its own abort where an assertion fails, which leaves an image of its memory."""
    resolver = running[1]
    resolver.ask("tree.example A", "host.example A", "canary.sfs.example TXT")
    assert "assertion" not in resolver.words()


def test_neighbours_are_what_they_were(running):
    resolver = running[1]
    for source in ("127.0.0.1", "::1"):
        answers = resolver.ask(*(f"{one} {kind}" for one in NEIGHBOURS for kind in TYPES), source=source)
        assert [one for one in answers if not one.upstream] == []


@pytest.mark.parametrize("name", [name for name, row in table_rows().items() if name in RESOLVERS and row[6] == "yes"])
def test_a_client_is_exempted_by_its_ipv6_address_too(name, world, tmp_path):
    with RESOLVERS[name](tmp_path, world, client="::1") as resolver:
        (listed,) = resolver.ask("tree.example A")
        exempt = resolver.ask("tree.example A", "a.tree.example AAAA", "host.example TXT", source="::1")
        (again,) = resolver.ask("tree.example A")
    assert listed.stopped and again.stopped
    assert [one.upstream for one in exempt] == [True] * 3
