"""`maillage keys new|rotate|check`: the keys of what is encrypted in the database."""

import os
import time
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError
from django.core.management.base import BaseCommand
from django_scopes import scopes_disabled

from maillage.accounts.rules import SYSTEM
from maillage.kernel import crypto, journal, sealing

ACTS = {
    "new": "ajoute une clé au fichier, en tête",
    "rotate": "rechiffre tout avec la première clé, pendant que la plateforme sert",
    "check": "relit toutes les valeurs chiffrées et dit quelles clés servent encore",
}


class Command(BaseCommand):
    help = "Clés de chiffrement de la base : " + " ; ".join(f"{k} {v}" for k, v in ACTS.items())

    def add_arguments(self, parser):
        parser.add_argument("act", choices=list(ACTS))
        parser.add_argument("file", nargs="?", default="", help="pour new : le fichier de clés")

    def handle(self, *, act, file, **options):
        try:
            with scopes_disabled():
                getattr(self, f"{act}_keys")(file)  # `check` is Django's own
        except (crypto.CannotOpen, crypto.BadKeys) as error:
            raise CommandError(str(error)) from error

    def new_keys(self, file):
        path = Path(file or settings.KEY_FILE or settings.VAR / "keys")
        held = path.read_text("utf-8") if path.exists() else ""
        names = list(crypto.parse_keys(held).secrets) if held.strip() else []
        name = f"k{1 + max((int(each[1:]) for each in names if each[1:].isdigit()), default=0)}"
        write_private(path, f"{name}:{crypto.new_key()}\n{held}")
        self.stdout.write(f"Clé {name} écrite en tête de {path}.")
        self.stdout.write("Gardez-en une copie hors de cette machine : sans elle, tout est perdu.")
        if str(settings.KEY_FILE) != str(path):
            self.stdout.write(f"Donnez son adresse à la plateforme : MAILLAGE_KEY_FILE={path}")
        if names:
            self.stdout.write("Puis : maillage keys rotate. Les anciennes clés restent jusque-là.")

    def rotate_keys(self, file):
        # Servers look at the file once a second: after this pause none writes under the old key.
        time.sleep(2 * crypto.LOOK_AGAIN_SECONDS if settings.KEY_FILE else 0)
        began = time.monotonic()
        count = sealing.reseal(self.stdout.write)
        took = time.monotonic() - began
        journal.record("keys.rotated", None, by=SYSTEM, cpts=None, rows=count)
        rate = f", {count / took:.0f} par seconde" if count else ""
        self.stdout.write(f"Tout est sous la clé {crypto.current_key()} : {count} lignes{rate}.")

    def check_keys(self, file):
        found = sealing.check()
        for line in sealing.tally(found):
            self.stdout.write(line)
        for line in found.wrong:
            self.stderr.write(line)
        if found.wrong:
            raise CommandError(f"{len(found.wrong)} valeur(s) ne s'ouvrent pas à leur place.")
        names = [each for each in crypto.ring().secrets if each != "demo"]
        unused = [each for each in names if each not in found.by_key]
        if unused:
            self.stdout.write(f"Clés qui ne servent plus à la base : {', '.join(unused)}.")


def write_private(path, text):
    """Beside, then in its place: a server never reads half a file. For this account only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(path)
