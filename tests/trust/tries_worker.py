"""One server process of test_throttle: its own Django, the same database, wrong words and codes.

Prints what it saw as JSON: tries that were really looked at, for a password and for a code.
`SEED=own` seeds the fault: each process counts for itself, as with a cache in memory.
"""

import json
import os
import sys
from collections import Counter

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "maillage.config.settings")
django.setup()

from allauth.account.auth_backends import AuthenticationBackend  # noqa: E402
from allauth.mfa.totp.internal.auth import TOTP  # noqa: E402
from django.test import Client  # noqa: E402

from maillage.accounts import actions  # noqa: E402
from maillage.accounts.enums import TRIES  # noqa: E402

LOOKED_AT = Counter()


def watch(owner, name, what):
    """Count the calls of a method; it still does its work."""
    method = getattr(owner, name)

    def counted(self, *args, **kwargs):
        LOOKED_AT[what] += 1
        return method(self, *args, **kwargs)

    setattr(owner, name, counted)


def alone():
    seen = Counter()

    def count_try(*, by, kind, of, now=None):
        seen[kind, of] += 1
        if seen[kind, of] > TRIES[kind][0]:
            raise actions.TooManyTries("Trop d'essais.")

    actions.count_try = count_try


def main(email, password, times):
    if os.environ.get("SEED") == "own":
        alone()
    client = Client(headers={"host": "localhost"})
    entered = client.post("/compte/login/", {"login": email, "password": password})
    assert entered["Location"] == "/compte/2fa/authenticate/", entered["Location"]
    print("ready", flush=True)
    sys.stdin.readline()  # all start together
    watch(AuthenticationBackend, "_check_password", "password")
    watch(TOTP, "validate_code", "code")
    stranger = Client(headers={"host": "localhost"}, REMOTE_ADDR="192.0.2.7")
    for number in range(times):
        client.post("/compte/2fa/authenticate/", {"code": f"{number:06}"})
        stranger.post("/compte/login/", {"login": email, "password": f"faux-{number}"})
    print(json.dumps(LOOKED_AT), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
