"""What one program hands over to the next: sockets by place, keys, and what is no such thing."""

import json
import os
import socket
import sys

import pytest

from sfs.errors import SfsError
from sfs.proxy import handover
from sfs.proxy.handover import CHANNEL, MAX_SOCKETS, Successor, take_over, tell_systemd
from sfs.proxy.workers.control import Word, hear, say
from sfs.sources.machine import bound

# Takes over, and says what it got.
CHILD = """
import sys
from sfs.proxy.handover import take_over
taken = take_over()
assert taken is not None and take_over() is None
pairs = (*taken.proxy.items(), *taken.page.items())
names = [[*place, *(sock.getsockname()[1] for sock in some)] for place, some in pairs]
print(names, taken.key.hex(), taken.listen[0], flush=True)
copies = [sock.dup() for _, some in pairs for sock in some]
taken.serves()
"""


def listening(count: int) -> list[socket.socket]:
    return [bound("127.0.0.1", 0) for _ in range(count)]


def test_sockets_and_key_arrive_as_they_were_given(capfd):
    one, other, page = listening(3)
    places = {("localhost", 1): (one, other)}, {("127.0.0.1", 2): (page,)}
    ports = [sock.getsockname()[1] for sock in (one, other, page)]
    successor = Successor((sys.executable, "-c", CHILD), *places, b"key")
    successor.channel.setblocking(True)
    assert successor.serves() is True
    os.waitpid(successor.pid, 0)
    assert successor.serves() is False  # it has ended
    expected = [["localhost", 1, *ports[:2]], ["127.0.0.1", 2, ports[2]]]
    assert capfd.readouterr().out == f"{expected} {b'key'.hex()} localhost:1\n"
    # Whoever copies them, here or in the new program, no worker waits in `accept` for a connection that another took.
    assert not any(os.get_blocking(sock.fileno()) for sock in (one, other, page))
    for sock in (one, other, page, successor.channel):
        sock.close()


def test_a_copy_of_what_listens_has_no_worker_wait_in_accept():
    here, there = socket.socketpair()
    with here, there, bound("127.0.0.1", 0) as listener, listener.dup():
        assert not os.get_blocking(listener.fileno())
        say(here, Word.PAGE, listener)
        word, given = hear(there)
        assert word is Word.PAGE and given is not None
        with given, given.dup():
            assert not os.get_blocking(listener.fileno())


def test_what_cannot_be_started_is_said():
    with pytest.raises(SfsError, match="cannot be started"):
        Successor(("/no/such/program",), {}, {}, b"")
    many = listening(1) * (MAX_SOCKETS + 1)
    with pytest.raises(SfsError, match="at most"):
        Successor((sys.executable, "-c", ""), {("127.0.0.1", 1): many}, {}, b"")
    many[0].close()


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"{}\n",
        b"[]\n",
        b"\xff\n",
        b'{"key": "zz", "proxy": [], "page": []}\n',
        b'{"key": "", "proxy": [["127.0.0.1", 1, 1]], "page": []}\n',
        b'{"key": "", "proxy": [["127.0.0.1", 1]], "page": []}\n',
        b'{"key": "", "proxy": 7, "page": []}\n',
    ],
)
def test_what_hands_nothing_over_is_an_error(monkeypatch, told):
    ours, theirs = socket.socketpair()
    monkeypatch.setenv(CHANNEL, str(theirs.detach()))
    ours.sendall(told)
    ours.shutdown(socket.SHUT_WR)
    with pytest.raises(SfsError, match="hands nothing over"):
        take_over()
    assert CHANNEL not in os.environ
    ours.close()


@pytest.mark.parametrize("number", ["x", "99999", "-1"])
def test_a_number_that_is_no_socket_is_an_error(monkeypatch, number):
    monkeypatch.setenv(CHANNEL, number)
    with pytest.raises(SfsError):
        take_over()


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told_where_it_listens(monkeypatch, tmp_path, abstract):
    name = "@sfs-test-" + tmp_path.name if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(name.replace("@", "\0", 1))
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        tell_systemd("READY=1")
        assert sock.recv(99) == b"READY=1"
    tell_systemd("nobody listens any more")
    monkeypatch.setenv("NOTIFY_SOCKET", "nonsense")
    tell_systemd("READY=1")


def test_what_is_told_fits_into_one_message():
    most = {("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 65535 - n): () for n in range(MAX_SOCKETS)}
    assert len(json.dumps(handover._counted(most))) < handover.MAX_TOLD / 8
