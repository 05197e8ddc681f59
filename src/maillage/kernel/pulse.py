"""What moves the screens: one counter per CPTS. Bumped last in an action, so locks stay short."""

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from maillage.kernel.models import Beat, Pulse


def version(cpts_id: int) -> int:
    row = Pulse.objects.filter(pk=cpts_id).values_list("version", flat=True).first()
    return row or 0


@transaction.atomic
def bump(*cpts_ids: int) -> None:
    """Move the counters, in id order so that two actions never wait for each other."""
    for cpts_id in sorted(set(cpts_ids)):
        if not Pulse.objects.filter(pk=cpts_id).update(version=F("version") + 1):
            Pulse.objects.get_or_create(pk=cpts_id)


def beat(name: str) -> None:
    """A loop says it is alive."""
    Beat.objects.update_or_create(name=name, defaults={"at": timezone.now()})
