"""`maillage states`: draw the life of each object that has one, as Mermaid, in docs/states."""

from collections.abc import Mapping, Set
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.db.models import TextChoices

from maillage.accounts.enums import NOTICE_TRANSITIONS, SEAT_TRANSITIONS, NoticeState, SeatState
from maillage.availability.enums import BOOKING_TRANSITIONS, BookingState
from maillage.medecin_traitant.enums import (
    ATTRIBUTION_TRANSITIONS,
    AttributionState,
    DoctorRequestState,
)
from maillage.medecin_traitant.enums import TRANSITIONS as DOCTOR_REQUEST_TRANSITIONS
from maillage.snp.enums import (
    PROPOSAL_TRANSITIONS,
    TRANSITIONS,
    CareRequestStatus,
    ProposalState,
)

# file: title, states in the order they are met, table
DRAWN: dict[str, tuple[str, type[TextChoices], Mapping[str, Set[str]]]] = {
    "care_request": ("Une demande de soins non programmés", CareRequestStatus, TRANSITIONS),
    "proposal": ("Une proposition à un professionnel", ProposalState, PROPOSAL_TRANSITIONS),
    "doctor_request": (
        "Une demande de médecin traitant",
        DoctorRequestState,
        DOCTOR_REQUEST_TRANSITIONS,
    ),
    "attribution": (
        "Une proposition à un médecin traitant",
        AttributionState,
        ATTRIBUTION_TRANSITIONS,
    ),
    "booking": ("Une place d'un créneau", BookingState, BOOKING_TRANSITIONS),
    "seat": ("Un rôle dans une CPTS", SeatState, SEAT_TRANSITIONS),
    "notice": ("Un message à envoyer", NoticeState, NOTICE_TRANSITIONS),
}


def drawing(title: str, states: type[TextChoices], table: Mapping[str, Set[str]]) -> str:
    """The page of one table: a Mermaid state diagram, states and exits in their own order."""
    order = list(states)
    reached = {target for targets in table.values() for target in targets}
    lines = [f"# {title}", "", "Written by `maillage states`; the table is in the code.", ""]
    lines += ["```mermaid", "stateDiagram-v2"]
    lines += [f"    {state.value}: {state.label}" for state in order]
    lines += [
        f"    [*] --> {state.value}" for state in order if state is order[0] or state not in reached
    ]
    for state in order:
        exits = sorted(table[state], key=order.index)
        lines += [f"    {state.value} --> {target}" for target in map(str, exits)]
        lines += [] if exits else [f"    {state.value} --> [*]"]
    return "\n".join([*lines, "```", ""])


class Command(BaseCommand):
    help = "Dessine les états et leurs passages dans docs/states (--check : dit ce qui a changé)."

    def add_arguments(self, parser):
        parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/states"))
        parser.add_argument("--check", action="store_true", help="n'écrit rien")

    def handle(self, *, folder, check, **options):
        stale = []
        for name, about in DRAWN.items():
            path, text = folder / f"{name}.md", drawing(*about)
            if path.is_file() and path.read_text("utf-8") == text:
                continue
            stale.append(path.name)
            if not check:
                folder.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
        if check and stale:
            raise CommandError(f"À redessiner avec « maillage states » : {', '.join(stale)}.")
        self.stdout.write(f"{len(DRAWN)} dessins, {len(stale)} redessinés.")
