"""Keys made from the one secret of the instance."""

import hashlib
import hmac

from django.conf import settings


def derived(purpose: bytes) -> bytes:
    """The current key of one use, 32 bytes: nothing of it tells the others."""
    return derived_all(purpose)[0]


def derived_all(purpose: bytes) -> list[bytes]:
    """The current key of a use, then those it replaced, which still read what they wrote."""
    secret = settings.SECRET_KEY.encode()
    return [hmac.digest(hashlib.sha256(secret).digest(), b"maillage:" + purpose, "sha256")]
