"""A bureau with the labels of the vectors, in both databases."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sfs.pics.stored import StoredLabel
from sfs.sources.labels import LabelStore
from tests.bureau.running import Bureau

VECTORS = Path(__file__).parents[1] / "vectors" / "pics" / "bureau"
OTHER = "http://b.example/svc/"
RAT = '((PICS-version 1.1) (rating-system "http://b.example/") (rating-service "http://b.example/svc/") (name "B"))'


def fill(store: LabelStore) -> None:
    """The labels of the vectors, and a second service that has none."""
    rows = json.loads((VECTORS / "labels.json").read_text())
    store.add_service(OTHER, RAT, "B")
    store.rate(
        (
            StoredLabel(
                row["service"],
                row["for"],
                (("lv", float(row["lv"])),),
                row["generic"],
                by="a rater",
                on=datetime(2026, 11, 1, tzinfo=UTC),
            )
            for row in rows
        ),
        who="tests",
    )


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def bureau(request, tmp_path_factory):
    """One that every test may ask, and none may change."""
    database = str(tmp_path_factory.mktemp("bureau") / "labels.db")
    if request.param == "postgres":
        database = request.getfixturevalue("postgres").database()
    store = LabelStore.open(database)
    fill(store)
    store.close()
    with Bureau(database) as running:
        yield running
        assert running.stop() == 0
        assert len(running.printed) == 1, running.printed  # it says that it is ready, and nothing more


@pytest.fixture
def filled(tmp_path):
    """The path of a store with the labels of the vectors."""
    store = LabelStore.open(tmp_path / "labels.db")
    fill(store)
    store.close()
    return tmp_path / "labels.db"
