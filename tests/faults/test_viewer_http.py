"""What reaches the port of a viewer and is no request, too large, or too much at once: it stays usable."""

import http.client
import socket
import threading
import time
from collections import Counter

import pytest

pytest.importorskip("dash", reason="Dash is not installed: pip install phi_sol[view]")

from phi_sol.viewer.door import CALLBACKS, LARGEST
from phi_sol.viewer.server import Server


@pytest.fixture(scope="module")
def port(site):
    server = Server(site.app, "127.0.0.1", 18171, lambda text: None)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    yield server.port
    server.shutdown()
    server.server_close()


def raw(port: int, data: bytes) -> bytes:
    """The first answer to some bytes, of which no more will come."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        try:
            return connection.recv(200)
        except ConnectionError:
            return b""


def test_what_is_no_http(port, capfd):
    post = f"POST {CALLBACKS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()
    cases = [
        *(
            b"",
            b"\r\n\r\n",
            b"\x16\x03\x01\x02\x00",
            b"GET\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET / HTTP/x\r\n\r\n",
        ),
        b"GET http://[bad/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET //x/y HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: example.org\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % i for i in range(200)) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"\xff\x00\x80" + b"\r\n\r\n",
        *(
            post + b"Content-Length: " + n + b"\r\n\r\n{}"
            for n in (b"abc", b"-5", b"1e3", b"99999", b"9" * 30, b"2, 2")
        ),
        *(
            post + b"Transfer-Encoding: chunked\r\n\r\n" + c
            for c in (b"zz\r\n", b"-1\r\n", b"5\r\nab", b"ffffffff\r\nab")
        ),
        post + b"Transfer-Encoding: chunked\r\n\r\n" + b"fffff\r\n" + b" " * 0xFFFFF + b"\r\n0\r\n\r\n",
        post + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08",
    ]
    answers = Counter()
    for case in cases:
        answer = raw(port, case)
        status = answer.split(b" ")[1][:3] if answer.startswith(b"HTTP/") else b"none"
        assert not status.startswith(b"5") or status in (b"501", b"505"), (case[:200], answer)
        answers[status.decode()] += 1
        assert raw(port, b"GET /_favicon.ico HTTP/1.1\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/1.1 200")
    print(f"\n{len(cases)} texts that are no requests: {dict(answers)}")
    assert "Traceback" not in capfd.readouterr().err


def test_large_bodies_are_refused(port):
    for length, status in ((LARGEST, 400), (LARGEST + 1, 413), (50 * LARGEST, 413)):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        head = {"Content-Type": "application/json"}
        try:
            connection.request("POST", CALLBACKS, b" " * length, head)
        except ConnectionError:
            assert length > LARGEST, "it may hang up before it has read all"
        else:
            assert connection.getresponse().status == status
        connection.close()


def test_many_requests_at_once_leave_it_usable(port, site):
    """A page that is slow to read, and a hundred that wait for nothing."""
    waiting = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    for connection in waiting:
        connection.sendall(f"POST {CALLBACKS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n".encode())
    begin = time.monotonic()
    assert raw(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/1.1 200")
    assert time.monotonic() - begin < 10
    for connection in waiting:
        connection.close()
