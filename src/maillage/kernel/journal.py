"""The journal: one line per act, per answer that shows residents, per access refused. No other way in.

Each line is chained to the one before it in its CPTS, under a lock on the head of that chain which
lasts until the end of the transaction. Order of locks in an action: its own rows, then the journal,
then the pulse; never a row that others may hold after a line was written, never an exclusive lock of
the CPTS (`no_key=True`: a notice refers to it).
"""

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from maillage.kernel import chain
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalHead, JournalLine
from maillage.kernel.permissions import Actor
from maillage.kernel.prepared import Prepared
from maillage.kernel.tenancy import inside

READ_AGAIN_AFTER = dt.timedelta(minutes=5)
_heads = Prepared(
    lambda pk: JournalHead.objects.select_for_update(of=("self",)).filter(pk=pk), pk=int
)


def record(action: str, target: models.Model | None, *, by: Actor, cpts: Any, **data: Any) -> None:
    """Append the line of an act. `data` holds ids, codes and counts: no name, no free text."""
    _append(
        kind=JournalLine.Kind.WRITE,
        by=by,
        cpts_id=getattr(cpts, "pk", cpts),
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
    cpts_id = getattr(cpts, "pk", cpts)
    recent = _recent(JournalLine.Kind.READ, page, by=by, cpts_id=cpts_id).filter(purpose=purpose)
    with inside(cpts_id):
        lines = list(recent.values_list("residents", flat=True))
    if set(shown) <= {each for line in lines for each in line}:
        return
    _append(
        kind=JournalLine.Kind.READ,
        by=by,
        cpts_id=cpts_id,
        action=page,
        purpose=purpose,
        residents=shown,
    )


def record_refusal(page: str, *, by: Actor, cpts: Any, target: str) -> None:
    """Append the line of an access refused to somebody signed in; `target` as they asked for it.

    Asked again within five minutes, the same page and target count once.
    """
    cpts_id, target = getattr(cpts, "pk", cpts), target[:80]
    with inside(cpts_id):
        if _recent(JournalLine.Kind.REFUSAL, page, by=by, cpts_id=cpts_id).filter(target=target):
            return
    _append(kind=JournalLine.Kind.REFUSAL, by=by, cpts_id=cpts_id, action=page, target=target)


@transaction.atomic
def seal_expired(*, by: Actor, cpts: Any, before: dt.datetime) -> int:
    """Replace the lines written before an instant by one seal, chained like any other line: how many
    there were, the dates of the first and of the last, the HMAC of the last. Returns how many.

    From the oldest on, up to the first line that must stay. Later seals take earlier ones over.
    Raises NotAllowed: the purge alone does it.
    """
    if by.kind != "system":
        raise NotAllowed("Seule la purge scelle les lignes anciennes du journal.")
    cpts_id = getattr(cpts, "pk", cpts)
    _locked_head(cpts_id)  # nothing is appended meanwhile
    with inside(cpts_id):
        return _sealed(cpts_id, before, by=by)


def _sealed(cpts_id: int | None, before: dt.datetime, *, by: Actor) -> int:
    lines = JournalLine.objects.filter(cpts_id=cpts_id).order_by("number")
    kept = lines.filter(at__gte=before).first()
    old = lines.filter(number__lt=kept.number) if kept is not None else lines
    last = old.last()
    if last is None or not old.exclude(kind=JournalLine.Kind.SEAL).exists():
        return 0
    count, first_at = old.count(), old[0].at
    former = lines.filter(kind=JournalLine.Kind.SEAL).order_by("-sealed_through").first()
    if former is not None:
        first_at = dt.datetime.fromisoformat(former.data["first_at"])
    _append(
        kind=JournalLine.Kind.SEAL,
        by=by,
        cpts_id=cpts_id,
        action="journal.sealed",
        data={
            "count": count,
            "first_at": first_at.isoformat(),
            "last_at": last.at.isoformat(),
            "hmac": last.hmac,
        },
        sealed_through=last.number,
    )
    lines.filter(number__lte=last.number).delete()
    return count


def _recent(
    kind: str, page: str, *, by: Actor, cpts_id: int | None
) -> models.QuerySet[JournalLine]:
    return JournalLine.objects.filter(
        kind=kind,
        cpts_id=cpts_id,
        seat_id=by.seat_id,
        user_id=by.user_id,
        actor_kind=by.kind,
        action=page,
        at__gt=timezone.now() - READ_AGAIN_AFTER,
    )


def _locked_head(cpts_id: int | None) -> JournalHead:
    found: list[JournalHead] = _heads(pk=cpts_id or 0)
    if not found:
        JournalHead.objects.get_or_create(pk=cpts_id or 0)
        found = _heads(pk=cpts_id or 0)
    return found[0]


@transaction.atomic(savepoint=False)
def _append(*, kind: str, by: Actor, cpts_id: int | None, action: str, **about: Any) -> None:
    head = _locked_head(cpts_id)
    values: dict[str, Any] = {
        "number": head.number + 1,
        "at": timezone.now().astimezone(dt.UTC),
        "kind": str(kind),
        "cpts_id": cpts_id,
        "actor_kind": by.kind,
        "seat_id": by.seat_id,
        "user_id": by.user_id,
        "action": action,
        "purpose": "",
        "target": "",
        "residents": [],
        "data": {},
        "sealed_through": None,
    } | about
    values["data"] = json.loads(json.dumps(values["data"]))  # as it will be read back
    with inside(cpts_id):  # a trigger moves the head on
        JournalLine.objects.create(**values, hmac=chain.next_hmac(head.hmac, values))
