"""What the log-in library remembers of a session: how the person proved who they are, and when."""

import time

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication

from maillage.accounts.enums import FRESH_MINUTES

# What stands for two factors: a code or a key after the password, a passkey with its own check of the
# person, Pro Santé Connect; "demo", one click as a fictitious person, exists in a demonstration only.
TWO_FACTORS = {"mfa", "psc", "demo"}


def has_two_factors(request) -> bool:
    """Did whoever holds this session prove who they are twice?"""
    records = get_authentication_records(request, request.user)
    return any(record["method"] in TWO_FACTORS for record in records)


def is_fresh(request) -> bool:
    """Was one of the proofs of this session given a few minutes ago?"""
    records = get_authentication_records(request, request.user)
    young = time.time() - FRESH_MINUTES * 60
    return any(record["at"] > young or record["method"] == "demo" for record in records)


def remember_proof(request, user, method: str) -> None:
    """Note in the session how the person has just proved who they are."""
    record_authentication(request, user, method=method)


def address_of(request) -> str:
    """The network address that asks; an IPv6 one by its /64, which one person holds whole."""
    address = get_adapter().get_client_ip(request)
    return ":".join(address.split(":")[:4]) if ":" in address else address
