"""The outside world of notices: a mail server, an SMS gateway. Knows no table."""

import json
import smtplib
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from maillage.accounts.enums import Channel

TIMEOUT_SECONDS = 10  # of each step of a dialogue
SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


class SendingFailed(Exception):
    """This try failed; the message, in French, is shown in the outbox."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What leaves: `key` lets the other end drop a second copy."""

    channel: str
    recipient: str
    subject: str
    body: str
    key: str


class SmsGateway(Protocol):
    def send(self, to: str, text: str, key: str) -> None:
        """Hand one SMS over, or raise SendingFailed. `key` is the sender's own reference."""


@dataclass(frozen=True, slots=True)
class HttpSmsGateway:
    """POST of `{"to", "text", "client_reference"}` with a bearer key; any 2xx answer is a yes."""

    url: str
    key: str

    def send(self, to: str, text: str, key: str) -> None:
        request = urllib.request.Request(
            self.url,
            data=json.dumps({"to": to, "text": text, "client_reference": key}).encode(),
            headers={
                "Authorization": f"Bearer {self.key}",
                "Content-Type": "application/json",
                "Idempotency-Key": key,
            },
        )
        try:
            # No redirection: the text and the key go to the address that was set, nowhere else.
            with _direct.open(request, timeout=TIMEOUT_SECONDS):
                return
        except urllib.error.HTTPError as error:
            raise SendingFailed(f"La passerelle SMS a répondu {error.code}.") from error
        except (OSError, ValueError) as error:
            raise SendingFailed(f"La passerelle SMS ne répond pas ({error}).") from error


class NoSmsGateway:
    """None was set: the notice waits for one, then is shown as abandoned."""

    def send(self, to: str, text: str, key: str) -> None:
        raise SendingFailed(
            "Aucune passerelle SMS n'est réglée : renseignez MAILLAGE_SMS_URL et MAILLAGE_SMS_KEY."
        )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args, **kwargs):
        return None


_direct = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler())


def sms_gateway() -> SmsGateway:
    if not settings.SMS_GATEWAY_URL:
        return NoSmsGateway()
    if urllib.parse.urlsplit(settings.SMS_GATEWAY_URL).scheme not in {"http", "https"}:
        raise SendingFailed("MAILLAGE_SMS_URL doit commencer par https://.")
    return HttpSmsGateway(settings.SMS_GATEWAY_URL, settings.SMS_GATEWAY_KEY)


def message_id(key: str) -> str:
    """The same key gives the same Message-ID, so that a mail box can drop the second copy."""
    host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip("> ") or "localhost"
    return f"<{sha256(key.encode()).hexdigest()[:40]}@{host}>"


def send_mail(letter: Letter) -> None:
    mail = EmailMessage(
        letter.subject,
        letter.body,
        to=[letter.recipient],
        headers={"Message-ID": message_id(letter.key), "Auto-Submitted": "auto-generated"},
        # Named, so that tests and settings cannot send mail elsewhere without saying so.
        connection=get_connection(SMTP_BACKEND, timeout=TIMEOUT_SECONDS),
    )
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        raise SendingFailed(f"Adresse refusée ({code} {text.decode(errors='replace')}).") from error
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise SendingFailed(f"Le serveur de courriel ne prend pas le message ({error}).") from error


def send(letter: Letter) -> None:
    """Hand one letter to its channel, or raise SendingFailed."""
    if letter.channel == Channel.SMS:
        sms_gateway().send(letter.recipient, letter.body, letter.key)
    else:
        send_mail(letter)
