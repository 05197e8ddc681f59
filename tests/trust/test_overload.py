"""G25, the door only: past those in line the server says 503 at once, then serves again."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar
from unittest.mock import patch

import pytest
from django.conf import settings
from test_headers import faults_of

from maillage.config.shedding import Shedding, refusal_headers
from maillage.home.management.commands import serve
from trusted import evidence, size

HERE = Path(__file__).parent
PLACES = 2 * 2 + 4  # of slow_worker
AT_ONCE = size(40, 200)


@contextlib.contextmanager
def serving(**variables):
    """slow_worker behind the real server; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port)]
    threads = PLACES + serve.SPARE_THREADS
    command += ["--blocking-threads", str(threads), "--log-level", "error"]
    paths = os.pathsep.join([str(HERE), *(each for each in sys.path if each)])
    server = subprocess.Popen(
        [*command, "slow_worker:application"],
        env=os.environ | {"PYTHONPATH": paths} | variables,
    )
    try:
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            with contextlib.suppress(OSError):
                ask(port)
                break
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=30)


def ask(port):
    """(status, headers, body, seconds)"""
    began = time.monotonic()
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        asked.request("POST", "/", body=b"x" * 5000)
        answer = asked.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read(), time.monotonic() - began
    finally:
        asked.close()


def flood(port):
    with ThreadPoolExecutor(AT_ONCE) as many:
        return list(many.map(lambda _: ask(port), range(AT_ONCE)))


def test_what_is_too_much_is_told_to_come_back_at_once():
    with serving() as port:
        answers = flood(port)
        told = Counter(status for status, *_ in answers)
        assert told.keys() == {200, 503} and told[200] >= PLACES
        assert told[503] >= AT_ONCE // 2
        assert {body for status, _, body, _ in answers if status == 200} == {b"read 5000"}
        refused = [each for each in answers if each[0] == 503]
        assert all(headers["retry-after"] == "5" for _, headers, _, _ in refused)
        assert "appelez le 15" in refused[0][2].decode()
        spent = sorted(seconds for *_, seconds in answers)
        assert spent[-1] < 5  # nobody waited for the others' turn
        assert ask(port)[0] == 200  # and it serves again
    evidence("G25", f"of {AT_ONCE} requests at once, {PLACES} places: told 503", told[503])


def test_a_server_that_lets_everybody_wait_is_seen():
    with serving(SEED="none") as port:
        assert Counter(status for status, *_ in flood(port)) == {200: AT_ONCE}


def test_each_request_leaves_its_place_even_when_it_breaks():
    def broken(environ, start_response):
        raise RuntimeError("une panne")

    closed = []

    class Answer(list):
        def close(self):
            closed.append(threading.current_thread().name)

    door = Shedding(broken, at_once=1, waiting=0)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            door({}, None)
    door.application = lambda environ, start: start("200 OK", []) or Answer([b"a", b"b"])
    said = []
    assert door({}, lambda *given: said.append(given)) == [b"ab"]
    assert said == [("200 OK", [])] and closed[0].startswith("request")


def test_what_somebody_does_goes_before_what_screens_ask():
    begun, free, order = threading.Event(), threading.Event(), []

    def work(environ, start_response):
        order.append(environ["REQUEST_METHOD"])
        if environ["REQUEST_METHOD"] == "POST":
            begun.set()
            free.wait(10)
        start_response("200 OK", [])
        order.append("done " + environ["REQUEST_METHOD"])
        return [b""]

    door = Shedding(work, at_once=1, waiting=10)
    with ThreadPoolExecutor(3) as many, patch("maillage.config.shedding.READING_WAITS", 10):
        act = many.submit(door, {"REQUEST_METHOD": "POST"}, lambda *_: None)
        assert begun.wait(10)
        read = many.submit(door, {"REQUEST_METHOD": "GET"}, lambda *_: None)
        time.sleep(0.05)
        assert order == ["POST"] and not read.done()
        free.set()
        act.result(10), read.result(10)
    assert order == ["POST", "done POST", "GET", "done GET"]


def test_a_long_act_does_not_stop_the_screens():
    begun, free = threading.Event(), threading.Event()

    def work(environ, start_response):
        if environ["REQUEST_METHOD"] == "POST":
            begun.set()
            free.wait(10)
        start_response("200 OK", [])
        return [environ["REQUEST_METHOD"].encode()]

    door = Shedding(work, at_once=1, waiting=10)
    with ThreadPoolExecutor(2) as many:
        act = many.submit(door, {"REQUEST_METHOD": "POST"}, lambda *_: None)
        assert begun.wait(10)
        assert door({"REQUEST_METHOD": "GET"}, lambda *_: None) == [b"GET"] and not act.done()
        free.set()
        assert act.result(10) == [b"POST"]


def test_the_refusal_carries_the_headers_of_every_answer():
    class Told(dict):
        cookies: ClassVar[dict] = {}

    assert faults_of("refusal", Told(refusal_headers())) == []


def test_the_server_has_threads_left_to_refuse():
    command = serve.children("127.0.0.1", 8000, 2)[0].argv
    threads = int(command[command.index("--blocking-threads") + 1])
    assert threads > 2 * settings.REQUESTS_AT_ONCE + settings.REQUESTS_WAITING
