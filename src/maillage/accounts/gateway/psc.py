"""Pro Santé Connect: the State's OpenID provider for health professionals. Knows no table.

Code flow with PKCE, as its technical documentation of November 2026 asks (`acr_values=eidas1`,
`scope=openid scope_all`). Everything the provider says is checked before anything is believed.
"""

import base64
import hashlib
import json
import re
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

import jwt
from django.conf import settings

from maillage.accounts.enums import Exercise, PscIdentity
from maillage.kernel.errors import DomainError
from maillage.kernel.identifiers import is_rpps_shaped

TIMEOUT_SECONDS = 10
ANSWER_BYTES_MAX = 1_000_000
LEEWAY_SECONDS = 30  # between its clock and ours
ALGORITHMS = ("RS256", "PS256", "ES256")  # signatures with a public key, never `none`, never HMAC
LEVELS = ("eidas1", "eidas2", "eidas3")  # what we ask, and above
KEPT_SECONDS = 3600  # the discovery document and the keys
KEYS_AGAIN_SECONDS = 60  # an unknown key asks for the keys again, not more often


class PscRefused(DomainError):
    """What came back is not a log-in we accept; the sentence is for the person."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args, **kwargs):
        return None


_direct = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler())
_kept: dict[str, tuple[float, dict]] = {}


def is_configured() -> bool:
    return bool(settings.PSC_ISSUER and settings.PSC_CLIENT_ID)


def forget_provider() -> None:
    """For tests: the discovery document and the keys are asked again."""
    _kept.clear()


def _ask(url: str, *, data: dict | None = None, token: str = "", basic: str = "") -> dict:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in {"localhost", "127.0.0.1"}:
        raise PscRefused("Pro Santé Connect est mal réglé ici : une adresse n'est pas en https.")
    headers = {"Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if basic:
        headers["Authorization"] = f"Basic {basic}"
    body = urllib.parse.urlencode(data).encode() if data is not None else None
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with _direct.open(request, timeout=TIMEOUT_SECONDS) as answer:
            text = answer.read(ANSWER_BYTES_MAX)
        found = json.loads(text)
    except urllib.error.HTTPError as error:
        raise PscRefused(
            "Pro Santé Connect n'a pas accepté ce retour. Recommencez depuis la page d'entrée."
        ) from error
    except (OSError, ValueError) as error:
        raise PscRefused("Pro Santé Connect ne répond pas. Réessayez dans un instant.") from error
    if not isinstance(found, dict):
        raise PscRefused("Pro Santé Connect a répondu une chose que nous ne savons pas lire.")
    return found


def _remembered(url: str, *, younger_than: float = KEPT_SECONDS) -> dict:
    at, found = _kept.get(url, (0.0, {}))
    if not found or time.monotonic() - at > younger_than:
        found = _ask(url)
        _kept[url] = (time.monotonic(), found)
    return found


def provider() -> dict:
    """The discovery document; it must speak for the issuer that was set."""
    url = settings.PSC_DISCOVERY or f"{settings.PSC_ISSUER}/.well-known/openid-configuration"
    found = _remembered(url)
    if found.get("issuer") != settings.PSC_ISSUER:
        raise PscRefused("Le fournisseur d'identité n'est pas celui qui est réglé ici.")
    return found


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a log-in that has begun must find again when the person comes back."""

    state: str
    nonce: str
    verifier: str
    begun_at: float

    @classmethod
    def begin(cls) -> "Attempt":
        secret = secrets.token_urlsafe
        return cls(secret(32), secret(32), secret(48), time.time())


