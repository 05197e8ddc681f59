"""The real program, with its demonstration, in a real browser."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from playwright.sync_api import expect

HERE = "/c/centre-saone-et-loire/"
START_SECONDS = 120


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Where the program under test keeps its database."""
    return tmp_path_factory.mktemp("var")


@pytest.fixture(scope="session")
def serve(folder):
    """Address of `maillage serve --demo` on a folder of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
    kept.pop("HOST", None)
    log = (folder / "serve.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "maillage", "serve", "--demo", "--stop-with-parent"],
        env=kept | {"VAR": str(folder), "PORT": str(port)},
        stdout=log,
        stderr=log,
    )
    address = f"http://127.0.0.1:{port}"
    limit = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{address}/sante", timeout=2).close()
            break
        except OSError:
            if process.poll() is not None or time.monotonic() > limit:
                pytest.fail((folder / "serve.log").read_text())
            time.sleep(0.2)
    yield address
    process.terminate()
    process.wait(20)
    log.close()


@pytest.fixture
def enter(serve):
    """`enter(page, "Malo Standard")`: one click on the demonstration's door."""

    def click(page, name):
        page.goto(f"{serve}/demo/")
        page.get_by_role("button", name=re.compile(name)).first.click()
        expect(page).not_to_have_url(re.compile("/demo/"))

    return click
