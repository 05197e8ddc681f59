"""Rings: groups asked before the whole CPTS. Made by whoever sets the desk; left by whoever wants."""

import datetime as dt

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from maillage.directory.enums import Profession
from maillage.directory.models import Professional
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.snp.models import Ring, RingMember
from maillage.snp.rules import can_end_ring_member, can_set_desk
from maillage.territory.models import Cpts

NAME_MAX = 80
WHO = "Seuls le coordinateur et l'administrateur font et défont les cercles."


class BadRing(DomainError):
    """A ring, or somebody in it, that cannot be as asked."""


def _name(cpts_id: int, name: str, but: int | None = None) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= NAME_MAX:
        raise BadRing(f"Un cercle porte un nom de {NAME_MAX} caractères au plus.")
    if Ring.objects.open().filter(cpts=cpts_id, name=name).exclude(pk=but).exists():
        raise BadRing("Un cercle porte déjà ce nom.")
    return name


def _locked(by: Actor, ring: Ring) -> Ring:
    """The ring as it is now; raises NotAllowed, BadRing when it is closed."""
    if not can_set_desk(by, ring.cpts_id):
        raise NotAllowed(WHO)
    ring = Ring.objects.select_for_update(of=("self",)).get(pk=ring.pk)
    if ring.closed_at is not None:
        raise BadRing("Ce cercle est fermé.")
    return ring


@transaction.atomic
def create_ring(*, by: Actor, cpts: Cpts, name: str, profession: str) -> Ring:
    """Make a ring of one profession, empty. Raises NotAllowed, BadRing (the name, the profession)."""
    if not can_set_desk(by, cpts):
        raise NotAllowed(WHO)
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    if profession not in Profession.values:
        raise BadRing("Choisissez une profession de la liste.")
    ring = Ring.objects.create(cpts=cpts, name=_name(cpts.pk, name), profession=profession)
    journal.record("snp.ring_created", ring, by=by, cpts=cpts, profession=profession)
    pulse.bump(cpts.pk)
    return ring


@transaction.atomic
def rename_ring(*, by: Actor, ring: Ring, name: str) -> Ring:
    """Raises NotAllowed, BadRing."""
    ring = _locked(by, ring)
    ring.name = _name(ring.cpts_id, name, but=ring.pk)
    ring.save(update_fields=["name"])
    journal.record("snp.ring_renamed", ring, by=by, cpts=ring.cpts_id)
    pulse.bump(ring.cpts_id)
    return ring


@transaction.atomic
def close_ring(*, by: Actor, ring: Ring) -> Ring:
    """No call is given to it any more; open requests that named it go on to the whole CPTS when their
    time comes. Raises NotAllowed, BadRing."""
    ring = _locked(by, ring)
    ring.closed_at = timezone.now()
    ring.save(update_fields=["closed_at"])
    journal.record("snp.ring_closed", ring, by=by, cpts=ring.cpts_id)
    pulse.bump(ring.cpts_id)
    return ring


@transaction.atomic
def add_to_ring(
    *,
    by: Actor,
    ring: Ring,
    professional: Professional,
    from_on: dt.date | None = None,
    until_on: dt.date | None = None,
) -> RingMember:
    """Put somebody of the directory in a ring, from a day (today) to another, both included.

    Raises NotAllowed, BadRing (another profession, another directory, the dates, already in it).
    """
    ring = _locked(by, ring)
    today = timezone.localdate()
    from_on = from_on or today
    if until_on is not None and until_on < max(from_on, today):
        raise BadRing("La date de fin précède la date de début, ou elle est passée.")
    if professional.profession != ring.profession:
        raise BadRing("Ce professionnel n'exerce pas la profession du cercle.")
    if not Professional.objects.in_cpts(ring.cpts_id, today).filter(pk=professional.pk).exists():
        raise BadRing("Ce professionnel n'est pas dans l'annuaire de la CPTS.")
    inside = RingMember.objects.filter(
        Q(until_on=None) | Q(until_on__gte=from_on), ring=ring, professional=professional
    )
    if until_on is not None:
        inside = inside.filter(from_on__lte=until_on)
    if inside.exists():
        raise BadRing("Ce professionnel est déjà dans le cercle à ces dates.")
    member = RingMember.objects.create(
        cpts_id=ring.cpts_id,
        ring=ring,
        professional=professional,
        from_on=from_on,
        until_on=until_on,
    )
    journal.record("snp.ring_joined", ring, by=by, cpts=ring.cpts_id, professional=professional.pk)
    pulse.bump(ring.cpts_id)
    return member


@transaction.atomic
def end_ring_member(*, by: Actor, member: RingMember) -> None:
    """Take somebody out of a ring at once: whoever sets the desk, or the professional, who leaves.

    A membership begun before today ends yesterday; a later one never was. Raises NotAllowed, BadRing.
    """
    if not can_end_ring_member(by, member.cpts_id, member.professional_id):
        raise NotAllowed("Le coordinateur, ou le professionnel lui-même, met fin à sa présence.")
    member = RingMember.objects.select_for_update(of=("self",)).filter(pk=member.pk).first()
    today = timezone.localdate()
    if member is None or (member.until_on is not None and member.until_on < today):
        raise BadRing("Ce professionnel n'est plus dans le cercle.")
    if member.from_on < today:
        member.until_on = today - dt.timedelta(days=1)
        member.save(update_fields=["until_on"])
    else:
        member.delete()
    journal.record(
        "snp.ring_left",
        member.ring,
        by=by,
        cpts=member.cpts_id,
        professional=member.professional_id,
    )
    pulse.bump(member.cpts_id)
