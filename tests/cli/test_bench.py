"""`sfs bench` measures real verdicts; what it says is for people to read."""

import json
import subprocess
import sys

from sfs.cli.bench_sample import sample_names, sample_urls
from sfs.text.url import parse_url


def bench(*arguments: str) -> str:
    command = [sys.executable, "-m", "sfs", "bench", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_figures_are_those_of_the_list_and_the_urls():
    said = json.loads(bench("--names", "2000", "--urls", "300", "--json"))
    assert (said["names"], said["urls"]) == (2000, 300)
    assert said["words"] > 400
    assert 300 > said["blocked"] >= 10  # one in ten is for a listed site
    assert 0 < said["p50"] <= said["p99"] and said["bytes_per_name"] > 0


def test_people_read_it_in_three_lines():
    lines = bench("--names", "1000", "--urls", "100", "--level", "0").splitlines()
    assert len(lines) == 3
    assert "1,000 names" in lines[0] and "level 0" in lines[1] and "one verdict: median" in lines[2]


def test_the_sample_is_always_the_same_and_its_urls_are_urls():
    names = sample_names(500)
    assert names == sample_names(500) and len(set(names)) == 500
    asked = sample_urls(1000, names)
    assert asked == sample_urls(1000, names)
    hosts = [parse_url(one.url).host for one in asked]
    listed = sum(host in set(names) for host in hosts)
    assert 50 < listed < 200
    assert len(set(hosts)) > 700
