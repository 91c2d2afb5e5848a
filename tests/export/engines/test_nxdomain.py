"""Outputs without a stop page: listed names do not exist."""

import pytest

from tests.export.engines.expressed import RESOLVERS, table_rows
from tests.export.engines.programs import EXEMPT, TYPES

pytestmark = pytest.mark.long


@pytest.mark.parametrize("name", [name for name in RESOLVERS if not name.startswith("hosts")])
def test_listed_names_do_not_exist(name, tmp_path, world):
    with RESOLVERS[name](tmp_path, world, nxdomain=True) as resolver:
        for one in ("tree.example", "a.tree.example"):
            answers = resolver.ask(*(f"{one} {kind}" for kind in TYPES))
            assert {answer.status for answer in answers} == {"NXDOMAIN"}, answers
        neighbour = resolver.ask(*(f"xtree.example {kind}" for kind in TYPES))
        assert [one for one in neighbour if not one.upstream] == []
        exempt = resolver.ask("tree.example A", source=EXEMPT)[0]
        assert ("yes" if exempt.upstream else "no") == table_rows()[name][6]
