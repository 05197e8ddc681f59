"""Encryption at rest: one ring of keys, AES-256-GCM for what is read again, HMAC for what is compared.

A key is never used as such: each use has its own, derived from it (HKDF-SHA256), so that the journal,
the seals and the equality keys have nothing in common.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from django.conf import settings

NONCE, TAG, KEY = 12, 16, 32  # bytes
LOOK_AGAIN_SECONDS = 1.0  # how soon a process sees that the file of keys has changed
KEY_ID = re.compile(r"[a-z][a-z0-9]{0,15}")
SEALED = re.compile(rf"({KEY_ID.pattern})\.([A-Za-z0-9_-]{{38,}})")


class CannotOpen(Exception):
    """A sealed text that this process cannot read; the message is a French sentence."""


class LostKey(CannotOpen):
    """The key is not in the ring."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f"Des données sont chiffrées avec la clé « {key} », absente du fichier de clés : remettez "
            "la sauvegarde de ce fichier à l'adresse que donne MAILLAGE_KEY_FILE. Rien n'est perdu "
            "tant que la clé existe."
        )


class Altered(CannotOpen):
    """The key is there, the text is not what it sealed at this place."""

    def __init__(self) -> None:
        super().__init__(
            "Une donnée chiffrée a été modifiée ou déplacée d'une ligne, d'une colonne ou d'une CPTS "
            "à une autre : elle n'est pas montrée. Prévenez l'opérateur technique."
        )


class BadKeys(Exception):
    """The file of keys cannot be used as it is; the message, in French, says why."""


@dataclass(frozen=True)
class Ring:
    """The keys by name; `current` seals, the others only open."""

    current: str
    secrets: dict[str, bytes]


