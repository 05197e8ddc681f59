"""`maillage serve` for real: it starts, says what it is, restarts what dies, stops without a trace."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "postgres" in os.environ.get("MAILLAGE_DATABASE_URL", ""),
        reason="processes of their own, on SQLite files of their own",
    ),
]
KEY = "une-clef-pour-cet-essai-seulement-" + "0123456789" * 3
SERVE = [sys.executable, "-m", "maillage", "serve"]


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory):
    """A folder where the demonstration was loaded once; `start` opens it again."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(folder, **more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
    kept.pop("HOST", None)
    return kept | {"VAR": str(folder), "PYTHONUNBUFFERED": "1"} | more


def family(pid):
    """The process and everything under it."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from family(int(child))
        yield pid


def alive(pids):
    return [pid for pid in pids if Path(f"/proc/{pid}/exe").exists()]


def wait_for(condition, seconds):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if found := condition():
            return found
        time.sleep(0.05)
    return condition()


def health(port, host=None):
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}/sante",
        headers={"Host": host or f"127.0.0.1:{port}", "X-Forwarded-Proto": "https"},
    )
    try:
        with urllib.request.urlopen(asked, timeout=2) as answer:
            return json.load(answer)
    except (OSError, urllib.error.HTTPError):
        return None


@contextlib.contextmanager
def served(folder, port, *options, **variables):
    """A running server, its family, and the lines it printed; nobody is left behind."""
    log = folder / f"log-{port}"
    with log.open("w") as output:
        server = subprocess.Popen(
            [*SERVE, "--port", str(port), *options],
            env=environment(folder, **variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    started = time.monotonic()
    try:
        assert wait_for(lambda: health(port, variables.get("MAILLAGE_HOSTS")), 120), log.read_text()
        server.ready_seconds = time.monotonic() - started
        assert wait_for(lambda: "Ctrl-C" in log.read_text(), 10)
        yield server, list(family(server.pid)), log
    finally:
        pids = list(family(server.pid))
        for pid in reversed(pids):  # parents first, or they would start again what was killed
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        server.wait()
        # Until then one of them may still hold the port, and answer for the next server.
        assert wait_for(lambda: not alive(pids) and health(port) is None, 10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_starts_twice_and_stops_without_a_trace(demo_folder, port, number):
    with served(demo_folder, port, "--demo"):
        pass  # loads the demonstration the first time
    with served(demo_folder, port, "--demo") as (server, pids, log):
        assert len(pids) >= 6  # itself, the server and its two workers, the sender, the clock
        assert health(port)["status"] == "ok"
        text = log.read_text()
        assert f"http://127.0.0.1:{port}/" in text
        assert "Démonstration, personnes fictives" in text
        assert "Chargement de la démonstration" not in text
        started = time.monotonic()
        server.send_signal(number)
        assert server.wait(timeout=5) == 0
        assert wait_for(lambda: not alive(pids), 5 - (time.monotonic() - started))
    ready = server.ready_seconds
    for _ in range(2):  # a busy machine may need another try
        if ready > 5:
            with served(demo_folder, port, "--demo") as (server, _pids, _log):
                ready = server.ready_seconds
    assert ready < 5


def test_children_do_not_outlive_a_killed_supervisor(demo_folder, port):
    with served(demo_folder, port, "--demo") as (server, pids, _log):
        server.kill()
        server.wait()
        assert wait_for(lambda: not alive(pids), 5)


def test_what_dies_is_started_again(demo_folder, port):
    with served(demo_folder, port, "--demo") as (server, pids, log):
        for pid in pids:
            if pid != server.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        assert wait_for(lambda: log.read_text().count("s'est arrêté") >= 3, 10)
        assert wait_for(lambda: len(list(family(server.pid))) >= 6 and health(port), 20)


def test_a_busy_port_is_told(demo_folder, port):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", port))
        busy.listen()
        command = [*SERVE, "--demo", "--port", str(port)]
        said = subprocess.run(
            command, env=environment(demo_folder), capture_output=True, text=True, timeout=30
        )
    assert said.returncode == 1
    assert f"127.0.0.1:{port}" in said.stderr
    assert "PORT=" in said.stderr


def refused(folder, port, **variables):
    said = subprocess.run(
        [*SERVE, "--port", str(port)],
        env=environment(folder, **variables),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert said.returncode == 1, said.stdout
    return said.stderr


def test_a_real_database_refuses_the_key_of_the_demonstration_and_debug(tmp_path, port):
    said = refused(tmp_path, port, MAILLAGE_DEBUG="1")
    assert "MAILLAGE_SECRET_KEY" in said
    assert "retirez MAILLAGE_DEBUG" in said
    assert "MAILLAGE_KEY_FILE" in said
    assert settings.DEFAULT_KEY not in said
    assert "Traceback" not in said


def test_a_real_database_refuses_demonstration_accounts(tmp_path, port):
    seed = (
        "import django; django.setup()\n"
        "from django.core.management import call_command\n"
        "from maillage.accounts.models import User\n"
        "call_command('migrate', verbosity=0)\n"
        "User.objects.create(email='a@demo.example', is_demo=True)\n"
    )
    variables = {"DJANGO_SETTINGS_MODULE": "maillage.config.settings"}
    subprocess.run(
        [sys.executable, "-c", seed], env=environment(tmp_path, **variables), check=True, timeout=60
    )
    said = refused(tmp_path, port, MAILLAGE_SECRET_KEY=KEY)
    assert "1 compte(s) de démonstration" in said
    assert "MAILLAGE_SECRET_KEY" not in said
    assert "MAILLAGE_SITE_URL" in said  # no https


def test_a_real_database_starts_and_says_that_it_has_no_copy(tmp_path, port):
    keys = tmp_path / "keys"
    subprocess.run(
        [sys.executable, "-m", "maillage", "keys", "new", str(keys)],
        env=environment(tmp_path),
        check=True,
        timeout=60,
    )
    real = {
        "MAILLAGE_SECRET_KEY": KEY,
        "MAILLAGE_KEY_FILE": str(keys),
        "MAILLAGE_SITE_URL": "https://maillage.example",
        "MAILLAGE_HOSTS": "maillage.example",
    }
    with served(tmp_path, port, **real) as (_server, pids, log):
        assert len(pids) >= 6
        text = log.read_text()
        assert "est prêt" in text and "maillage backup" in text
        assert "Démonstration" not in text and "Un clic" not in text
        assert "Traceback" not in text
