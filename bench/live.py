"""How long a change takes to be seen on another dispatcher's board, in a real browser."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import numpy as np
from playwright.sync_api import sync_playwright

from bench import Report

NAME = "live"
CHANGES = 40
LOOK_SECONDS = 0.02
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--lang=fr-FR"]


def serve(folder: str, port: int) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-m", "maillage", "serve", "--demo", "--stop-with-parent"],
        env=os.environ | {"VAR": folder, "PORT": str(port), "MAILLAGE_DATABASE_URL": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/sante", timeout=2).close()
            return process
        except OSError:
            if process.poll() is not None:
                raise RuntimeError("the server stopped before it was ready") from None
            time.sleep(0.2)


def enter(context, address: str, name: str):
    page = context.new_page()
    page.goto(f"{address}/demo/")
    page.get_by_role("button", name=re.compile(name)).first.click()
    page.wait_for_url(re.compile("/snp/"))
    return page


def delays(address: str) -> list[float]:
    """Seconds from the answer to a dispatcher's act to its sight on the other's board."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        watcher = enter(browser.new_context(), address, "Malo Standard")
        people = {
            name: enter(browser.new_context(), address, name)
            for name in ("Malo Standard", "Ondine Régulation")
        }
        row = watcher.locator(".queue [aria-current=true]")
        pk = row.get_attribute("id").removeprefix("req-")
        url = watcher.url.split("?")[0] + f"{pk}/prendre/"
        seen = []
        for turn in range(CHANGES):
            name = list(people)[(turn + 1) % 2]
            page = people[name]
            token = page.locator("input[name=csrfmiddlewaretoken]").first.input_value()
            page.request.post(
                url,
                form={"csrfmiddlewaretoken": token},
                headers={"Referer": page.url},
                max_redirects=0,
            )
            since = time.perf_counter()
            while name.split()[0] not in row.inner_text():
                time.sleep(LOOK_SECONDS)
            seen.append(time.perf_counter() - since)
            time.sleep(0.1 + 0.13 * (turn % 7))  # acts fall anywhere between two questions
        browser.close()
    return seen


def run(report: Report) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        process = serve(folder, port)
        try:
            seen = np.array(delays(f"http://127.0.0.1:{port}")) * 1000
        finally:
            process.terminate()
            process.wait(20)
    report.figure("change seen on another board, median", float(np.median(seen)), "ms")
    report.figure("change seen on another board, p95", float(np.percentile(seen, 95)), "ms")
