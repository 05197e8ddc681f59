"""`maillage backup FILE`: a sealed copy of the whole database, taken while it serves."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from maillage.kernel import pulse
from maillage.kernel.backup import back_up
from maillage.kernel.errors import DomainError
from maillage.kernel.models import Beat
from maillage.kernel.sealed_stream import key_of


class Command(BaseCommand):
    help = "Copie toute la base, pendant qu'elle sert, dans un fichier chiffré."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="fichier à écrire ; il ne doit pas exister")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            made = back_up(file, key_of(settings.BACKUP_KEY_FILE, apart_from=settings.VAR))
        except DomainError as error:
            raise CommandError(str(error)) from error
        if Beat._meta.db_table in made.tables:
            pulse.beat("backup")  # `serve` says how old the last one is
        size = file.stat().st_size / 1e6
        self.stdout.write(
            f"{file} : {len(made.tables)} tables, {made.rows} lignes, {size:.1f} Mo, chiffré."
        )
