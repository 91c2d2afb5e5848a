"""Faults that are planted by chance are named, each by its kind and its place, and by no other word; a site without one
is called well. Everything is the real program."""

import json
import random

import pytest
from click.testing import CliRunner

from sfs.cli.isp_selftest import selftest
from tests.export.selftest.faults import Fault, faults
from tests.export.selftest.site import Site

SEED = 20261128
DRAWN = 40
FIRST = 4  # that every run of the tests makes
CLEAN = 40


def drawn(seed: int, count: int) -> list[Fault]:
    """Faults of the table, none twice."""
    return random.Random(seed).sample(faults(), count)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A provider without a fault."""
    with Site(tmp_path_factory.mktemp("site")) as running:
        yield running


def sheet(site: Site, **plan: object) -> tuple[int, dict, str]:
    """The exit code of a self-test, its sheet, and what of it is wrong."""
    words = [str(site.plan(**plan)), "--json", "--state", str(site.folder / "state")]
    done = CliRunner().invoke(selftest, words, catch_exceptions=False, standalone_mode=False)
    found = json.loads(done.stdout)
    return (
        done.return_value,
        found,
        [(one["name"], fault["kind"]) for one in found["targets"] for fault in one["findings"]],
    )


def planted(site: Site, fault: Fault) -> None:
    fault.make(site)
    code, found, wrong = sheet(site)
    name = f"http://127.0.0.1:{site.page_port}/" if fault.at == "page" else fault.at
    assert (code, wrong) == (1, [(name, fault.kind)]), json.dumps(found["targets"], indent=1)
    site.stop_one(fault.at)
    site.reset()


@pytest.mark.parametrize("fault", drawn(SEED, DRAWN)[:FIRST], ids=lambda fault: f"{fault.row}-{fault.column}")
def test_a_planted_fault_is_named(site, fault):
    planted(site, fault)


@pytest.mark.long
@pytest.mark.parametrize("fault", drawn(SEED, DRAWN)[FIRST:], ids=lambda fault: f"{fault.row}-{fault.column}")
def test_forty_planted_faults_are_named(site, fault):
    planted(site, fault)
