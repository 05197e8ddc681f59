"""The dated rule of the SNP fee: a change is a new row."""

import datetime as dt
from decimal import Decimal

from django.db import transaction

from maillage.kernel import journal
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.snp.models import SnpFee
from maillage.snp.rules import can_record_fee


class BadFee(DomainError):
    """A rule that cannot be recorded."""


@transaction.atomic
def record_fee(
    *,
    by: Actor,
    valid_from: dt.date,
    source: str,
    amount_euros: Decimal | None = None,
    weekly_ceiling: int | None = None,
    within_hours: int | None = None,
) -> SnpFee:
    """Add the rule in force from a day on; what is not known stays empty.

    Raises NotAllowed (the technical operator), BadFee (no source, a day that already has a rule).
    """
    if not can_record_fee(by):
        raise NotAllowed("La règle est nationale : l'opérateur technique l'enregistre.")
    if not source.strip():
        raise BadFee("Une règle a une source.")
    if SnpFee.objects.select_for_update(of=("self",)).filter(valid_from=valid_from).exists():
        raise BadFee("Une règle commence déjà ce jour-là.")
    fee = SnpFee.objects.create(
        valid_from=valid_from,
        amount_euros=amount_euros,
        weekly_ceiling=weekly_ceiling,
        within_hours=within_hours,
        source=source.strip(),
    )
    journal.record("snp.fee_recorded", fee, by=by, cpts=None)
    return fee
