"""A real browser before the gallery, served with the headers of the product."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings

from tests.front import gallery

TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Desk:
    """What the small server shows: the pages, and the board's fragment at a version."""

    def __init__(self):
        self.pages = gallery.pages()
        self.version = 12
        self.fragment = ""
        self.is_down = False
        self.delay = 0
        self.asked = []
        self.posted = []

    def show(self, count, **changes):
        """A newer board, of `count` requests."""
        self.fragment = gallery.fragment(count=count, **changes)
        self.version += 1


class Handler(BaseHTTPRequestHandler):
    desk: Desk

    def log_message(self, *args):
        pass

    def answer(self, status, body="", kind="text/html; charset=utf-8", **headers):
        content = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Security-Policy", settings.CONTENT_SECURITY_POLICY)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        where = urlsplit(self.path)
        if where.path.startswith("/static/"):
            file = Path(settings.PACKAGE) / "kernel" / where.path.lstrip("/")
            if not file.is_file():
                return self.answer(404)
            return self.answer(200, file.read_bytes(), TYPES.get(file.suffix, "font/woff2"))
        if where.path.endswith("/snp/"):
            return self.board(parse_qs(where.query))
        page = self.desk.pages.get(where.path.strip("/").split("/")[-1])
        return self.answer(200, page) if page else self.answer(404)

    def board(self, query):
        if "HX-Request" not in self.headers:
            return self.answer(200, self.desk.pages["board"])
        if self.desk.is_down:
            return self.answer(503)
        self.desk.asked.append(query)
        if query.get("since") == [str(self.desk.version)]:
            return self.answer(204)
        return self.answer(200, self.desk.fragment, X_Board_Version=str(self.desk.version))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        self.desk.posted.append((self.path, parse_qs(body)))
        time.sleep(self.desk.delay)
        if "HX-Request" in self.headers:
            return self.answer(200, self.desk.fragment)
        return self.answer(200, "<!doctype html><title>reçu</title>")


@pytest.fixture(scope="session")
def drawn():
    return Desk()


@pytest.fixture
def desk(drawn):
    drawn.version, drawn.is_down, drawn.delay = 12, False, 0
    drawn.asked, drawn.posted = [], []
    drawn.fragment = gallery.fragment(count=10)
    return drawn


@pytest.fixture(scope="session")
def site(drawn):
    """Address of the gallery: `/phone`, `/form`…, and `/c/<cpts>/snp/` for the living board."""
    handler = type("Served", (Handler,), {"desk": drawn})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
