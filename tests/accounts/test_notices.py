"""Notices: written once, sent by real servers, never lost, and a demonstration sends nothing."""

import datetime as dt
import email
import http.server
import json
import os
import signal
import socketserver
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from allauth.core.context import request_context
from django.core.management import call_command
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone

from maillage.accounts import actions, gateway
from maillage.accounts.enums import RETRY_MINUTES, NoticeState
from maillage.accounts.models import Notice, User
from maillage.accounts.rules import SYSTEM
from maillage.config.login import AccountAdapter
from maillage.kernel import crypto, instance
from maillage.kernel.models import Beat


class SmtpDialogue(socketserver.StreamRequestHandler):
    """Just enough of RFC 5321 to take a message or refuse a recipient."""

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        self.say("220 test")
        while line := self.rfile.readline():
            verb = line.split(b":")[0].strip().upper()
            if verb.startswith((b"EHLO", b"HELO")):
                self.say("250 test")
            elif verb == b"RCPT TO" and b"refuse@" in line:
                self.say("550 no such person")
            elif verb == b"DATA":
                self.say("354 go on")
                self.server.received.append(self.message())
                time.sleep(self.server.delay)
                self.say("250 taken")
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def message(self):
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return email.message_from_bytes(b"".join(lines))


class SmsDialogue(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.received.append((dict(self.headers), body))
        self.send_response(self.server.status)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
        self.end_headers()

    def log_message(self, *args):
        pass


def served(server, **state):
    server.received = []
    for name, value in state.items():
        setattr(server, name, value)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    return server


class ThreadingServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


@pytest.fixture
def smtp(settings):
    server = served(ThreadingServer(("127.0.0.1", 0), SmtpDialogue), delay=0)
    settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def sms(settings):
    server = served(http.server.ThreadingHTTPServer(("127.0.0.1", 0), SmsDialogue), status=201)
    settings.SMS_GATEWAY_URL = f"http://127.0.0.1:{server.server_port}/sms"
    settings.SMS_GATEWAY_KEY = "clef"
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def real(db):
    return instance.declare(is_demo=False)


def queue(key="k1", channel="mail", recipient="camille@cabinet.example", **other):
    values = {"subject": "Une demande vous attend", "body": "Ouvrez le lien.\n.\nMerci."} | other
    return actions.queue_notice(
        by=SYSTEM, cpts=None, channel=channel, recipient=recipient, key=key, **values
    )


def send_now():
    call_command("send_notices")


def test_the_same_key_is_one_notice(real):
    first = queue(key="proposal-1", body="un")
    assert queue(key="proposal-1", body="deux") == first
    assert Notice.objects.get().body == "un"


def test_a_mail_goes_out_once_with_its_key_as_message_id(real, smtp):
    notice = queue()
    send_now()
    send_now()
    [mail] = smtp.received
    assert (mail["To"], mail["Message-ID"]) == ("camille@cabinet.example", gateway.message_id("k1"))
    assert email.header.make_header(email.header.decode_header(mail["Subject"])) == notice.subject
    assert mail.get_payload(decode=True).decode().splitlines() == notice.body.splitlines()
    notice.refresh_from_db()
    assert (notice.state, notice.tries, notice.last_error) == (NoticeState.SENT, 1, "")
    assert notice.sent_at is not None
    assert Beat.objects.filter(name="notices").exists()


def test_an_sms_goes_out_with_its_reference_and_the_key_of_the_gateway(real, sms):
    queue(channel="sms", recipient="0639980001", body="Une demande vous attend.")
    send_now()
    [(headers, body)] = sms.received
    assert body == {
        "to": "0639980001",
        "text": "Une demande vous attend.",
        "client_reference": "k1",
    }
    assert (headers["Authorization"], headers["Idempotency-Key"]) == ("Bearer clef", "k1")
    assert Notice.objects.get().state == NoticeState.SENT


@pytest.mark.parametrize("status", [302, 401, 500])
def test_a_gateway_that_says_no_is_told_and_not_followed_elsewhere(real, sms, status):
    sms.status = status
    queue(channel="sms", recipient="0639980001")
    send_now()
    notice = Notice.objects.get()
    assert (notice.state, notice.tries) == (NoticeState.WAITING, 1)
    assert str(status) in notice.last_error
    assert len(sms.received) == 1


def test_an_address_refused_is_told(real, smtp):
    queue(recipient="refuse@cabinet.example")
    send_now()
    assert "550 no such person" in Notice.objects.get().last_error
    assert smtp.received == []


def test_a_dead_server_does_not_stop_the_others(real, settings, sms):
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    queue(key="mail")
    queue(key="sms", channel="sms", recipient="0639980001")
    send_now()
    states = dict(Notice.objects.values_list("key", "state"))
    assert states == {"mail": NoticeState.WAITING, "sms": NoticeState.SENT}


def test_without_a_gateway_an_sms_is_retried_on_the_table_then_abandoned(real, settings):
    settings.SMS_GATEWAY_URL = ""
    notice, now = queue(channel="sms", recipient="0639980001"), timezone.now()
    for minutes in RETRY_MINUTES:
        Notice.objects.update(next_try_at=now)
        send_now()
        notice.refresh_from_db()
        assert notice.state == NoticeState.WAITING
        assert abs(notice.next_try_at - now - dt.timedelta(minutes=minutes)) < dt.timedelta(
            minutes=1
        )
    Notice.objects.update(next_try_at=now)
    send_now()
    notice.refresh_from_db()
    assert notice.state == NoticeState.FAILED
    assert "MAILLAGE_SMS_URL" in notice.last_error


def test_a_claim_is_a_lease(real):
    queue()
    now = timezone.now()
    claimed = actions.claim_notice(by=SYSTEM, now=now)
    assert claimed is not None
    assert actions.claim_notice(by=SYSTEM, now=now) is None
    after = now + actions.LEASE
    again = actions.claim_notice(by=SYSTEM, now=after)
    assert again == claimed
    # The first sender wakes up late: it may say "sent", it may no longer say "refused".
    actions.mark_notice_refused(by=SYSTEM, notice=claimed, error="trop tard", now=after)
    assert Notice.objects.get().last_error == ""
    actions.mark_notice_sent(by=SYSTEM, notice=claimed, now=after)
    actions.mark_notice_refused(by=SYSTEM, notice=again, error="double", now=after)
    assert Notice.objects.get().state == NoticeState.SENT


def test_a_demonstration_sends_nothing_and_keeps_everything(db, smtp, sms):
    instance.declare(is_demo=True)
    queue(key="mail")
    queue(key="sms", channel="sms", recipient="0639980001")
    send_now()
    assert set(Notice.objects.values_list("state", flat=True)) == {NoticeState.KEPT}
    assert actions.claim_notice(by=SYSTEM, now=timezone.now()) is None
    assert smtp.received == sms.received == []


def test_nothing_leaves_a_database_nobody_declared(db, smtp):
    queue()
    send_now()
    assert Notice.objects.get().state == NoticeState.WAITING
    assert smtp.received == []


def test_the_mails_of_the_login_pages_wait_like_the_others(real, smtp):
    user = User.objects.create(email="camille@cabinet.example")
    request = RequestFactory().get("/", headers={"host": "localhost"})
    assert AccountAdapter(request).is_open_for_signup(request) is False
    with request_context(request):
        AccountAdapter(request).send_mail(
            "account/email/password_reset_key",
            user.email,
            {"user": user, "password_reset_url": "http://localhost/r"},
        )
    assert smtp.received == []
    notice = Notice.objects.get()
    assert (notice.recipient, notice.state) == (user.email, NoticeState.WAITING)
    assert "http://localhost/r" in notice.body


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_several_senders_never_take_the_same_notice():
    instance.declare(is_demo=False)
    for number in range(40):
        queue(key=f"k{number}")
    taken, start = [], threading.Barrier(4)

    def claim_all():
        start.wait()
        while notice := actions.claim_notice(by=SYSTEM, now=timezone.now()):
            taken.append(notice.key)
        connection.close()

    senders = [threading.Thread(target=claim_all) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert len(taken) == len(set(taken)) == 40


def sealed(number, **texts):
    return [
        crypto.seal(text, aad=f"accounts_notice|{column}|{number}|")
        for column, text in texts.items()
    ]


def test_kill_9_loses_nothing_and_doubles_at_most_once_each(tmp_path, smtp):
    """A database file and real processes: eight are killed at any moment, the last one finishes."""
    smtp.delay = 0.01
    environment = os.environ | {
        "VAR": str(tmp_path),
        "MAILLAGE_DATABASE_URL": "",
        "MAILLAGE_SMTP_HOST": "127.0.0.1",
        "MAILLAGE_SMTP_PORT": str(smtp.server_address[1]),
        "PYTHONWARNINGS": "",
    }
    python = [sys.executable]
    subprocess.run([*python, "-m", "maillage", "migrate", "-v0"], env=environment, check=True)
    file = sqlite3.connect(tmp_path / "maillage.sqlite3", timeout=20)
    keys = [f"k{number:03}" for number in range(150)]
    with file:
        file.execute(
            "INSERT INTO kernel_instance (id, is_demo, created_at) VALUES (1, 0, datetime())"
        )
        file.executemany(
            "INSERT INTO accounts_notice (id, key, channel, recipient, subject, body, state, tries,"
            " created_at, next_try_at, last_error) VALUES (?, ?, 'mail', ?, ?, ?,"
            " 'waiting', 0, datetime(), datetime(), '')",
            [
                (number, key, *sealed(number, recipient="a@b.example", subject=key, body="texte"))
                for number, key in enumerate(keys, start=1)
            ],
        )
    waiting = "SELECT count(*) FROM accounts_notice WHERE state <> 'sent'"
    for turn in range(9):
        before = len(smtp.received)
        command = [*python, "-m", "maillage", "send_notices", "--loop", "--lease", "1"]
        sender = subprocess.Popen(command, env=environment)
        limit = time.monotonic() + 40
        if turn < 8:
            while len(smtp.received) < before + 8 and sender.poll() is None:
                assert time.monotonic() < limit
                time.sleep(0.001)
            time.sleep(turn * 0.003)
            sender.kill()
        else:
            while file.execute(waiting).fetchone()[0] and time.monotonic() < limit:
                time.sleep(0.1)
            sender.send_signal(signal.SIGTERM)
        sender.wait()
    file.close()
    copies = Counter(mail["Subject"] for mail in smtp.received)
    assert sorted(copies) == keys
    assert max(copies.values()) <= 2
    doubled = [mail["Message-ID"] for mail in smtp.received if copies[mail["Subject"]] == 2]
    assert len(set(doubled)) == len(doubled) / 2
    assert sender.returncode == 0
