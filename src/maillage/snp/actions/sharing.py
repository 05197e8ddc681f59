"""What the patient agreed to share: recorded on a request, taken back on every door at once."""

from django.db import transaction

from maillage.accounts.actions import drop_notices
from maillage.kernel import journal, pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.permissions import Actor
from maillage.residents import actions as residents
from maillage.residents.enums import AgreementMeans, SharingScope
from maillage.residents.models import SharingAgreement
from maillage.residents.rules import can_keep_residents, covers
from maillage.snp.actions.intake import agree, agreement_text
from maillage.snp.actions.life import check_desk, lock, lock_open, save, tell
from maillage.snp.enums import OPEN, EventKind
from maillage.snp.models import CareRequest

WITHDRAWN = "Le patient a retiré son accord : plus rien n'est partagé. Rappelez-le, puis annulez."
# What a professional is told with a link that opens the request.
WITH_A_LINK = ("asked", "booked", "counter-taken")


@transaction.atomic
def record_agreement(
    *,
    by: Actor,
    care_request: CareRequest,
    giver: str,
    scope: str = SharingScope.CPTS,
    means: str = AgreementMeans.SPOKEN,
) -> CareRequest:
    """Record an agreement to share, or a wider one. The same again counts once.

    Raises NotAllowed, TooLate, BadConsent.
    """
    check_desk(by, care_request)
    care_request = lock_open(care_request)
    if covers(care_request.sharing, scope):
        return care_request
    agree(care_request, giver, scope=scope, means=means, by=by)
    if care_request.alert == WITHDRAWN:
        care_request.alert = ""
    save(care_request, by=by)
    tell(care_request, EventKind.AGREEMENT, agreement_text(care_request), by=by)
    journal.record("snp.agreement_recorded", care_request, by=by, cpts=care_request.cpts_id)
    pulse.bump(care_request.cpts_id, reach=pulse.Reach.BOARD)
    return care_request


@transaction.atomic
def record_information(*, by: Actor, care_request: CareRequest, means: str) -> CareRequest:
    """Record that the patient was told what is done with their data; twice counts once.

    Raises NotAllowed, TooLate, BadConsent.
    """
    check_desk(by, care_request)
    care_request = lock_open(care_request)
    if care_request.information_id is not None:
        return care_request
    care_request.information = residents.record_information(
        by=by, cpts=care_request.cpts, resident=care_request.resident, means=means
    )
    save(care_request, by=by)
    text = f"Information sur les données {care_request.information.get_means_display()}."
    tell(care_request, EventKind.AGREEMENT, text, by=by)
    journal.record("snp.information_recorded", care_request, by=by, cpts=care_request.cpts_id)
    pulse.bump(care_request.cpts_id, reach=pulse.Reach.BOARD)
    return care_request


@transaction.atomic
def withdraw_sharing(*, by: Actor, agreement: SharingAgreement) -> SharingAgreement:
    """The agreement is taken back: every request it covered closes to professionals at once, their
    links die, what waits in the outbox for them is dropped, the desk is told to call the patient.

    Twice counts once. Raises NotAllowed.
    """
    if not can_keep_residents(by, agreement.cpts_id) or by.seat_id is None:
        raise NotAllowed("Le retrait d'un accord est noté par une personne de la régulation.")
    covered = CareRequest.objects.filter(cpts=agreement.cpts_id, sharing=agreement)
    care_requests = [lock(each) for each in covered.order_by("pk")]
    agreement = SharingAgreement.objects.select_for_update(of=("self",)).get(pk=agreement.pk)
    if agreement.withdrawn_at is not None:
        return agreement
    agreement = residents.end_agreement(by=by, agreement=agreement)
    for care_request in care_requests:
        _close(care_request, by=by)
    pulse.bump(agreement.cpts_id)
    return agreement


def _close(care_request: CareRequest, *, by: Actor) -> None:
    proposals = care_request.proposals.values_list("pk", flat=True)
    dropped = drop_notices(
        by=by, keys=[f"proposal:{pk}:{key}" for pk in proposals for key in WITH_A_LINK]
    )
    if care_request.status in OPEN and care_request.alert != WITHDRAWN:
        care_request.alert = WITHDRAWN
        save(care_request, by=by)
        tell(care_request, EventKind.AGREEMENT, "Accord de partage retiré.", by=by)
    journal.record(
        "snp.sharing_withdrawn", care_request, by=by, cpts=care_request.cpts_id, dropped=dropped
    )
