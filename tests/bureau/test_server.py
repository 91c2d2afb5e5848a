"""The server under bad clients and a database that goes away: real sockets, real processes."""

import json
import signal
import socket
import threading
from contextlib import ExitStack

import psutil
import pytest

from sfs.pics.labels import parse_label_list
from sfs.sources.labels import LabelStore
from tests.bureau.conftest import fill
from tests.bureau.running import Bureau, received
from tests.sources.fake_bureau import until

ONE = "/ratings?u=http%3A%2F%2Fh.example%2Fadult%2Ffaq.html"
GET = f"GET {ONE} HTTP/1.1\r\nHost: h\r\n\r\n".encode()


@pytest.fixture(scope="module")
def tight(tmp_path_factory):
    """A bureau whose bounds are low enough to wait for."""
    path = tmp_path_factory.mktemp("tight") / "labels.db"
    store = LabelStore.open(path)
    fill(store)
    store.close()
    with Bureau.tight(path) as running:
        yield running
        assert running.ask(ONE).status == 200  # whatever was done to it
        assert len(running.printed) == 1, running.printed


# What a client may send


@pytest.mark.parametrize("path", ["/", "/ratings", "/ratings/", "/bureau", "/rating/", "/svc/"])
def test_queries_are_answered_where_clients_send_them(bureau, path):
    reply = bureau.ask(f"{path}?u=http%3A%2F%2Fh.example%2F&s=http%3A%2F%2Fwww.iajapan.org%2Frating%2F")
    assert reply.type == "application/pics-labels" and "r (lv 0)" in reply.text


def test_an_absolute_target_and_http_1_0_are_understood(bureau):
    reply = bureau.raw(f"GET http://anything.example{ONE} HTTP/1.0\r\n\r\n".encode())
    assert reply.startswith(b"HTTP/1.1 200 OK\r\n") and b"lv 1" in reply


def test_head_has_the_fields_of_get_and_no_body(bureau):
    get, head = bureau.ask(ONE), bureau.ask(ONE, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers == get.headers and int(head.headers["content-length"]) == len(get.body)
    assert get.headers["cache-control"] == "max-age=300"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_another_method_is_405(bureau, method):
    reply = bureau.ask(ONE, method)
    assert (reply.status, reply.type, reply.headers["allow"]) == (405, "text/plain", "GET, HEAD, POST")


def test_another_path_is_404_in_words(bureau):
    assert (bureau.ask("/nothing?u=http://h/").status, bureau.ask("/nothing").type) == (404, "text/plain")


def test_pipelined_requests_are_answered_in_their_order(bureau):
    urls = ["http://h.example/", "http://g.example/", "http://none.example/"]
    requests = [f"GET /ratings?u={url} HTTP/1.1\r\nHost: h\r\n\r\n".encode() for url in urls]
    requests[-1] = requests[-1].replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    reply = bureau.raw(b"".join(requests))
    places = [reply.index(text) for text in (b"(lv 0)", b"(lv 3)", b"none.example")]
    assert places == sorted(places) and reply.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
        b"GET\r\n\r\n",
        b"GET /ratings?u=\xff HTTP/9.9\r\n\r\n",
        b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        b"GET /\xe3\x81\x82 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST /ratings HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
        b"POST /ratings HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n" + b"x: y\r\n" * 200 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nx: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET /?" + b"y" * 200_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_in_words(tight, sent):
    reply = tight.raw(sent)
    status = int(reply.split(b" ", 2)[1])
    assert status in (400, 404, 405, 414, 431)
    assert b"text/plain" in reply.lower()


def test_a_body_too_long_is_413_and_an_endless_one_is_cut(tight):
    body = b"u=http://h.example/&" * 5000
    assert tight.ask("/ratings", "POST", body).status == 413
    head = b"POST /ratings HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", tight.port), timeout=30) as link:
        sent = 0
        try:
            link.sendall(head)
            while sent < 100_000_000:
                link.sendall(b"10000\r\n" + b"a" * 65_536 + b"\r\n")
                sent += 65_536
        except OSError:  # closed under us
            pass
    assert sent < 50_000_000  # what the sockets hold


