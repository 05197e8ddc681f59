"""The outside world of accounts: mails and SMS, what the log-in library remembers of a session."""

from maillage.accounts.gateway.notices import (
    HttpSmsGateway,
    Letter,
    NoSmsGateway,
    SendingFailed,
    SmsGateway,
    message_id,
    send,
    send_mail,
    sms_gateway,
)
from maillage.accounts.gateway.sessions import (
    address_of,
    has_two_factors,
    is_fresh,
    remember_proof,
)

__all__ = [
    "HttpSmsGateway",
    "Letter",
    "NoSmsGateway",
    "SendingFailed",
    "SmsGateway",
    "address_of",
    "has_two_factors",
    "is_fresh",
    "message_id",
    "remember_proof",
    "send",
    "send_mail",
    "sms_gateway",
]
