"""`maillage doctor_requests watch`: what happens because days pass. The clock runs it."""

from django.core.management.base import BaseCommand
from django.utils import timezone
from django_scopes import scope

from maillage.accounts.rules import SYSTEM
from maillage.kernel.errors import DomainError
from maillage.medecin_traitant import actions, queries
from maillage.territory.models import Cpts


class Command(BaseCommand):
    help = "Médecin traitant : relances, offres à leur terme, échéances, responsables partis."

    def handle(self, **options):
        for cpts in Cpts.objects.filter(closed_at=None):
            with scope(cpts=cpts), timezone.override(cpts.zone):
                self.watch(cpts)

    def watch(self, cpts) -> None:
        now, settings = timezone.now(), queries.last_settings(cpts)
        if settings is None:
            return
        for offer in queries.asked_due(cpts, settings, now):
            self.one(cpts, actions.remind_doctor, offer=offer)
        for offer in queries.expired_offers(cpts, timezone.localdate(now)):
            self.one(cpts, actions.expire_offer, offer=offer)
        for each in queries.unanswered(cpts, timezone.localdate(now)):
            self.one(cpts, actions.expire_attribution, attribution=each)
        for each in queries.orphans(cpts, now):
            self.one(cpts, actions.heal_owner, doctor_request=each)
        for each in queries.not_declared(cpts, now):
            self.one(cpts, actions.close, doctor_request=each)
        for each in queries.due_reminders(cpts, settings, now):
            self.one(cpts, actions.remind, doctor_request=each)
        if queries.is_publication_due(cpts, settings, now):
            self.one(cpts, actions.publish_numbers, cpts=cpts)

    def one(self, cpts, action, /, **given) -> None:
        """A refusal of one thing never stops the others: it is said, and tried again next time."""
        try:
            action(by=SYSTEM, **given)
        except DomainError as refusal:
            self.stderr.write(f"{cpts.slug} : {refusal}")
