"""`maillage journal verify | anchor | seal`: the journal proves itself, and its old lines go."""

import datetime as dt
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from maillage.accounts import actions
from maillage.accounts.rules import SYSTEM
from maillage.kernel import chain, journal
from maillage.kernel.words import number, plural
from maillage.territory.models import Cpts


class Command(BaseCommand):
    help = "Vérifie le journal, garde ses dernières lignes hors de la base, scelle ses lignes anciennes."

    def add_arguments(self, parser):
        verbs = parser.add_subparsers(dest="verb", required=True)
        verify = verbs.add_parser("verify", help="recalcule tout ; dit la première ligne rompue")
        verify.add_argument("--cpts", help="une seule CPTS, par son adresse courte")
        verify.add_argument(
            "--anchors", type=Path, help="un autre fichier d'ancrages que MAILLAGE_ANCHOR_FILE"
        )
        anchor = verbs.add_parser("anchor", help="garde les dernières lignes hors de la base")
        anchor.add_argument("--daily", action="store_true", help="rien, si c'est fait aujourd'hui")
        seal = verbs.add_parser("seal", help="remplace les lignes anciennes par une seule, scellée")
        seal.add_argument("--cpts", required=True)
        seal.add_argument("--before", required=True, type=dt.date.fromisoformat, help="AAAA-MM-JJ")

    def handle(self, *, verb, **options):
        with scopes_disabled():
            getattr(self, verb)(**options)

    def verify(self, *, cpts, anchors, **options):
        file = anchors or settings.ANCHOR_FILE
        kept = chain.read_anchors(file)
        if not kept:
            self.stdout.write(f"Aucun ancrage dans {file} : une fin coupée ne se verrait pas.")
        wanted = [named(cpts).pk] if cpts else chain.chains(kept)
        names = dict(Cpts.objects.values_list("pk", "slug"))
        broken = []
        for cpts_id in wanted:
            name = names.get(cpts_id, f"CPTS n° {cpts_id}") if cpts_id else "la plateforme"
            report = chain.verify(cpts_id, kept)
            if report.broken is None:
                sealed = f", {number(report.sealed)} scellées avant elles" if report.sealed else ""
                self.stdout.write(f"{name} : {plural(report.lines, 'ligne')}{sealed}, rien à dire.")
            else:
                broken.append(f"{name} : {told(report.broken)}")
        if broken:
            raise CommandError("Journal rompu.\n" + "\n".join(broken))

    def anchor(self, *, daily, **options):
        now, told = timezone.now(), 0
        try:
            last = [each.at for each in chain.read_anchors(settings.ANCHOR_FILE)[-1:]]
            if daily and any(dt.datetime.fromisoformat(at).date() == now.date() for at in last):
                return
            heads = chain.heads(now)
            chain.write_anchors(settings.ANCHOR_FILE, heads)
        except OSError as error:
            raise CommandError(f"Le journal n'est pas ancré : {error}") from error
        for cpts in Cpts.objects.filter(pk__in=[each.cpts_id for each in heads]):
            with scope(cpts=cpts):
                head = next(each for each in heads if each.cpts_id == cpts.pk)
                told += actions.tell_head(by=SYSTEM, cpts=cpts, head=head)
        self.stdout.write(
            f"{plural(len(heads), 'chaîne')} dans {settings.ANCHOR_FILE}, "
            f"{plural(told, 'message')} aux délégués."
        )

    def seal(self, *, cpts, before, **options):
        cpts = named(cpts)
        with timezone.override(cpts.zone):
            instant = timezone.make_aware(dt.datetime.combine(before, dt.time()))
        count = journal.seal_expired(by=SYSTEM, cpts=cpts, before=instant)
        self.stdout.write(f"{plural(count, 'ligne')} en moins, remplacées par leur sceau.")


def named(slug: str) -> Cpts:
    cpts = Cpts.objects.filter(slug=slug).first()
    if cpts is None:
        raise CommandError(f"Aucune CPTS à l'adresse « {slug} ».")
    return cpts


def told(broken: chain.Break) -> str:
    when = f" ({timezone.localtime(broken.at):%d/%m/%Y %H:%M:%S})" if broken.at else ""
    return f"n° {broken.number}{when}, {broken.kind}."