def test_a_chunked_body_is_a_query_too(bureau):
    body = b"u=http%3A%2F%2Fh.example%2F"
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    head = b"POST /ratings HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert b"(lv 0)" in bureau.raw(head, chunks)


# Slow and many


def test_who_never_ends_a_request_is_cut_off(tight):
    begun = [
        b"",
        b"G",
        b"GET /ratings?u=http://h.example/ HTTP/1.1\r\nHost: h\r\nx: ",
        b"POST /ratings HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nu=",
    ]
    with ExitStack() as stack:
        links = [stack.enter_context(socket.create_connection(("127.0.0.1", tight.port), timeout=30)) for _ in begun]
        for link, sent in zip(links, begun, strict=True):
            link.sendall(sent)
        assert [received(link) for link in links] == [b""] * len(begun)


def test_who_sends_a_byte_at_a_time_is_cut_off_too(tight):
    with socket.create_connection(("127.0.0.1", tight.port), timeout=30) as link:
        link.settimeout(0.05)
        sent = 0
        try:
            for byte in b"GET / HTTP/1.1\r\nHost: h\r\nx: " + b"y" * 2000:
                link.sendall(bytes([byte]))
                sent += 1
                try:
                    if not link.recv(1):
                        break
                except TimeoutError:
                    continue
        except OSError:
            pass
    assert sent < 1000  # it would take 100 seconds


def test_who_reads_nothing_is_cut_off(tight):
    urls = b"&".join([b"u=http://none.example/" + b"a" * 200] * 250)
    request = b"POST /ratings HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s" % (len(urls), urls)
    with socket.create_connection(("127.0.0.1", tight.port), timeout=30) as link:
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            for _ in range(2000):  # far more than the sockets hold
                link.sendall(request)
        assert psutil.Process(tight.process.pid).memory_info().rss < 200_000_000


def test_more_connections_than_there_may_be_are_closed_and_the_others_served(tight):
    with ExitStack() as stack:
        links = [
            stack.enter_context(socket.create_connection(("127.0.0.1", tight.port), timeout=30)) for _ in range(40)
        ]
        answered = 0
        for link in links:
            try:
                link.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                answered += received(link).startswith(b"HTTP/1.1 200")
            except OSError:
                continue
        assert 10 <= answered < 40


# The database


@pytest.fixture(scope="module")
def on_postgres(postgres):
    """A bureau whose database the tests stop and start."""
    database = postgres.database()
    store = LabelStore.open(database)
    fill(store)
    store.close()
    with Bureau(database) as running:
        yield running
        assert running.stop() == 0
        assert all("h.example" not in line for line in running.printed)


def test_while_the_database_is_away_each_service_says_so_and_it_comes_back(postgres, on_postgres):
    ask = on_postgres.ask
    assert "(lv 1)" in ask(ONE).text
    postgres.stop()
    try:
        reply = ask(f"{ONE}&s=http://x.example/&s=http://www.iajapan.org/rating/")
        unknown, ours = parse_label_list(reply.text).services
        assert (unknown.problem.code, ours.problem.code) == ("no-ratings", "service-unavailable")
        assert reply.headers["cache-control"] == "no-store"
        assert ask("/healthz").status == 503
        assert ask("/api/v1/status").json()["status"] == "away"
        assert ask("/api/v1/labels?url=http://h.example/").status == 503
        assert ask("/look-up", "POST", b"url=http://h.example/").status == 503
        assert ask("/ratings").status == 200
    finally:
        postgres.start()
    assert "(lv 1)" in ask(ONE).text
    assert ask("/healthz").text == "ok\n"


