"""`send_notices`: send what is due once, or for ever with --loop."""

import datetime as dt
import logging
import signal
import threading
import time

from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone

from maillage.accounts import actions, gateway, queries
from maillage.accounts.rules import SYSTEM
from maillage.kernel import crypto, pulse

logger = logging.getLogger(__name__)
PAUSE_SECONDS = 1.0
KEY_PAUSE_SECONDS = 30.0
BEAT_SECONDS = 15.0  # the health page worries after two minutes


class Command(BaseCommand):
    help = "Envoie les courriels et SMS en attente (une démonstration n'envoie rien)."
    requires_system_checks = []  # a whole second at each start

    def add_arguments(self, parser):
        parser.add_argument("--loop", action="store_true", help="recommence sans fin")
        parser.add_argument(
            "--lease",
            type=int,
            default=int(actions.LEASE.total_seconds()),
            help="secondes après lesquelles un envoi sans nouvelle est repris",
        )

    def handle(self, *, loop, lease, **options):
        self.lease = dt.timedelta(seconds=lease)
        self.stop = threading.Event()
        self.beat_at = 0.0
        if not loop:
            sent, refused = self.send_round()
            self.stdout.write(f"Envoyés : {sent}. Refusés, à réessayer : {refused}.")
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop.set())
        while not self.stop.is_set():
            close_old_connections()
            try:
                self.send_round()
            except (crypto.LostKey, crypto.BadKeys) as error:
                # Nothing is lost nor abandoned: what was claimed is due again when its lease ends.
                self.stderr.write(f"Envoi interrompu : {error}")
                self.stop.wait(KEY_PAUSE_SECONDS)
            except DatabaseError as error:
                # A database that restarts or is busy: the next round tries again.
                self.stderr.write(f"Envoi interrompu par la base : {error}")
                connection.close()
            self.stop.wait(PAUSE_SECONDS)

    def send_round(self):
        """Everything due now, one notice at a time so that a crash doubles one at most."""
        self.beat()
        sent = refused = 0
        if not queries.has_due_notices(timezone.now()):
            return sent, refused  # no write lock is taken while there is nothing to do
        actions.keep_notices(by=SYSTEM, now=timezone.now())
        while not self.stop.is_set():
            notice = actions.claim_notice(by=SYSTEM, now=timezone.now(), lease=self.lease)
            if notice is None:
                break
            if self.send(notice):
                sent += 1
            else:
                refused += 1
            self.beat()
        return sent, refused

    def send(self, notice):
        """Between two transactions, never inside one: the network may take its time."""
        try:
            gateway.send(
                gateway.Letter(
                    notice.channel, notice.recipient, notice.subject, notice.body, notice.key
                )
            )
        except (gateway.SendingFailed, crypto.Altered) as error:
            reason = str(error)
        except (crypto.LostKey, crypto.BadKeys):
            raise
        except Exception as error:
            # A bug about one notice must not stop the others: told, retried, then abandoned.
            logger.exception("notice %s", notice.pk)
            reason = f"Erreur inattendue ({type(error).__name__})."
        else:
            reason = ""
        if reason:
            actions.mark_notice_refused(by=SYSTEM, notice=notice, error=reason, now=timezone.now())
            return False
        actions.mark_notice_sent(by=SYSTEM, notice=notice, now=timezone.now())
        return True

    def beat(self):
        if time.monotonic() - self.beat_at > BEAT_SECONDS or not self.beat_at:
            pulse.beat("notices")
            self.beat_at = time.monotonic()
