"""What moves the screens: one counter per CPTS. Bumped last in an action, so locks stay short."""

from enum import IntEnum

from django.db import connection, transaction
from django.utils import timezone

from maillage.kernel.models import Beat, Pulse

COUNTERS = "SELECT version, places, directory FROM kernel_pulse WHERE cpts_id = %s"
MOVE = (
    "UPDATE kernel_pulse SET version = version + 1, places = places + %s, directory = directory + %s "
    "WHERE cpts_id = %s"
)


def counters(cpts_id: int) -> tuple[int, int, int]:
    """`version`, `places`, `directory`. Every screen asks each second: written as the engine reads."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTERS, [cpts_id])
        return cursor.fetchone() or (0, 0, 0)


def version(cpts_id: int) -> int:
    return counters(cpts_id)[0]


class Reach(IntEnum):
    """How far an act may have changed what a board shows."""

    BOARD = 0  # a request, its history
    PLACES = 1  # that, places taken or freed, what was accepted
    DIRECTORY = 2  # anything


@transaction.atomic(savepoint=False)
def bump(*cpts_ids: int, reach: Reach = Reach.DIRECTORY) -> None:
    """Move the counters, in id order so that two actions never wait for each other.

    Anything less than the whole `reach` is a promise: it surely changed no more than that.
    """
    moved = [int(reach >= each) for each in (Reach.PLACES, Reach.DIRECTORY)]
    with connection.cursor() as cursor:
        for cpts_id in sorted(set(cpts_ids)):
            cursor.execute(MOVE, [*moved, cpts_id])
            if not cursor.rowcount:
                Pulse.objects.get_or_create(pk=cpts_id)


def beat(name: str) -> None:
    """A loop says it is alive."""
    Beat.objects.update_or_create(name=name, defaults={"at": timezone.now()})
