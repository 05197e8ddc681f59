"""The whole answer to somebody who asks what is held on them, as data that a file or a page shows."""

from typing import Any

from django.utils import timezone

from maillage.accounts.models import Seat, User
from maillage.home.queries import journal_of, told
from maillage.kernel.models import JournalLine
from maillage.kernel.permissions import Actor
from maillage.residents.models import Resident
from maillage.rights.queries.held import Held, held_on, held_on_user, same_number
from maillage.territory.models import Cpts


def _tables(held: list[Held]) -> list[dict[str, Any]]:
    return [
        {"table": each.table, "titre": each.title, "lignes": [dict(row) for row in each.rows]}
        for each in held
    ]


def answer_about(actor: Actor, cpts: Cpts, resident: Resident) -> dict[str, Any]:
    """What is held, who looked at it and what was done with it: a role, never a colleague's name."""
    lines = list(journal_of(actor, resident_id=resident.pk))
    return {
        "fait_le": timezone.localtime().isoformat(timespec="seconds"),
        "cpts": cpts.name,
        "habitant": resident.pk,
        "tables": _tables(held_on(resident)),
        "demandes_au_meme_numero": [each.number for each in same_number(resident)],
        "qui_a_regarde": _acts(
            [line for line in lines if line.kind == JournalLine.Kind.READ], cpts
        ),
        "ce_qui_a_ete_fait": _acts(
            [line for line in lines if line.kind != JournalLine.Kind.READ], cpts
        ),
    }


def _acts(lines: list[JournalLine], cpts: Cpts) -> list[dict[str, str]]:
    roles = {
        seat.pk: seat.get_role_display()
        for seat in Seat.objects.filter(pk__in={line.seat_id for line in lines if line.seat_id})
    }
    return [
        {
            "le": timezone.localtime(each.row.at).isoformat(timespec="seconds"),
            "quoi": each.said,
            "role": roles.get(each.row.seat_id, "") or each.row.actor_kind,
            "finalite": each.row.purpose,
        }
        for each in told(lines, cpts)
    ]


def answer_about_user(user: User) -> dict[str, Any]:
    """What is held on somebody who signs in."""
    return {
        "fait_le": timezone.localtime().isoformat(timespec="seconds"),
        "compte": user.pk,
        "tables": _tables(held_on_user(user)),
    }