def log_in_url(attempt: Attempt, *, back: str, again: bool = False) -> str:
    """Where the person goes to prove who they are; `again` asks for the card even if a session lives."""
    digest = hashlib.sha256(attempt.verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": settings.PSC_CLIENT_ID,
        "redirect_uri": back,
        "scope": "openid scope_all",
        "acr_values": LEVELS[0],
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    if again:
        query["prompt"] = "login"
    return f"{provider()['authorization_endpoint']}?{urllib.parse.urlencode(query)}"


def log_out_url(*, id_token: str, back: str) -> str:
    """Where the session at the provider's ends too; empty when it offers no such place."""
    place = provider().get("end_session_endpoint", "")
    query = urllib.parse.urlencode({"id_token_hint": id_token, "post_logout_redirect_uri": back})
    return f"{place}?{query}" if place else ""


def _key_of(token: str):
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise PscRefused("Le jeton reçu n'est pas lisible.") from error
    if header.get("alg") not in ALGORITHMS:
        raise PscRefused("Le jeton reçu n'est pas signé comme il doit l'être.")
    url = provider()["jwks_uri"]
    for younger_than in (KEPT_SECONDS, KEYS_AGAIN_SECONDS):
        try:
            keys = jwt.PyJWKSet.from_dict(_remembered(url, younger_than=younger_than)).keys
        except jwt.PyJWTError as error:
            raise PscRefused("Les clés de Pro Santé Connect ne sont pas lisibles.") from error
        for key in keys:
            if key.key_id == header.get("kid"):
                return key
    raise PscRefused("Le jeton reçu est signé d'une clé que Pro Santé Connect ne publie pas.")


def _claims(token: str, attempt: Attempt) -> dict:
    """What the ID token says, once its signature and each of its marks are right."""
    try:
        claims = jwt.decode(
            token,
            _key_of(token),
            algorithms=list(ALGORITHMS),
            audience=settings.PSC_CLIENT_ID,
            issuer=settings.PSC_ISSUER,
            leeway=LEEWAY_SECONDS,
            options={"require": ["iss", "sub", "aud", "exp", "iat", "nonce"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise PscRefused("Cette connexion a expiré : recommencez.") from error
    except jwt.ImmatureSignatureError as error:
        raise PscRefused("Cette connexion est datée du futur : elle est refusée.") from error
    except jwt.InvalidAudienceError as error:
        raise PscRefused("Cette connexion est pour un autre service : refusée.") from error
    except jwt.InvalidIssuerError as error:
        raise PscRefused("Cette connexion vient d'un autre fournisseur : refusée.") from error
    except jwt.PyJWTError as error:
        raise PscRefused("La signature du jeton reçu n'est pas bonne.") from error
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", "" if several else settings.PSC_CLIENT_ID) != settings.PSC_CLIENT_ID:
        raise PscRefused("Cette connexion a été demandée par un autre service : refusée.")
    check_nonce(claims, attempt)
    if claims.get("acr") not in LEVELS:
        raise PscRefused("Cette connexion n'a pas le niveau de garantie demandé (eIDAS).")
    return claims


def check_nonce(claims: dict, attempt: Attempt) -> None:
    """The token answers this very demand, not another one."""
    if not secrets.compare_digest(str(claims.get("nonce", "")), attempt.nonce):
        raise PscRefused("Cette réponse n'est pas celle de votre demande : recommencez.")


def _exercises(userinfo: dict) -> tuple[Exercise, ...]:
    held = userinfo.get("SubjectRefPro")
    rows = held.get("exercices") if isinstance(held, dict) else None
    found = [
        Exercise(
            profession=str(row.get("codeProfession") or ""),
            category=str(row.get("codeCategorieProfessionnelle") or ""),
            speciality=str(row.get("codeSavoirFaire") or ""),
            name=f"{row.get('prenomDexercice') or ''} {row.get('nomDexercice') or ''}".strip()[
                :160
            ],
        )
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and row.get("codeProfession")
    ]
    return tuple({each.key: each for each in found}.values())


def identity_of(*, code: str, attempt: Attempt, back: str) -> PscIdentity:
    """Change the code for who the person is. Raises PscRefused, in a sentence, at the first doubt."""
    basic = ":".join(
        urllib.parse.quote(each, safe="")
        for each in (settings.PSC_CLIENT_ID, settings.PSC_CLIENT_SECRET)
    )
    tokens = _ask(
        provider()["token_endpoint"],
        data={
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": attempt.verifier,
        },
        basic=base64.b64encode(basic.encode()).decode(),
    )
    id_token, access_token = tokens.get("id_token"), tokens.get("access_token")
    if not isinstance(id_token, str) or not isinstance(access_token, str):
        raise PscRefused("Pro Santé Connect n'a pas donné de jeton d'identité.")
    claims = _claims(id_token, attempt)
    userinfo = _ask(provider()["userinfo_endpoint"], token=access_token)
    if userinfo.get("sub") != claims["sub"]:
        raise PscRefused(
            "Les deux réponses de Pro Santé Connect ne parlent pas de la même personne."
        )
    name_id = str(userinfo.get("SubjectNameID") or "")
    # A health professional's national identifier is 8, then the eleven digits of the RPPS.
    if not re.fullmatch(r"8[0-9]{11}", name_id) or not is_rpps_shaped(name_id[1:]):
        raise PscRefused("Cette carte ne porte pas de numéro RPPS : entrez par une clé d'accès.")
    exercises = _exercises(userinfo)
    if not exercises:
        raise PscRefused("Aucun exercice actif n'est inscrit au RPPS pour vous : entrée refusée.")
    return PscIdentity(
        issuer=settings.PSC_ISSUER,
        subject=claims["sub"],
        name_id=name_id,
        given_name=str(userinfo.get("given_name") or "")[:80],
        family_name=str(userinfo.get("family_name") or "")[:80],
        exercises=exercises,
        id_token=id_token,
    )
