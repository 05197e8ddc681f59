"""Read JSON from an address: bounded in time and size, every failure a sentence in French."""

import http.client
import json
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from maillage.kernel.errors import DomainError

STEP_SECONDS = 30  # of silence
WHOLE_SECONDS = 300  # of one answer
SIZE_MAX = 200_000_000  # bytes; the communes of France are about 15 million
PIECE = 1 << 16


class NoAnswer(DomainError):
    """The address gave no usable answer; nothing was written."""


def checked_address(address: str) -> str:
    """The address without its last slash; raises NoAnswer when it is not one of the web."""
    try:
        parts = urlsplit(address)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web or parts.query or parts.fragment:
        raise NoAnswer(
            f"« {address} » n'est pas une adresse : elle commence par https:// ou http://."
        )
    return address.rstrip("/")


def host_of(address: str) -> str:
    """The host, with its port when it is not the usual one, and without any password."""
    parts = urlsplit(address)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def get_json(url: str, *, refusals: frozenset[int] = frozenset()) -> Any:
    """The JSON at an address. A status of `refusals` is read like a success.

    Raises NoAnswer: no network, an error of the server, an answer too long, cut or not JSON.
    """
    host = host_of(url)
    request = urllib.request.Request(
        url, headers={"Accept": "application/json", "User-Agent": "maillage"}
    )
    try:
        try:
            answer = urllib.request.urlopen(request, timeout=STEP_SECONDS)
        except urllib.error.HTTPError as error:
            if error.code not in refusals:
                error.close()
                raise NoAnswer(f"{host} a répondu par une erreur ({error.code}).") from error
            answer = error
        with answer:
            raw = _whole(answer, host)
    except TimeoutError as error:
        raise NoAnswer(f"{host} ne répond pas à temps.") from error
    except (http.client.HTTPException, ConnectionError) as error:
        raise NoAnswer(f"La réponse de {host} est coupée.") from error
    except OSError as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            raise NoAnswer(f"{host} ne répond pas à temps.") from error
        raise NoAnswer(
            f"{host} ne peut pas être joint ({reason}). Vérifiez l'adresse et le réseau."
        ) from error
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise NoAnswer(f"La réponse de {host} n'est pas du JSON complet.") from error


def _whole(answer: Any, host: str) -> bytes:
    until = time.monotonic() + WHOLE_SECONDS
    expected = answer.headers.get("Content-Length")
    raw = bytearray()
    while piece := answer.read(PIECE):
        raw += piece
        if len(raw) > SIZE_MAX:
            raise NoAnswer(f"La réponse de {host} dépasse {SIZE_MAX // 1_000_000} Mo.")
        if time.monotonic() > until:
            raise NoAnswer(f"{host} ne répond pas à temps.")
    if expected and expected.isdigit() and len(raw) < int(expected):
        raise NoAnswer(f"La réponse de {host} est coupée.")
    return bytes(raw)
