"""`maillage restore FILE`: an empty database filled from a sealed copy, then compared with it."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from maillage.kernel import chain, row_security
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
            settings.VAR.mkdir(mode=0o700, parents=True, exist_ok=True)
            said = restore(file, key_of(settings.BACKUP_KEY_FILE, apart_from=settings.VAR))
        except (DomainError, OSError) as error:
            raise CommandError(str(error)) from error
        with row_security.as_owner():
            breaks = [chain.verify(each).broken for each in chain.chains()]
        for first in filter(None, breaks):
            raise CommandError(
                "La base est restaurée, mais son journal ne se vérifie pas "
                f"(ligne n° {first.number} : {first.kind}). Les clés données sont-elles les "
                "siennes (MAILLAGE_KEY_FILE) ? Puis « maillage journal verify »."
            )
        self.stdout.write(
            f"Restauré : {len(said.tables)} tables, {said.rows} lignes, chacune comparée, "
            f"journal vérifié ; sauvegarde du {said.made_at[:16].replace('T', ' ')} UTC. "
            "Les sessions sont fermées."
        )
