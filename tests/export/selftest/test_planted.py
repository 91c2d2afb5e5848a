"""Faults that are planted by chance are named, each by its kind and its place, and by no other word; a site without one
is called well. Everything is the real program."""

import json
import random
from dataclasses import replace

import pytest
from click.testing import CliRunner

from sfs.cli.isp_selftest import selftest
from tests.export.engines.programs import STOP4, STOP6
from tests.export.selftest.faults import COLUMNS, Fault, faults
from tests.export.selftest.site import LIST, TREE, WELL, Site, output

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
    try:
        fault.make(site)
        code, found, wrong = sheet(site)
    finally:
        site.stop_one(fault.at)
        site.reset()
    name = f"http://127.0.0.1:{site.page_port}/" if fault.at == "page" else fault.at
    assert (code, wrong) == (1, [(name, fault.kind)]), json.dumps(found["targets"], indent=1)


@pytest.mark.parametrize("fault", drawn(SEED, DRAWN)[:FIRST], ids=lambda fault: f"{fault.row}-{fault.column}")
def test_a_planted_fault_is_named(site, fault):
    planted(site, fault)


@pytest.mark.long
@pytest.mark.parametrize("fault", drawn(SEED, DRAWN)[FIRST:], ids=lambda fault: f"{fault.row}-{fault.column}")
def test_forty_planted_faults_are_named(site, fault):
    planted(site, fault)


def renewed(site: Site, chance: random.Random) -> None:
    """One of them is started anew, with another list or in another form that is right as well."""
    name = chance.choice((*COLUMNS, "squid", "proxy"))
    more = "".join(f"{chance.choice(('', '='))}n{number}.example\n" for number in range(chance.randrange(2000)))
    if name == "squid":
        site.start_squid(output("squid", replace(WELL, lines=LIST + more)))
    elif name == "proxy":
        site.start_proxy(f"{LIST}{more}{TREE}\n")
    else:
        form = chance.choice(("pdns", "rpz")) if name == "pdns" else ""
        how = replace(WELL, lines=LIST + more, stop=site.stop, form=form)
        site.stop_one(name)
        site.start(name, site.resolvers.start(name, how))


def is_well(site: Site) -> None:
    code, found, wrong = sheet(site)
    assert (code, wrong, found["result"]) == (0, [], "well"), json.dumps(found["targets"], indent=1)
    assert sum(one["asked"] for one in found["targets"]) > 400


@pytest.fixture(scope="module")
def nowhere(site):
    """The same provider, whose lists say that names do not exist."""
    site.answer(())
    yield site
    site.answer((STOP4, STOP6))


def test_a_provider_without_a_fault_is_well(site):
    is_well(site)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(CLEAN - 10))
def test_forty_times_nothing_is_wrong(site, seed):
    renewed(site, random.Random(seed))
    is_well(site)


def test_lists_of_names_that_do_not_exist_are_well_too(nowhere):
    is_well(nowhere)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(CLEAN - 10, CLEAN))
def test_forty_times_nothing_is_wrong_with_names_that_do_not_exist(nowhere, seed):
    renewed(nowhere, random.Random(seed))
    is_well(nowhere)


# Unbound's always_nxdomain has all below it closed, whatever is written.
NOWHERE = ("unloaded", "stale", "wildcard", "another listener", "encrypted listener", "over-blocking", "ttl")


CELLS = [one for one in faults() if one.row in NOWHERE and (one.row, one.column) != ("wildcard", "unbound")]


@pytest.mark.long
@pytest.mark.parametrize("fault", CELLS, ids=lambda fault: f"{fault.row}-{fault.column}")
def test_faults_are_named_where_names_do_not_exist(nowhere, fault):
    planted(nowhere, fault)
