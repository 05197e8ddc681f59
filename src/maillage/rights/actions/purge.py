"""What time takes away: emptied, then deleted, in batches, each with its line of the journal."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import models, transaction
from django.db.models import F
from django.utils import timezone

from maillage.kernel import journal, pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from maillage.kernel.permissions import Actor
from maillage.kernel.retention import RetentionClass, parts_of, retention_of
from maillage.rights.enums import Step
from maillage.rights.models import PurgedCount
from maillage.rights.queries import Due, due_rows, due_steps, journal_before
from maillage.rights.rules import can_purge
from maillage.territory.models import Cpts

BATCH = 500


def purge(
    *, by: Actor, cpts: Cpts | None, batch: int = BATCH, batches: int | None = None
) -> Counter[tuple[str, str, str]]:
    """Do what is due today in the CPTS (None: in the tables of no CPTS), one transaction for each
    batch, `batches` of them at most; how many rows by class, step and table.

    Played again it finds nothing, or goes on where it stopped. Raises NotAllowed (the system only).
    """
    if not can_purge(by):
        raise NotAllowed("Les durées sont appliquées par la plateforme.")
    today = timezone.localdate()
    done: Counter[tuple[str, str, str]] = Counter()
    left = batches
    found = True
    while found:  # what kept a row may just have gone
        found = False
        for due in due_steps(cpts, today):
            while left is None or left > 0:
                count = _purge_batch(due, by=by, cpts=cpts, today=today, batch=batch)
                if not count:
                    break
                found = True
                left = None if left is None else left - 1
                done[due.said.kind, due.step, due.label] += count
    before = journal_before(cpts, today)
    if before is not None:  # the seal is itself the line that tells it
        sealed = journal.seal_expired(by=by, cpts=cpts, before=before)
        done[RetentionClass.JOURNAL, Step.DELETE, JournalLine._meta.label] += sealed
    if done.total() and cpts is not None:
        pulse.bump(cpts.pk)
    return done


@transaction.atomic
def _purge_batch(due: Due, *, by: Actor, cpts: Cpts | None, today: dt.date, batch: int) -> int:
    rows = due_rows(due, cpts, today).select_for_update(of=("self",)).order_by("pk")[:batch]
    kept = list(rows)
    if not kept:
        return 0
    pks = [row.pk for row in kept]
    if due.step == Step.ERASE:
        empty(due.model, pks, now=timezone.now())
    else:
        if cpts is not None and due.said.counted_by:
            _count(due, kept, cpts)
        _delete(due.model, pks)
    journal.record(
        "rights.purged",
        None,
        by=by,
        cpts=cpts,
        of=str(due.said.kind),
        step=str(due.step),
        table=due.label,
        rows=len(pks),
        rule=due.rule.pk,
    )
    return len(pks)


def empty(model: type[models.Model], pks: Sequence[Any], *, now: dt.datetime) -> None:
    """Empty what identifies in these rows and in what is part of them."""
    said = retention_of(model)
    if said is None:
        return
    changes: dict[str, Any] = dict(said.erases)
    names = {field.name for field in model._meta.concrete_fields}
    if "erased_at" in names:
        changes["erased_at"] = now
    if "version" in names:  # a form opened before cannot write the identity again
        changes["version"] = F("version") + 1
    if changes:
        model._base_manager.filter(pk__in=pks).update(**changes)
    for part, fk, theirs in parts_of(model):
        of_these = part._base_manager.filter(**{f"{fk}__in": pks})
        if theirs.goes_first:
            of_these.delete()
        else:
            empty(part, list(of_these.values_list("pk", flat=True)), now=now)


def _delete(model: type[models.Model], pks: Iterable[Any]) -> None:
    """The parts first: a protected key would refuse."""
    for part, fk, _ in parts_of(model):
        of_these = part._base_manager.filter(**{f"{fk}__in": pks})
        _delete(part, list(of_these.values_list("pk", flat=True)))
    model._base_manager.filter(pk__in=pks).delete()


def _count(due: Due, kept: list[Any], cpts: Cpts) -> None:
    """What remains of them: how many ended in each month, by the columns the table names."""
    groups = Counter(
        (
            timezone.localdate(row.over).replace(day=1),
            "|".join(str(getattr(row, name)) for name in due.said.counted_by),
        )
        for row in kept
    )
    for (month, said), rows in sorted(groups.items()):
        remains, _ = PurgedCount.objects.get_or_create(
            cpts=cpts, table=due.label, month=month, said=said
        )
        PurgedCount.objects.filter(pk=remains.pk).update(rows=F("rows") + rows)
