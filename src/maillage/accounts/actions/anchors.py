"""The head of a CPTS's journal, told to somebody outside the database every day."""

from django.db import transaction
from django.utils import timezone

from maillage.accounts.actions.notices import queue_notice
from maillage.accounts.enums import Channel, Role
from maillage.accounts.models import Seat
from maillage.kernel.chain import Anchor
from maillage.kernel.permissions import Actor
from maillage.kernel.tenancy import inside
from maillage.territory.models import Cpts

BODY = """Bonjour,

Le journal de {cpts} compte {number} lignes. Gardez ce message : il permet de vérifier, plus tard, que
rien n'en a été retiré.

Ligne n° {number}
Empreinte {hmac}
Relevé {at}

Pour vérifier : « maillage journal verify ».
"""


@transaction.atomic
def tell_head(*, by: Actor, cpts: Cpts, head: Anchor) -> int:
    """Mail a head of the journal to each data-protection officer of its CPTS. Returns how many.

    The same head is told once.
    """
    officers = Seat.objects.active(timezone.localdate()).filter(
        cpts=cpts, role=Role.DATA_PROTECTION_OFFICER
    )
    with inside(cpts):
        told = list(officers.select_related("user"))
    for seat in told:
        queue_notice(
            by=by,
            cpts=cpts,
            channel=Channel.MAIL,
            recipient=seat.user.email,
            key=f"journal:{cpts.pk}:{head.number}:{seat.pk}",
            subject=f"Journal de {cpts} : ligne n° {head.number}",
            body=BODY.format(cpts=cpts, number=head.number, hmac=head.hmac, at=head.at),
        )
    return len(told)