def parse_keys(text: str) -> Ring:
    """`name:base64 of 32 bytes`, one a line (or after a space), the first is current; a line that
    begins with `#` is a comment. Raises BadKeys."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    secrets: dict[str, bytes] = {}
    for number, said in enumerate(" ".join(lines).split(), start=1):
        name, _, encoded = said.partition(":")
        try:
            secret = base64.b64decode(encoded, validate=True)
        except ValueError:
            secret = b""
        if KEY_ID.fullmatch(name) is None or len(secret) != KEY or name in secrets:
            raise BadKeys(
                f"Clé n° {number} : attendu « nom:base64 de {KEY} octets », le nom en minuscules et "
                "chiffres, une seule fois."
            )
        secrets[name] = secret
    if not secrets:
        raise BadKeys("Il n'y a aucune clé.")
    return Ring(next(iter(secrets)), secrets)


@lru_cache(maxsize=4)
def _read(path: str, stamp: tuple[int, int, int]) -> Ring:
    return parse_keys(Path(path).read_text("utf-8"))


_told = lru_cache(maxsize=4)(parse_keys)


@lru_cache(maxsize=4)
def _demo_ring(secret_key: str) -> Ring:
    """Without a file, the key of the sessions makes one: good for a demonstration only."""
    return Ring(
        "demo", {"demo": hashlib.sha256(b"maillage at rest " + secret_key.encode()).digest()}
    )


def _with_own(found: Ring) -> Ring:
    """What was written before there was a file still opens, but under the key everybody knows."""
    if settings.SECRET_KEY == settings.DEFAULT_KEY:
        return found
    return Ring(found.current, _demo_ring(settings.SECRET_KEY).secrets | found.secrets)


_seen: dict[str, tuple[float, Ring]] = {}


def ring(*, again: bool = False) -> Ring:
    """The keys as the file says now (looked at once a second, or `again` at once). Raises BadKeys."""
    path = str(settings.KEY_FILE)
    if not path:
        own = _demo_ring(settings.SECRET_KEY)
        return _with_own(_told(settings.KEYS)) if settings.KEYS else own
    now = time.monotonic()
    seen = _seen.get(path)
    if seen is not None and not again and now - seen[0] < LOOK_AGAIN_SECONDS:
        return seen[1]
    try:
        state = os.stat(path)
        found = _with_own(_read(path, (state.st_mtime_ns, state.st_size, state.st_ino)))
    except OSError as error:
        if (
            seen is not None
        ):  # the file is being replaced, or its disk is away: what is known serves
            return seen[1]
        raise BadKeys(
            f"Le fichier de clés {path} ne peut être lu ({error.strerror}) : donnez son adresse dans "
            "MAILLAGE_KEY_FILE."
        ) from error
    _seen[path] = (now, found)
    return found


def forget_keys() -> None:
    """For tests: the next look reads the file."""
    _seen.clear()


@lru_cache(maxsize=4096)  # one use per CPTS for the hashes
def _derive(secret: bytes, purpose: bytes) -> bytes:
    return HKDFExpand(algorithm=SHA256(), length=KEY, info=b"maillage/" + purpose).derive(secret)


def _secret(key: str) -> bytes:
    """Raises LostKey. A name never seen may have been added to the file a moment ago."""
    found = ring().secrets.get(key) or ring(again=True).secrets.get(key)
    if found is None:
        raise LostKey(key)
    return found


def current_key() -> str:
    return ring().current


def derived(purpose: bytes, key: str = "") -> bytes:
    """32 bytes for one other use, from the current key or the one named. Raises LostKey."""
    return _derive(_secret(key or current_key()), purpose)


def derived_all(purpose: bytes) -> list[bytes]:
    """For one use, from every key of the ring, the current first: old ones read what they wrote."""
    current = current_key()
    held = sorted(ring().secrets.items(), key=lambda each: each[0] != current)
    return [_derive(secret, purpose) for _, secret in held]


@lru_cache(maxsize=16)
def _cipher(secret: bytes) -> AESGCM:
    return AESGCM(_derive(secret, b"seal"))


def seal(text: str, *, aad: str) -> str:
    """`k1.<nonce and ciphertext>`, bound to `aad` (where it is kept), under the current key."""
    key = current_key()
    nonce = os.urandom(NONCE)
    sealed = _cipher(_secret(key)).encrypt(nonce, text.encode(), aad.encode())
    return f"{key}.{base64.urlsafe_b64encode(nonce + sealed).rstrip(b'=').decode()}"


def open_sealed(text: str, *, aad: str) -> str:
    """What `seal` was given, with the same `aad`. Raises LostKey, Altered."""
    key, _, encoded = text.partition(".")
    cipher = _cipher(_secret(key)) if KEY_ID.fullmatch(key) else None
    try:
        raw = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        if cipher is None or len(raw) < NONCE + TAG:
            raise Altered
        return cipher.decrypt(raw[:NONCE], raw[NONCE:], aad.encode()).decode()
    except (InvalidTag, binascii.Error, UnicodeError) as error:
        raise Altered from error


def is_sealed(text: str) -> bool:
    return SEALED.fullmatch(text) is not None


def key_of(text: str) -> str:
    """The key that a sealed text or a keyed hash names."""
    return text.partition(".")[0]


def keyed_hash(text: str, *, purpose: str, cpts: object, key: str = "") -> str:
    """What stands for `text` where it is only compared: the same in one CPTS for one purpose under
    one key, nothing to nobody without the key. An empty text stays empty. Raises LostKey."""
    if not text:
        return ""
    key = key or current_key()
    secret = derived(f"equal/{purpose}/{cpts}".encode(), key)
    digest = hmac.digest(secret, text.encode(), "sha256")
    return f"{key}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def keyed_hashes(text: str, *, purpose: str, cpts: object) -> list[str]:
    """Under every key of the ring: what to look for while a rotation goes on."""
    if not text:
        return []
    return [keyed_hash(text, purpose=purpose, cpts=cpts, key=key) for key in ring().secrets]


def new_key() -> str:
    """32 random bytes, as a line of the file says them."""
    return base64.b64encode(os.urandom(KEY)).decode()
