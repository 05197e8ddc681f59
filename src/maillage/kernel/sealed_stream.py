"""A file nobody reads or changes without its key, written and read piece by piece.

A header (what it is, which key, a salt), then pieces of 1 MiB under AES-256-GCM. The nonce of a piece
is its number and whether it is the last: a piece moved, missing or added is seen, as a changed one is.
"""

import base64
import binascii
import hmac
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from maillage.kernel.errors import DomainError

MAGIC = b"maillage-backup-1\n"
PIECE, TAG, ID, SALT, KEY = 2**20, 16, 8, 16, 32
HEADER = len(MAGIC) + ID + SALT


class KeyMissing(DomainError):
    pass


class NotReadable(DomainError):
    pass


def key_of(path: Path | None, *, apart_from: Path) -> bytes:
    """The key of a key file: 32 bytes in base64, kept elsewhere than in a folder (of what it seals).

    Raises KeyMissing, which says how to make one.
    """
    made = "pour en faire une : openssl rand -base64 32 > FICHIER"
    if path is None:
        raise KeyMissing(
            f"Donnez dans MAILLAGE_BACKUP_KEY_FILE le fichier de la clé des sauvegardes ({made})."
        )
    if path.resolve().is_relative_to(apart_from.resolve()):
        raise KeyMissing(
            f"La clé des sauvegardes {path} est à côté de la base : qui prendrait l'une aurait "
            "l'autre. Gardez-la hors de ce dossier."
        )
    try:
        key = base64.b64decode(path.read_text("ascii").strip(), validate=True)
    except (OSError, UnicodeDecodeError, binascii.Error) as error:
        raise KeyMissing(
            f"La clé des sauvegardes {path} ne se lit pas ({error}) ; {made}."
        ) from None
    if len(key) != KEY:
        raise KeyMissing(f"La clé des sauvegardes {path} n'a pas 32 octets ; {made}.")
    return key


def _id(key: bytes) -> bytes:
    return hmac.digest(key, b"which key", "sha256")[:ID]


def _cipher(key: bytes, header: bytes) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=KEY, salt=header[-SALT:], info=MAGIC)
    return AESGCM(derived.derive(key))


def _nonce(number: int, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])


class Sealer:
    """Writes what it is given, sealed, to an open file; nothing is good before `finish`."""

    def __init__(self, out: BinaryIO, key: bytes) -> None:
        self.out, self.held, self.number = out, bytearray(), 0
        self.header = MAGIC + _id(key) + os.urandom(SALT)
        self.cipher = _cipher(key, self.header)
        out.write(self.header)

    def write(self, data: bytes) -> None:
        self.held += data
        while len(self.held) > PIECE:  # one piece is kept back: it may be the last
            self._piece(bytes(self.held[:PIECE]), is_last=False)
            del self.held[:PIECE]

    def finish(self) -> None:
        self._piece(bytes(self.held), is_last=True)

    def _piece(self, data: bytes, *, is_last: bool) -> None:
        self.out.write(self.cipher.encrypt(_nonce(self.number, is_last), data, self.header))
        self.number += 1


def opened(sealed: BinaryIO, key: bytes) -> Iterator[bytes]:
    """What was sealed, piece by piece. Raises NotReadable at the first piece that is not as written;
    what came before it is true, but only a whole reading says that nothing is missing."""
    header = sealed.read(HEADER)
    if len(header) != HEADER or not header.startswith(MAGIC):
        raise NotReadable("Ce fichier n'est pas une sauvegarde de maillage.")
    if not hmac.compare_digest(header[len(MAGIC) : -SALT], _id(key)):
        raise NotReadable("Cette sauvegarde a été faite avec une autre clé : rien n'est restauré.")
    cipher, number = _cipher(key, header), 0
    piece = sealed.read(PIECE + TAG)
    while True:
        following = sealed.read(PIECE + TAG)
        try:
            yield cipher.decrypt(_nonce(number, not following), piece, header)
        except InvalidTag:
            raise NotReadable(
                "Cette sauvegarde est abîmée ou incomplète "
                f"(vers l'octet {HEADER + number * (PIECE + TAG)}) : rien n'est restauré."
            ) from None
        if not following:
            return
        piece, number = following, number + 1
