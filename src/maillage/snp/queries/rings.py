"""The rings of a CPTS and who is in them."""

import datetime as dt

from django.db.models import Count, Q

from maillage.directory.enums import Profession
from maillage.directory.models import Professional
from maillage.snp.models import Ring, RingMember
from maillage.territory.models import Cpts


def rings_of(cpts: Cpts, on: dt.date):
    """Open ones first, with `people`, how many are in them on the day `on`."""
    inside = Q(members__from_on__lte=on) & (
        Q(members__until_on=None) | Q(members__until_on__gte=on)
    )
    return (
        Ring.objects.filter(cpts=cpts)
        .annotate(people=Count("members", filter=inside))
        .order_by("-closed_at", "name", "pk")
    )


def ring_choices(cpts: Cpts) -> list[tuple[str, list[tuple[str, str]]]]:
    """Open rings by profession, for the form of a call. One query."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for ring in Ring.objects.open().filter(cpts=cpts).order_by("profession", "name", "pk"):
        label = str(Profession(ring.profession).label)
        groups.setdefault(label, []).append((str(ring.pk), ring.name))
    return list(groups.items())


def members_of(ring: Ring):
    """Everybody who is, was or will be in the ring."""
    return (
        RingMember.objects.filter(ring=ring)
        .select_related("professional")
        .order_by("professional__family_name", "professional__given_name", "from_on", "pk")
    )


def ring_candidates(ring: Ring, on: dt.date):
    """Those of the directory who may enter the ring: its profession, not already in it for good."""
    inside = RingMember.objects.filter(ring=ring, until_on=None)
    return (
        Professional.objects.in_cpts(ring.cpts_id, on)
        .filter(profession=ring.profession)
        .exclude(pk__in=inside.values("professional"))
    )
