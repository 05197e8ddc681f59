"""The journal: one line per act, one line per answer that shows residents. No other way in."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db import models
from django.utils import timezone

from maillage.kernel.models import JournalLine
from maillage.kernel.permissions import Actor

READ_AGAIN_AFTER = dt.timedelta(minutes=5)


def record(action: str, target: models.Model | None, *, by: Actor, cpts: Any, **data: Any) -> None:
    """Append the line of an act. `data` holds ids, codes and counts: no name, no free text."""
    JournalLine.objects.create(
        at=timezone.now(),
        kind=JournalLine.Kind.WRITE,
        cpts_id=getattr(cpts, "pk", cpts),
        actor_kind=by.kind,
        seat_id=by.seat_id,
        user_id=by.user_id,
        action=action,
        target=f"{target._meta.label_lower}:{target.pk}" if target is not None else "",
        data=data,
    )


def record_read(
    page: str, *, by: Actor, cpts: Any, residents: Iterable[int | None], purpose: str
) -> None:
    """Append the line of an answer that showed `residents` (all of them, internal ids).

    The same seat and page write again within five minutes only when somebody new appears; the new
    line then holds everybody shown. Nobody shown, no line.
    """
    shown = sorted({each for each in residents if each is not None})
    if not shown:
        return
    now = timezone.now()
    cpts_id = getattr(cpts, "pk", cpts)
    recent = JournalLine.objects.filter(
        kind=JournalLine.Kind.READ,
        cpts_id=cpts_id,
        seat_id=by.seat_id,
        user_id=by.user_id,
        actor_kind=by.kind,
        action=page,
        purpose=purpose,
        at__gt=now - READ_AGAIN_AFTER,
    ).values_list("residents", flat=True)
    if set(shown) <= {resident for line in recent for resident in line}:
        return
    JournalLine.objects.create(
        at=now,
        kind=JournalLine.Kind.READ,
        cpts_id=cpts_id,
        actor_kind=by.kind,
        seat_id=by.seat_id,
        user_id=by.user_id,
        action=page,
        purpose=purpose,
        residents=shown,
    )
