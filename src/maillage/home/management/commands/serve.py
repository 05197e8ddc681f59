"""`maillage serve`: everything under one process; `--demo` fills an empty database first."""

import hashlib
import http.client
import os
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.utils import timezone
from django_scopes import scopes_disabled

import maillage
from maillage.accounts import queries as accounts
from maillage.accounts.enums import Role
from maillage.accounts.models import User
from maillage.home import queries, rules
from maillage.kernel import crypto, instance, sealing
from maillage.kernel.supervisor import Child, Supervisor, stop_with_parent

LOCAL = {"127.0.0.1", "localhost", "::1"}
EVERYWHERE = {"0.0.0.0", "::"}
WORKERS = 2
# Per worker, beside those that work and those that wait: they tell the others to come back.
SPARE_THREADS = 4


class Command(BaseCommand):
    help = "Démarre la plateforme : serveur, envoi des messages, horloge."
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("--demo", action="store_true", help="remplit une base vide")
        parser.add_argument("--host", default=os.environ.get("HOST") or None)
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
        parser.add_argument("--workers", type=int, default=WORKERS)
        parser.add_argument("--stop-with-parent", action="store_true")

    def handle(self, *, demo, host, port, workers, **options):
        if options["stop_with_parent"]:
            stop_with_parent()
        os.umask(0o077)  # the database and the keys beside it are for this account only
        self.make_folder()
        host, asked = host or "127.0.0.1", host is not None
        check_port_is_free(host, port)
        try:
            crypto.ring()
        except crypto.BadKeys as error:
            raise CommandError(f"maillage ne démarre pas : {error}") from error
        if queries.pending_migrations():
            self.say("Mise à jour de la base…")
            call_command("migrate", interactive=False, verbosity=0)
        environment = self.prepare(demo=demo, host=host, port=port)
        is_demo = instance.is_demo()
        self.collect_static()
        if is_demo and asked and host not in LOCAL:
            self.say(
                f"Attention : démonstration ouverte à tout le réseau sur {host}. "
                "N'y saisissez rien de vrai : n'importe qui peut s'y connecter."
            )
        shown = f"http://{address(host, port)}/"
        Supervisor(
            children=children(host, port, workers),
            environment=environment,
            say=self.say,
            is_ready=lambda: answers(host, port),
            when_ready=lambda: self.welcome(shown, is_demo),
        ).run()
        self.say("Arrêté.")

    def say(self, line):
        self.stdout.write(line)
        self.stdout.flush()

    def make_folder(self):
        try:
            settings.VAR.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(
                f"Le dossier VAR={settings.VAR} ne peut être créé : {error}"
            ) from error

    def prepare(self, *, demo, host, port):
        """Fill an empty database, or refuse what is not fit for real people; the environment."""
        environment = os.environ | {"MAILLAGE_SUPERVISED": str(os.getpid()), "PORT": str(port)}
        self.check_seals()
        if instance.is_demo() or (demo and is_blank()):
            environment.setdefault("MAILLAGE_SITE_URL", f"http://{address(host, port)}")
            if host in EVERYWHERE:
                environment.setdefault("MAILLAGE_HOSTS", "*")
            if not instance.is_demo():
                self.load_demo(environment)
            return environment
        problems = rules.refusals()
        if problems:
            raise CommandError(
                "\n".join(["maillage ne démarre pas :", *(f"- {p}" for p in problems)])
            )
        for each in rules.warnings(timezone.now()):
            self.say(f"Attention : {each}")
        instance.declare(is_demo=False)
        return environment

    def check_seals(self):
        """The keys open what was written last; else better no server than one that shows nothing."""
        try:
            with scopes_disabled():
                sealing.check_newest()
        except (crypto.CannotOpen, crypto.BadKeys) as error:
            raise CommandError(f"maillage ne démarre pas : {error}") from error

    def load_demo(self, environment):
        """In a process of its own, so that the links it writes know this address."""
        self.say("Chargement de la démonstration (une seule fois)…")
        loader = Child("démonstration", [sys.executable, "-m", "maillage", "demo"])
        if loader.run_to_end(environment):
            raise CommandError("La démonstration n'a pas pu être chargée.")
        instance.declare(is_demo=True)

    def collect_static(self):
        """Once per version of the sources."""
        stamp, digest = settings.VAR / "static.stamp", static_digest()
        if stamp.exists() and stamp.read_text() == digest and settings.STATIC_ROOT.is_dir():
            return
        self.say("Préparation des feuilles de style et des scripts…")
        call_command("collectstatic", interactive=False, verbosity=0, clear=True)
        stamp.write_text(digest)

    def welcome(self, shown, is_demo):
        self.say(f"maillage {maillage.__version__} est prêt : {shown}")
        if is_demo:
            self.say("Démonstration, personnes fictives. Un clic suffit pour entrer comme :")
            for line in demo_accounts():
                self.say(f"  {line}")
        self.say("Ctrl-C pour arrêter.")


