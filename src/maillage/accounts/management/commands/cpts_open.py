"""`maillage cpts open`: the first day of a CPTS, its communes and its first administrator."""

import datetime as dt

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django_scopes import scope

from maillage.accounts.actions import invite_seat, move_seat
from maillage.accounts.enums import Role, SeatState
from maillage.accounts.rules import SYSTEM
from maillage.kernel.errors import DomainError
from maillage.kernel.words import plural
from maillage.territory.actions import create_cpts, set_perimeter


class Command(BaseCommand):
    help = "Ouvre une CPTS : son adresse, son nom, ses communes et son premier administrateur."

    def add_arguments(self, parser):
        parser.add_argument("slug", help="mot de son adresse, par exemple ma-cpts")
        parser.add_argument("name", help="nom complet, entre guillemets")
        parser.add_argument("--admin", required=True, help="adresse du premier administrateur")
        parser.add_argument("--communes", nargs="+", required=True, help="codes INSEE")
        parser.add_argument(
            "--depuis", type=dt.date.fromisoformat, required=True, help="AAAA-MM-JJ"
        )
        parser.add_argument("--source", required=True, help="d'où vient ce périmètre")

    @transaction.atomic
    def handle(self, *, slug, name, admin, communes, depuis, source, **options):
        try:
            cpts = create_cpts(by=SYSTEM, slug=slug, name=name)
            with scope(cpts=cpts):
                rows = set_perimeter(
                    by=SYSTEM, cpts=cpts, communes=communes, from_on=depuis, source=source
                )
                seat = invite_seat(by=SYSTEM, cpts=cpts, email=admin, role=Role.ADMINISTRATOR)
                for state in (SeatState.ACCEPTED, SeatState.ACTIVE):
                    seat = move_seat(by=SYSTEM, seat=seat, state=state)
        except DomainError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"{name} est ouverte : {plural(len(rows), 'commune')}, administrateur {admin}."
        )
