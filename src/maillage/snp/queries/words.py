"""The words of a slot and of an appointment, in the zone of the place; the signed link."""

import datetime as dt
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core import signing
from django.urls import reverse

from maillage.availability.models import Slot
from maillage.kernel.words import clock, day, short_date
from maillage.snp.models import Proposal

SALT = "maillage.snp.proposal"
LINK_LASTS = dt.timedelta(days=7)


def hours_text(
    starts_at: dt.datetime, ends_at: dt.datetime, is_window: bool, zone: ZoneInfo
) -> str:
    """ "14 h 20", or "entre 14 h et 15 h" for a window."""
    if is_window:
        first, last = (clock(at, zone, short=True) for at in (starts_at, ends_at))
        return f"entre {first} et {last}"
    return clock(starts_at, zone, short=True)


def slot_text(slot: Slot) -> str:
    """ "aujourd'hui, 14 h 20"."""
    zone = slot.place.commune.zone
    hours = hours_text(slot.starts_at, slot.ends_at, slot.is_window, zone)
    return f"{day(slot.starts_at, zone)}, {hours}"


def when_text(slot: Slot) -> str:
    """ "de 14 h 20", "de demain, 14 h 20", "du lun. 23 nov., 14 h 20"."""
    zone = slot.place.commune.zone
    hours = hours_text(slot.starts_at, slot.ends_at, slot.is_window, zone)
    on = day(slot.starts_at, zone)
    if on == "aujourd'hui":
        return f"d'aujourd'hui, {hours}" if slot.is_window else f"de {hours}"
    return f"de {on}, {hours}" if on in ("demain", "hier") else f"du {on}, {hours}"


def appointment_text(proposal: Proposal) -> str:
    """What an SMS to the patient says: day, hour, street address. Nothing else."""
    slot = proposal.booking.slot
    zone = slot.place.commune.zone
    on = short_date(slot.starts_at, zone)
    hours = hours_text(slot.starts_at, slot.ends_at, slot.is_window, zone)
    if slot.kind == "home":
        return f"Rendez-vous {on}, {hours}, à votre domicile."
    if slot.kind == "remote":
        return f"Rendez-vous {on}, {hours}, à distance : vous serez rappelé."
    address = ", ".join(filter(None, [slot.place.address, slot.place.commune.name]))
    return f"Rendez-vous {on}, {hours}, {address}."


def proposal_token(proposal: Proposal, locum: int = 0) -> str:
    """Of a link to one proposal; `locum`: the professional it is sent to in place of the one asked."""
    said = [proposal.cpts_id, proposal.pk, *([locum] if locum else [])]
    return signing.dumps(said, salt=SALT, compress=False)


def proposal_link(proposal: Proposal, locum: int = 0) -> str:
    token = proposal_token(proposal, locum)
    return settings.SITE_URL + reverse("snp:link", kwargs={"token": token})


def read_token(token: str) -> tuple[int, int, int] | None:
    """(cpts id, proposal id, locum or 0) of a link that is ours and has not expired, else None."""
    try:
        said = signing.loads(token, salt=SALT, max_age=LINK_LASTS)
        cpts_id, proposal_id, *locum = (int(each) for each in said)
        return cpts_id, proposal_id, *(locum or [0])
    except (signing.BadSignature, ValueError, TypeError):
        return None
