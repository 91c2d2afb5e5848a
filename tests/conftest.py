"""What all tests share."""

import os

import pytest
from hypothesis import settings

from tests.databases import postgres  # noqa: F401 - a fixture for every folder

settings.register_profile("sfs", deadline=None)  # no test is timed: speed is measured in tests/bench
settings.load_profile("sfs")

REQUIRE_ALL = os.environ.get("SFS_REQUIRE_ALL") == "1"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI a test that is skipped because a component is missing has failed."""
    outcome = yield
    report = outcome.get_result()
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where everything must be there: {report.longrepr}"
