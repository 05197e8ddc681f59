"""Who answers for a professional who is away."""

import datetime as dt

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from maillage.accounts.actions import queue_notice
from maillage.directory.actions.professionals import _bump_desks
from maillage.directory.models import Locum, Professional
from maillage.directory.queries import contact_of
from maillage.directory.rules import can_end_locum, can_name_locum, is_the_professional
from maillage.kernel import journal
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.kernel.words import full_date
from maillage.territory.models import Cpts


class LocumRefused(DomainError):
    """The locum cannot be named or stopped as asked: person or dates."""


def _check_locum(by: Actor, professional: Professional, locum: Professional) -> None:
    """Somebody else, of the same profession; named in a CPTS, from its directory."""
    if locum.pk == professional.pk:
        raise LocumRefused("Personne ne se remplace soi-même.")
    if locum.profession != professional.profession:
        raise LocumRefused("Un remplaçant exerce la même profession que la personne remplacée.")
    if by.cpts_id is None:
        return
    listed = Professional.objects.in_cpts(by.cpts_id, timezone.localdate())
    if not listed.filter(pk=locum.pk).exists():
        raise LocumRefused("Ce remplaçant n'est pas dans l'annuaire de la CPTS.")


def _tell(row: Locum, key: str, to_locum: str, to_replaced: str, *, by: Actor) -> None:
    """Both, but whoever acts; by a mail, else an SMS. It names professionals, never a patient."""
    if by.cpts_id is None:
        return
    cpts = Cpts.objects.get(pk=by.cpts_id)
    page = settings.SITE_URL + reverse("directory:delegations", kwargs={"cpts": cpts.slug})
    for professional, text in ((row.locum, to_locum), (row.replaced, to_replaced)):
        contact = contact_of(professional, cpts)
        if contact is None or is_the_professional(by, professional):
            continue
        queue_notice(
            by=by,
            cpts=cpts,
            channel=contact.channel,
            recipient=contact.recipient,
            key=f"locum:{row.pk}:{key}:{professional.pk}",
            subject="Remplacement",
            body=f"{cpts} : {text}" + (f"\n{page}" if contact.is_member else ""),
        )


def _tell_named(row: Locum, *, by: Actor) -> None:
    days = f"du {full_date(row.from_on)} au {full_date(row.until_on)}"
    if row.from_on == row.until_on:
        days = f"le {full_date(row.from_on)}"
    to_locum = f"{days}, vous répondez aux demandes faites à {row.replaced}."
    to_replaced = f"{days}, {row.locum} répond aux demandes qui vous sont faites."
    _tell(row, "named", to_locum, to_replaced, by=by)


@transaction.atomic
def name_locum(
    *,
    by: Actor,
    professional: Professional,
    locum: Professional,
    from_on: dt.date,
    until_on: dt.date,
) -> Locum:
    """Say who answers for this professional from a day to another, both included; they are told.

    Raises NotAllowed, LocumRefused (the person, the dates, somebody already named then).
    """
    if not can_name_locum(by, professional):
        raise NotAllowed("Le professionnel, sa secrétaire ou un coordinateur nomme son remplaçant.")
    professional = Professional.objects.select_for_update(of=("self",), no_key=True).get(
        pk=professional.pk
    )
    _check_locum(by, professional, locum)
    if until_on < from_on:
        raise LocumRefused("La date de fin précède la date de début.")
    if until_on < timezone.localdate():
        raise LocumRefused("Ces dates sont passées.")
    # Stopped on a day, a locum no longer answers that day.
    named = Locum.objects.filter(
        Q(ended_on=None) | Q(ended_on__gt=from_on),
        replaced=professional,
        from_on__lte=until_on,
        until_on__gte=from_on,
    ).exclude(ended_on__lte=F("from_on"))
    if named.exists():
        raise LocumRefused("Un remplaçant est déjà nommé sur une partie de ces dates.")
    row = Locum.objects.create(
        locum=locum,
        replaced=professional,
        from_on=from_on,
        until_on=until_on,
        recorded_by_id=by.user_id,
    )
    journal.record(
        "directory.locum_named",
        professional,
        by=by,
        cpts=by.cpts_id,
        locum=locum.pk,
        from_on=from_on.isoformat(),
        until_on=until_on.isoformat(),
    )
    _tell_named(row, by=by)
    _bump_desks([professional.pk, locum.pk])
    return row


@transaction.atomic
def end_locum(*, by: Actor, locum: Locum) -> Locum:
    """Stop a replacement at once, before its time; both are told. Raises NotAllowed, LocumRefused."""
    if not can_end_locum(by, locum):
        raise NotAllowed(
            "Le professionnel, son remplaçant, sa secrétaire ou un coordinateur "
            "met fin à ce remplacement."
        )
    locum = (
        Locum.objects.select_for_update(of=("self",))
        .select_related("replaced", "locum")
        .get(pk=locum.pk)
    )
    today = timezone.localdate()
    if locum.ended_on is not None or locum.until_on < today:
        raise LocumRefused("Ce remplacement est déjà terminé.")
    locum.ended_on = today
    locum.save(update_fields=["ended_on"])
    journal.record(
        "directory.locum_ended", locum.replaced, by=by, cpts=by.cpts_id, locum=locum.locum_id
    )
    to_locum = f"vous ne répondez plus aux demandes faites à {locum.replaced}."
    to_replaced = f"{locum.locum} ne répond plus aux demandes qui vous sont faites."
    _tell(locum, "ended", to_locum, to_replaced, by=by)
    _bump_desks([locum.replaced_id, locum.locum_id])
    return locum
