"""Firewall lines: what they say. tests/e2e/test_policy_nftables.py shows what they do."""

import itertools
import os
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import SfsError
from sfs.export.nftables import MAX_RESOLVERS, Rules, nftables_file, parse_resolvers, parse_user
from sfs.text.address import parse_address


def test_the_proxys_user_comes_before_what_is_closed():
    text = nftables_file(Rules("machine"))
    assert text.index('meta skuid "sfs" accept') < text.index("tcp dport { 80, 443 }")
    assert "hook output" in text and "drop" not in text


def test_a_gateway_knows_no_users():
    text = nftables_file(Rules("gateway"))
    assert "hook forward" in text and "skuid" not in text


def test_private_addresses_are_no_way_to_another_resolver():
    text = nftables_file(Rules("gateway", resolvers=parse_resolvers(["192.0.2.53"])))
    assert text.index("udp dport 53 counter reject") < text.index("192.168.0.0/16")


def test_what_is_closed_is_answered():
    text = nftables_file(Rules("machine", strict=True))
    assert text.count("reject with tcp reset") == 3
    assert text.count("reject with icmpx type admin-prohibited") == 3


@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed (Debian's package nftables)")
@pytest.mark.skipif(os.geteuid() != 0, reason="nft looks at the kernel, which needs root")
def test_every_form_is_taken_by_nft():
    choices = itertools.product(
        ("machine", "gateway"),
        (None, parse_address("192.0.2.1"), parse_address("2001:db8::1")),
        (None, 0x5F5),
        ((), parse_resolvers(["192.0.2.53", "2001:db8::53"])),
        (False, True),
    )
    files = [nftables_file(Rules(*c[:2], ("0", "65534"), *c[2:])) for c in choices]
    done = subprocess.run(
        ["unshare", "-n", "nft", "-c", "-f", "-"], input="\n".join(files), text=True, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


@given(st.text(max_size=40))
def test_a_user_is_a_name_or_a_number_or_refused(text):
    try:
        assert set(parse_user(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")
    except SfsError as fault:
        assert "user" in str(fault)


@pytest.mark.parametrize("text", ["", "Root", '"', "a b", "a}", "1" * 11, "-x"])
def test_what_is_no_user_is_refused(text):
    with pytest.raises(SfsError):
        parse_user(text)


def test_what_is_no_resolver_is_refused():
    for texts in (["dns.example"], ["192.0.2.1/24"], ["192.0.2.1"] * (MAX_RESOLVERS + 1)):
        with pytest.raises(SfsError):
            parse_resolvers(texts)