def address(host, port):
    if host in EVERYWHERE:
        host = "127.0.0.1"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_blank():
    """Nobody said what this database is, nobody real is in it (a demo load cut short restarts)."""
    return instance.current() is None and not User.objects.filter(is_demo=False).exists()


def check_port_is_free(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Impossible d'écouter sur {address(host, port)} ({error.strerror}) : "
                "choisissez un autre port avec PORT=."
            ) from error


def children(host, port, workers):
    threads = 2 * settings.REQUESTS_AT_ONCE + settings.REQUESTS_WAITING + SPARE_THREADS
    python = [sys.executable, "-m"]
    granian = [
        *("granian", "--interface", "wsgi", "--host", host, "--port", str(port)),
        *("--workers", str(workers), "--blocking-threads", str(threads), "--no-ws"),
        *("--respawn-failed-workers", "--workers-kill-timeout", "2"),
        # Its warnings are about settings: that threads are many, though most of them only wait.
        *("--log-level", "error"),
        "maillage.config.wsgi:application",
    ]
    return [
        Child("serveur", python + granian),
        Child("envoi des messages", [*python, "maillage", "send_notices", "--loop"]),
        Child("horloge", [*python, "maillage", "clock", "--loop"]),
    ]


def answers(host, port):
    """The server answers, nothing is broken (just after a start the loops may not have spoken)."""
    asked = http.client.HTTPConnection(
        "127.0.0.1" if host == "0.0.0.0" else "::1" if host == "::" else host, port, timeout=2
    )
    site = urlsplit(settings.SITE_URL).netloc  # the one name that is always accepted
    try:
        asked.request("GET", "/sante", headers={"Host": site, "X-Forwarded-Proto": "https"})
        return asked.getresponse().status != 503
    except OSError:
        return False
    finally:
        asked.close()


def static_digest():
    digest = hashlib.sha256(f"{maillage.__version__} {settings.STATIC_ROOT}".encode())
    for finder in get_finders():
        for path, storage in sorted(finder.list([]), key=lambda each: each[0]):
            digest.update(path.encode() + Path(storage.path(path)).read_bytes())
    return digest.hexdigest()


def demo_accounts():
    """One account per role, in the CPTS where the demonstration has most; then how many others."""
    seats = sorted(accounts.demo_seats(), key=lambda seat: seat.pk)
    per_cpts = {}
    for seat in seats:
        per_cpts.setdefault(seat.cpts, []).append(seat)
    if not seats:
        return ["(aucun compte de démonstration)"]
    cpts, fullest = max(per_cpts.items(), key=lambda each: len({seat.role for seat in each[1]}))
    first = {}
    for seat in fullest:
        first.setdefault(seat.role, seat)
    lines = [f"{cpts} :"]
    for role in Role:
        if role in first:
            user = first[role].user
            lines.append(f"  {role.label:<36} {user}  <{user.email}>")
    others = User.objects.filter(is_demo=True).count() - len({s.user_id for s in first.values()})
    return [*lines, f"et {others} autres comptes sur la page de connexion."] if others else lines
