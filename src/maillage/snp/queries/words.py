"""The words of a slot and of an appointment, in the zone of the place; the signed link."""

import datetime as dt
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils import timezone

from maillage.availability.models import Slot
from maillage.snp.models import Proposal

NBSP = "\u00a0"
SALT = "maillage.snp.proposal"
LINK_LASTS = dt.timedelta(days=7)
DAYS = ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim.")
MONTHS = (
    "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.".split()  # noqa: SIM905
)


def time_text(at: dt.datetime, zone: ZoneInfo) -> str:
    """ "14 h 20", "14 h"."""
    wall = at.astimezone(zone)
    return f"{wall.hour}{NBSP}h" + (f"{NBSP}{wall.minute:02}" if wall.minute else "")


def day_text(at: dt.datetime, zone: ZoneInfo, now: dt.datetime | None = None) -> str:
    """ "aujourd'hui", "demain", "lun. 23 nov."."""
    day = at.astimezone(zone).date()
    ahead = (day - (now or timezone.now()).astimezone(zone).date()).days
    if ahead in (0, 1):
        return ("aujourd'hui", "demain")[ahead]
    return f"{DAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}"


def hours_text(
    starts_at: dt.datetime, ends_at: dt.datetime, is_window: bool, zone: ZoneInfo
) -> str:
    """ "14 h 20", or "entre 14 h et 15 h" for a window."""
    if is_window:
        return f"entre {time_text(starts_at, zone)} et {time_text(ends_at, zone)}"
    return time_text(starts_at, zone)


def slot_text(slot: Slot) -> str:
    """ "aujourd'hui, 14 h 20"."""
    zone = slot.place.commune.zone
    hours = hours_text(slot.starts_at, slot.ends_at, slot.is_window, zone)
    return f"{day_text(slot.starts_at, zone)}, {hours}"


def appointment_text(proposal: Proposal) -> str:
    """What an SMS to the patient says: day, hour, street address. Nothing else."""
    slot = proposal.booking.slot
    zone = slot.place.commune.zone
    wall = slot.starts_at.astimezone(zone)
    day = f"{DAYS[wall.weekday()]} {wall.day} {MONTHS[wall.month - 1]}"
    hours = hours_text(slot.starts_at, slot.ends_at, slot.is_window, zone)
    if slot.kind == "home":
        return f"Rendez-vous {day}, {hours}, à votre domicile."
    if slot.kind == "remote":
        return f"Rendez-vous {day}, {hours}, à distance : vous serez rappelé."
    address = ", ".join(filter(None, [slot.place.address, slot.place.commune.name]))
    return f"Rendez-vous {day}, {hours}, {address}."


def proposal_token(proposal: Proposal) -> str:
    return signing.dumps([proposal.cpts_id, proposal.pk], salt=SALT, compress=False)


def proposal_link(proposal: Proposal) -> str:
    return settings.SITE_URL + reverse("snp:link", kwargs={"token": proposal_token(proposal)})


def read_token(token: str) -> tuple[int, int] | None:
    """(cpts id, proposal id) of a link that is ours and has not expired, else None."""
    try:
        cpts_id, proposal_id = signing.loads(token, salt=SALT, max_age=LINK_LASTS)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return cpts_id, proposal_id
