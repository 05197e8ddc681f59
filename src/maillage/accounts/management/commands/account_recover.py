"""`maillage account recover`: somebody lost every second factor, and was recognised by other means."""

from django.core.management.base import BaseCommand, CommandError

from maillage.accounts.actions import forget_second_factors
from maillage.accounts.models import User
from maillage.accounts.rules import SYSTEM
from maillage.kernel.words import plural


class Command(BaseCommand):
    help = "Efface les seconds facteurs perdus d'un compte et ferme ses sessions."

    def add_arguments(self, parser):
        parser.add_argument("email", help="adresse du compte")

    def handle(self, *, email, **options):
        user = User.objects.filter(email=email.strip().lower()).first()
        if user is None:
            raise CommandError(f"Aucun compte à l'adresse « {email} ».")
        count = forget_second_factors(by=SYSTEM, user=user)
        taken = plural(count, "moyen effacé", "moyens effacés")
        self.stdout.write(
            f"{taken}, sessions fermées. {user.email} entre avec son mot de passe, puis "
            "choisit un nouveau second facteur."
        )
