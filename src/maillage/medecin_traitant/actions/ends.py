"""What ends a proposal to a doctor who has not, or no longer, a patient to expect from it."""

from maillage.kernel.permissions import Actor
from maillage.kernel.transitions import check_transition
from maillage.medecin_traitant.actions.notices import tell_withdrawn
from maillage.medecin_traitant.enums import ATTRIBUTION_TRANSITIONS, AttributionState
from maillage.medecin_traitant.models import Attribution, DoctorRequest


def end_attribution(attribution: Attribution, state: str, *, by: Actor) -> None:
    """Expired or taken back; the doctor is told of what is taken back."""
    check_transition(
        ATTRIBUTION_TRANSITIONS,
        attribution.state,
        state,
        sentence="Cette proposition n'attend plus de réponse.",
    )
    attribution.state = state
    attribution.save(update_fields=["state"])
    if state == AttributionState.WITHDRAWN:
        tell_withdrawn(attribution, by=by)


def end_live(doctor_request: DoctorRequest, *, by: Actor) -> None:
    """Nobody waits any more behind what was sent or accepted. The request is locked."""
    live = doctor_request.attributions.select_for_update(of=("self",)).live()
    for attribution in live.select_related("professional", "cpts"):
        end_attribution(attribution, AttributionState.WITHDRAWN, by=by)