def test_a_database_that_hangs_hangs_nothing_else(postgres, on_postgres):
    ask = on_postgres.ask
    assert "(lv 1)" in ask(ONE).text
    stopped = psutil.Process(postgres._server.pid).children(recursive=True)
    for process in stopped:
        process.suspend()
    try:
        assert "service-unavailable" in ask(ONE).text
        assert "service-unavailable" in ask(ONE).text  # at once now
        assert ask("/healthz").status == 503
        assert ask("/metrics").status == 200
    finally:
        for process in stopped:
            process.resume()
    assert any("(lv 1)" in ask(ONE).text for _ in range(1000))


def test_while_the_file_of_the_labels_is_gone_every_answer_says_so(filled):
    with Bureau(filled) as running:
        ask, aside = running.ask, filled.with_name("aside.db")
        assert "(lv 1)" in ask(ONE).text
        filled.rename(aside)
        until(lambda: ask("/healthz").status == 503)  # it looks once a second
        for _ in range(5):
            assert "service-unavailable" in ask(ONE).text and ask("/healthz").status == 503
        aside.rename(filled)
        assert "(lv 1)" in ask(ONE).text and ask("/healthz").status == 200
        assert running.stop() == 0
        said = "".join(running.printed)
        assert said.count("the file of the labels is gone") == 1 and "put it back, or start anew" in said


# Start and end


def test_what_is_being_answered_is_answered_before_the_end(filled):
    with Bureau(filled) as running:
        with socket.create_connection(("127.0.0.1", running.port), timeout=30) as link:
            body = b"u=http%3A%2F%2Fh.example%2F"
            link.sendall(b"POST /ratings HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body))
            assert running.ask("/healthz").status == 200  # the request above is under way
            running.process.send_signal(signal.SIGTERM)
            threading.Event().wait(0.2)
            link.sendall(body)
            assert b"(lv 0)" in received(link)
        assert running.stop() == 0


def test_nothing_that_is_asked_is_written_anywhere(filled):
    secret = "very-secret-name"
    with Bureau(filled) as running:
        assert "(lv 1)" in running.ask(ONE).text
        store = LabelStore.open(filled)
        store.withdraw("http://www.iajapan.org/rating/", "http://h.example/adult/faq.html", generic=False, who="t")
        store.close()
        assert "(lv 4)" in running.ask(ONE).text  # what is rated beside it holds at once
        for target in (
            f"/ratings?u=http://{secret}.example/",
            f"/ratings?u={secret}",
            f"/ratings?opt={secret}&u=http://h/",
            f"/api/v1/labels?url=http://{secret}.example/",
            f"/{secret}",
            f"/ratings?u=http://h/&s={secret}",
        ):
            running.ask(target, referer=secret, user_agent=secret)
        running.ask("/ratings", "POST", f"u=http://{secret}.example/".encode())
        running.ask("/look-up", "POST", f"url=http://{secret}.example/".encode())
        running.raw(f"{secret} / HTTP/9\r\n\r\n".encode())
        figures = running.ask("/metrics").text
        assert running.stop() == 0
    assert "sfs_bureau_urls_total 5.0" in figures
    assert secret not in figures and "127.0.0.1" not in figures
    assert secret not in "".join(running.printed)
    for path in filled.parent.rglob("*"):
        assert secret.encode() not in path.read_bytes(), path


def test_figures_are_counts(bureau):
    bureau.ask(f"{ONE}&u=http://none.example/&s=http://x/&s=http://www.iajapan.org/rating/")
    text = bureau.ask("/metrics").text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(values['sfs_bureau_requests_total{kind="ratings",status="200"}']) >= 1
    assert float(values['sfs_bureau_entries_total{said="labeled"}']) >= 1
    assert float(values['sfs_bureau_entries_total{said="no-ratings"}']) >= 1
    assert values['sfs_bureau_query_seconds_bucket{le="+Inf"}'] == values["sfs_bureau_query_seconds_count"]
    assert json.loads(values["sfs_bureau_store_faults_total"]) == 0
