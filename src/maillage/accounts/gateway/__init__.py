"""The outside world of accounts: mails and SMS, Pro Santé Connect, the proofs of a session."""

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
from maillage.accounts.gateway.psc import (
    Attempt,
    PscRefused,
    identity_of,
    log_in_url,
    log_out_url,
)
from maillage.accounts.gateway.psc import is_configured as is_psc_configured
from maillage.accounts.gateway.sessions import (
    address_of,
    has_two_factors,
    is_fresh,
    remember_proof,
)

__all__ = [
    "Attempt",
    "HttpSmsGateway",
    "Letter",
    "NoSmsGateway",
    "PscRefused",
    "SendingFailed",
    "SmsGateway",
    "address_of",
    "has_two_factors",
    "identity_of",
    "is_fresh",
    "is_psc_configured",
    "log_in_url",
    "log_out_url",
    "message_id",
    "remember_proof",
    "send",
    "send_mail",
    "sms_gateway",
]
