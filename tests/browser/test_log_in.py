"""Coming in for real, on a server that is no demonstration: a password by mail, a key, codes.

The key is Chromium's own virtual one; the mails are read where a mail server would take them.
"""

import base64
import contextlib
import datetime as dt
import email
import os
import re
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from email.policy import default
from hashlib import sha256
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID
from playwright.sync_api import expect

from tests.browser.conftest import Server, soon
from tests.conftest import ROOT

pytestmark = pytest.mark.browser
PASSWORD = "trois chevaux bruns dorment"
HERE = "/c/vallee/"
ADDRESS = "bao@cpts.example"
# What the technical operator types, in one process.
SET_UP = f"""
import os
import people
from django.core.management import call_command
call_command("keys", "new", os.environ["MAILLAGE_KEY_FILE"])
call_command("migrate", verbosity=0)
commune = people.make_commune()
call_command("cpts_open", "vallee", "CPTS de la vallée", "--admin", "{ADDRESS}",
             "--communes", commune.insee, "--depuis", "2026-01-01", "--source", "Essai")
"""
KEY = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}


class Post(socketserver.StreamRequestHandler):
    """Takes mails in, one address each."""

    def handle(self):
        self.wfile.write(b"220 essai\r\n")
        to = ""
        while line := self.rfile.readline().decode().strip():
            word = line[:4].upper()
            if word == "RCPT":
                to = re.search("<(.*)>", line)[1]
            if word == "DATA":
                self.wfile.write(b"354 ok\r\n")
                raw = b"".join(iter(self.rfile.readline, b".\r\n"))
                text = email.message_from_bytes(raw, policy=default).get_content()
                self.server.taken.append((to, text))
            self.wfile.write(b"221 ok\r\n" if word == "QUIT" else b"250 ok\r\n")
            if word == "QUIT":
                return


@pytest.fixture
def post():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Post) as server:
        server.daemon_threads, server.taken = True, []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class Front(BaseHTTPRequestHandler):
    """The HTTPS server in front of a real one: passes on, and says that it was HTTPS."""

    def do_GET(self):  # noqa: N802 - the library's name
        behind = HTTPConnection("127.0.0.1", self.server.behind, timeout=30)
        size = int(self.headers.get("Content-Length") or 0)
        told = {"X-Forwarded-Proto": "https", "X-Forwarded-For": self.client_address[0]}
        behind.request(self.command, self.path, self.rfile.read(size), {**self.headers} | told)
        answer = behind.getresponse()
        self.send_response_only(answer.status)
        for name, text in answer.getheaders():
            if name.lower() not in {"connection", "transfer-encoding"}:
                self.send_header(name, text)
        self.end_headers()
        self.wfile.write(answer.read())
        behind.close()

    do_POST = do_HEAD = do_GET  # noqa: N815

    def log_message(self, *words):
        pass


class FrontServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100

    def handle_error(self, request, client_address):
        """A browser hangs up when it likes."""


