"""The world that resolvers of the tests ask."""

import pytest

from tests.export.engines.programs import upstream


@pytest.fixture(scope="package")
def world(tmp_path_factory):
    """An authoritative BIND for all names below example."""
    with upstream(tmp_path_factory.mktemp("world")) as running:
        yield running
