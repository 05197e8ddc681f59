"""`maillage clock`: what happens because time passes. Once, or for ever with --loop."""

import io
import signal
import threading
import time

from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone
from django_scopes import scope

from maillage.accounts.rules import SYSTEM
from maillage.availability.actions import roll_horizon
from maillage.kernel import pulse
from maillage.kernel.errors import DomainError
from maillage.snp import actions, queries

PAUSE_SECONDS = 1.0
ASK_SECONDS = 30.0
ROLL_SECONDS = 3600.0  # every change refreshes at once; this moves the far end
PURGE_SECONDS = 3600.0  # nothing to do but once a day; a long stop is caught up in batches
PURGE_BATCHES = 20
BEAT_SECONDS = 15.0  # the health page worries after two minutes


class Command(BaseCommand):
    help = (
        "Fait passer le temps : délais, cercles, relances, issues à demander, horizon des créneaux."
    )
    requires_system_checks = []  # a whole second at each start

    # When each was last done, by this process's own clock; 0: at the first turn.
    asked_at = rolled_at = beat_at = purged_at = 0.0

    def add_arguments(self, parser):
        parser.add_argument("--loop", action="store_true", help="recommence sans fin")

    def handle(self, *, loop, **options):
        self.asked_at = self.rolled_at = self.beat_at = self.purged_at = 0.0
        if not loop:
            self.tick()
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            try:
                close_old_connections()
                self.tick()
            except DatabaseError as error:
                # A database that restarts or is busy: the next turn tries again.
                self.stderr.write(f"Horloge interrompue par la base : {error}")
                connection.close()
            stop.wait(PAUSE_SECONDS)

    def tick(self):
        """One turn: each thing due, one short transaction apiece."""
        now = timezone.now()
        self._each(queries.due_proposals(now), actions.expire_proposal, "proposal")
        self._each(queries.due_counters(now), actions.expire_counter, "proposal")
        self._each(queries.due_circles(now), actions.widen, "care_request")
        self._each(queries.due_watches(now), actions.watch, "care_request")
        self._each(queries.under_absence(now), actions.flag_absence, "care_request")
        if self._due("asked_at", ASK_SECONDS):
            self._each(queries.silent_outcomes(now), actions.ask_outcome, "care_request")
            self._each(queries.orphans(now), actions.heal_owner, "care_request")
            for cpts in queries.cptss_with_open_requests():
                self._one(cpts, actions.close_desk, cpts=cpts)
            for cpts, day in queries.due_summaries(now):
                self._one(cpts, actions.send_day_summary, cpts=cpts, day=day)
        if self._due("rolled_at", ROLL_SECONDS):
            roll_horizon(by=SYSTEM)
            # By its name: the search for a médecin traitant is independent of this app.
            call_command("doctor_requests_watch", stdout=io.StringIO(), stderr=self.stderr)
            self._anchor()
        if self._due("beat_at", BEAT_SECONDS):
            pulse.beat("clock")
        if self._due("purged_at", PURGE_SECONDS):
            # By its name: it knows every table, so it lives above this app.
            call_command("purge", "--apply", batches=PURGE_BATCHES, stdout=io.StringIO())

    def _anchor(self) -> None:
        try:
            call_command("journal", "anchor", "--daily", stdout=self.stdout)
        except CommandError as error:
            self.stderr.write(str(error))

    def _each(self, found: dict, action, word: str) -> None:
        for cpts, objects in found.items():
            for each in objects:
                self._one(cpts, action, **{word: each})

    def _one(self, of_cpts, action, **given) -> None:
        """A refusal of one thing never stops the others: it is said, and tried again next turn."""
        with scope(cpts=of_cpts), timezone.override(of_cpts.zone):
            try:
                action(by=SYSTEM, **given)
            except DomainError as refusal:
                self.stderr.write(f"{of_cpts.slug} : {refusal}")

    def _due(self, name: str, seconds: float) -> bool:
        at = getattr(self, name)
        if at and time.monotonic() - at < seconds:
            return False
        setattr(self, name, time.monotonic())
        return True