@pytest.fixture
def certificate(tmp_path):
    """A certificate for localhost, and the fingerprint by which Chromium is told to believe it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    path = tmp_path / "localhost.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return path, base64.b64encode(sha256(public).digest()).decode()


@pytest.fixture
def front(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[0])
    with FrontServer(("127.0.0.1", 0), Front) as server:
        # Hands are shaken by the thread of each: a browser that opens ahead of need holds nobody up.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def believer(browser_type, browser_type_launch_args, certificate):
    """Chromium, which believes our certificate: a key is refused where one is doubtful."""
    believes = f"--ignore-certificate-errors-spki-list={certificate[1]}"
    words = [*browser_type_launch_args["args"], believes]
    opened = browser_type.launch(**browser_type_launch_args | {"args": words})
    yield opened
    opened.close()


class Real(Server):
    """A server for real people: keys, a secret, a post office."""

    options = ()

    def __init__(self, folder, post, front):
        super().__init__(folder)
        front.behind = self.port
        self.post, self.address = post, f"https://localhost:{front.server_port}"
        self.environment |= {
            "MAILLAGE_SITE_URL": self.address,
            "MAILLAGE_SECRET_KEY": "une-clef-pour-cet-essai-seulement-" + "0123456789" * 3,
            "MAILLAGE_KEY_FILE": str(folder / "keys"),
            "MAILLAGE_SMTP_HOST": "127.0.0.1",
            "MAILLAGE_SMTP_PORT": str(post.server_address[1]),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")]),
        }
        done = subprocess.run(
            [sys.executable, "manage.py", "shell", "-c", SET_UP],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        self.start()

    def _answers(self):
        asked = HTTPConnection("127.0.0.1", self.port, timeout=2)
        with contextlib.suppress(OSError), contextlib.closing(asked):
            asked.request("GET", "/sante", headers={"X-Forwarded-Proto": "https"})
            return asked.getresponse().read() != b""
        return False

    def forget_codes(self):
        """As if the next half-minute had come: a code serves once."""
        with contextlib.closing(self._open()) as database, database:
            database.execute("DELETE FROM accounts_throttle WHERE kind = 'code_used'")

    def link(self, to, path):
        """The address of this path in the last mail to somebody, once it has come."""

        def found():
            texts = [text for who, text in self.post.taken if who == to]
            return [
                each for text in texts for each in re.findall(r"https?://\S+", text) if path in each
            ]

        soon(lambda: bool(found()), True, 30)
        return found()[-1]


@pytest.fixture
def real(tmp_path, post, front):
    server = Real(tmp_path, post, front)
    yield server
    server.process.terminate()
    server.process.wait(20)


class Person:
    """Somebody at their own browser, who may open other windows beside, as on other machines."""

    def __init__(self, browser, server, mail):
        self.browser, self.server, self.mail, self.faults = browser, server, mail, []
        self.page = self.window()

    def window(self):
        page = self.browser.new_context(viewport={"width": 390, "height": 844}).new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: self._heard(page, message))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        return page

    def _heard(self, page, message):
        if message.type in {"error", "warning"}:
            self.faults.append(f"{page.url}: {message.text}")

    def go(self, path, page=None):
        return (page or self.page).goto(self.server.address + path)

    def is_inside(self, page=None):
        answer = self.go(HERE, page)
        return answer.status == 200 and answer.url.startswith(self.server.address + HERE)

    def sign_in(self, page):
        self.go("/compte/login/", page)
        page.locator("input[name=login]").fill(self.mail)
        page.locator("input[name=password]").fill(PASSWORD)
        page.get_by_role("button", name="Se connecter", exact=True).click()
        expect(page).not_to_have_url(re.compile("/login/"))

    def give_code(self, page, secret):
        """The code of this half-minute; once more when it turned on the way."""
        asked_at, step = page.url, 0
        while page.url == asked_at and step != half_minute():
            step = half_minute()
            page.locator("input[name=code]").fill(format_hotp_value(hotp_value(secret, step)))
            with page.expect_navigation():
                page.locator("main form").get_by_role("button").first.click()


def half_minute():
    return int(time.time()) // 30


def test_a_key_or_a_code_opens_what_a_password_does_not(believer, real, axe):
    person = Person(believer, real, ADDRESS)
    chooses_password(person, axe)
    adds_key(person, axe)
    comes_back_with_key(person, axe)
    secret = adds_codes(person, axe)
    elsewhere = comes_in_elsewhere(person, secret, axe)
    closes_the_others(person, elsewhere)
    assert person.faults == []


def chooses_password(person, axe):
    """From the mail of the invitation to the first log-in."""
    page = person.page
    page.goto(person.server.link(person.mail, "/invitation/"))
    assert axe(page) == []
    page.get_by_role("link", name="Choisir un mot de passe").click()
    page.locator("input[name=email]").fill(person.mail)
    page.locator("main form").get_by_role("button").click()
    page.goto(person.server.link(person.mail, "/password/reset/key/"))
    assert axe(page) == []
    for name in ("password1", "password2"):
        page.locator(f"input[name={name}]").fill(PASSWORD)
    page.get_by_role("button", name="Modifier le mot de passe").click()
    expect(page).to_have_url(re.compile("/key/done/"))
    person.sign_in(page)


def adds_key(person, axe):
    """The password alone only leads to the choice of a second proof."""
    page = person.page
    machine = page.context.new_cdp_session(page)
    machine.send("WebAuthn.enable")
    machine.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    assert not person.is_inside()
    expect(page.get_by_role("heading", name="Une deuxième preuve")).to_be_visible()
    assert axe(page) == []
    page.get_by_role("link", name="Ajouter une clé d'accès").click()
    assert axe(page) == []
    page.get_by_role("button", name="Ajouter", exact=True).click()
    expect(page).to_have_url(re.compile("/recovery-codes/"))
    assert axe(page) == []
    assert person.is_inside()


def comes_back_with_key(person, axe):
    """No password is typed."""
    page = person.page
    person.go("/compte/2fa/")
    page.get_by_role("button", name="Se déconnecter").click()
    expect(page).to_have_url(re.compile("/compte/login/"))
    assert not person.is_inside()
    person.go("/compte/login/")
    page.get_by_role("button", name="Entrer avec une clé d'accès").click()
    expect(page).not_to_have_url(re.compile("/login/"))
    assert person.is_inside()
    person.go("/compte/2fa/webauthn/")
    assert axe(page) == []
    expect(page.locator("main")).to_contain_text("ouvre seule le compte")


def adds_codes(person, axe):
    page = person.page
    person.go("/compte/2fa/totp/activate/")
    secret = page.locator("#authenticator_secret").input_value()
    assert axe(page) == []
    person.give_code(page, secret)
    expect(page).not_to_have_url(re.compile("/activate/"))
    return secret


def comes_in_elsewhere(person, secret, axe):
    """On a machine without the key: the password, which opens nothing alone, then a code."""
    page = person.window()
    person.sign_in(page)
    expect(page).to_have_url(re.compile("/2fa/authenticate/"))
    assert axe(page) == []
    assert not person.is_inside(page)
    person.go("/compte/2fa/authenticate/", page)
    person.server.forget_codes()
    person.give_code(page, secret)
    expect(page).not_to_have_url(re.compile("/2fa/"))
    assert person.is_inside(page)
    return page


def closes_the_others(person, elsewhere):
    """A session closed elsewhere is out at its next click; the one that closed it is not."""
    assert person.is_inside()
    person.go("/compte/sessions/", elsewhere)
    elsewhere.get_by_role("button", name="Fermer toutes les autres").click()
    expect(elsewhere.locator("#messages")).to_contain_text("Sessions fermées ailleurs")
    person.page.get_by_role("link", name="Rôles").first.click()
    expect(person.page).to_have_url(re.compile("/compte/login/"))
    assert person.is_inside(elsewhere)
