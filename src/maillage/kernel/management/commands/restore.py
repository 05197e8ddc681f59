"""`maillage restore FILE`: an empty database filled from a sealed copy, then compared with it."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from maillage.kernel.backup import restore
from maillage.kernel.errors import DomainError
from maillage.kernel.sealed_stream import key_of


class Command(BaseCommand):
    help = "Remplit une base vide depuis une sauvegarde, et compare chaque table."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="fichier écrit par maillage backup")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            said = restore(file, key_of(settings.BACKUP_KEY_FILE))
        except DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Restauré : {len(said.tables)} tables, {said.rows} lignes, chacune comparée ; "
            f"sauvegarde du {said.made_at[:16].replace('T', ' ')} UTC. Les sessions sont fermées."
        )
