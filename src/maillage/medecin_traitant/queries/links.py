"""The signed links, and the code of a resident."""

import datetime as dt
import secrets

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django_scopes import scope

from maillage.kernel.fields import hashes_of
from maillage.medecin_traitant.models import Attribution, DoctorOffer, DoctorRequest
from maillage.territory.models import Cpts

REQUEST_SALT = "maillage.doctor_request"
OFFER_SALT = "maillage.doctor_offer"
ATTRIBUTION_SALT = "maillage.attribution"
OFFER_LINK_LASTS = dt.timedelta(days=30)
# Without the letters and digits that are read one for another.
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 10  # 50 bits


def _in_letters(number: int) -> str:
    text = ""
    while number or not text:
        number, rest = divmod(number, len(LETTERS))
        text = LETTERS[rest] + text
    return text


def new_code(cpts: Cpts) -> str:
    """What a resident is given to follow their request: whose CPTS it is, then chance."""
    drawn = "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))
    return f"{_in_letters(cpts.pk)}-{drawn[:5]}-{drawn[5:]}"


def _as_written(text: str) -> str:
    typed = "".join(text.upper().split()).replace("O", "0").replace("I", "1").replace("L", "1")
    cpts, _, drawn = typed.partition("-")
    drawn = drawn.replace("-", "")
    return f"{cpts}-{drawn[:5]}-{drawn[5:]}"


def request_of_code(text: str) -> DoctorRequest | None:
    """The request of this code, in the CPTS its first letters name."""
    code = _as_written(text)
    first = code.partition("-")[0]
    if not first or len(first) > 8 or any(letter not in LETTERS for letter in first):
        return None
    cpts_id = 0
    for letter in first:
        cpts_id = cpts_id * len(LETTERS) + LETTERS.index(letter)
    cpts = Cpts.objects.filter(pk=cpts_id, closed_at=None).first()
    if cpts is None:
        return None
    with scope(cpts=cpts):
        hashes = hashes_of(DoctorRequest, "code_key", code, cpts.pk)
        return DoctorRequest.objects.filter(cpts=cpts, code_key__in=hashes).first()


def _link(name: str, salt: str, cpts_id: int, pk: int) -> str:
    token = signing.dumps([cpts_id, pk], salt=salt, compress=False)
    return settings.SITE_URL + reverse(f"medecin_traitant:{name}", kwargs={"token": token})


def link_to_request(doctor_request: DoctorRequest) -> str:
    """The resident's: as long as the request lives."""
    return _link("follow_link", REQUEST_SALT, doctor_request.cpts_id, doctor_request.pk)


def link_to_offer(offer: DoctorOffer) -> str:
    return _link("offer_link", OFFER_SALT, offer.cpts_id, offer.pk)


def link_to_attribution(attribution: Attribution) -> str:
    """The doctor's, to answer; it names nobody."""
    return _link("attribution_link", ATTRIBUTION_SALT, attribution.cpts_id, attribution.pk)


def _read(token: str, salt: str, lasts: dt.timedelta | None) -> tuple[int, int] | None:
    try:
        cpts_id, pk = (int(each) for each in signing.loads(token, salt=salt, max_age=lasts))
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return cpts_id, pk


def read_request_token(token: str) -> tuple[int, int] | None:
    """(cpts id, request id) of a link that is ours, else None."""
    return _read(token, REQUEST_SALT, None)


def read_offer_token(token: str) -> tuple[int, int] | None:
    """(cpts id, offer id) of a link that is ours and has not expired, else None."""
    return _read(token, OFFER_SALT, OFFER_LINK_LASTS)


def read_attribution_token(token: str) -> tuple[int, int] | None:
    """(cpts id, attribution id) of a link that is ours and has not expired, else None."""
    return _read(token, ATTRIBUTION_SALT, OFFER_LINK_LASTS)
