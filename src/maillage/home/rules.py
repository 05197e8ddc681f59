"""What makes these settings, this database or this machine unfit for real people, and what to do.

`maillage serve` reads it before it starts anything but a demonstration.
"""

import datetime as dt
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone

from maillage.accounts.models import User
from maillage.kernel import row_security
from maillage.kernel.models import Beat

MOUNTS = Path("/proc/self/mountinfo")
# What SQLite's locks cannot be trusted on; `fuse.` in front of the name says no more.
NETWORK = {
    *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "davfs2", "gfs2", "glusterfs"),
    *("gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "rclone", "s3fs", "smb3"),
    *("smbfs", "sshfs"),
}
# A cache that each process has for itself: what it counts, it counts as many times as there are.
OWN_CACHES = ("LocMemCache", "DummyCache")
# What counts the tries in the database, for every process together.
COUNTING_FORMS = {
    ("ACCOUNT_FORMS", "reset_password"): "maillage.config.login.ResetForm",
    ("MFA_FORMS", "authenticate"): "maillage.config.second_factor.CodeForm",
    ("MFA_FORMS", "reauthenticate"): "maillage.config.second_factor.CodeAgainForm",
    ("MFA_FORMS", "activate_totp"): "maillage.config.second_factor.ActivateForm",
}
ADAPTER = "maillage.config.login.AccountAdapter"
DOOR = "maillage.config.middleware.TenantMiddleware"


def asks_second_factor() -> bool:
    """The door of every CPTS asks for it, and there is at least one kind to give."""
    return (
        DOOR in settings.MIDDLEWARE
        and "allauth.mfa" in settings.INSTALLED_APPS
        and bool({"totp", "webauthn"} & {*settings.MFA_SUPPORTED_TYPES})
    )


def counts_tries_together() -> bool:
    """Every door counts in the database; what the library counts itself, it counts for all."""
    forms = all(
        getattr(settings, name, {}).get(key) == form for (name, key), form in COUNTING_FORMS.items()
    )
    limits = any(getattr(settings, f"{of}_RATE_LIMITS", True) for of in ("ACCOUNT", "MFA"))
    own_cache = settings.CACHES["default"]["BACKEND"].endswith(OWN_CACHES)
    return forms and settings.ACCOUNT_ADAPTER == ADAPTER and not (limits and own_cache)


def filesystem_of(path: Path) -> str:
    """The kind of disk a folder is on, as Linux names it; empty where it is not said."""
    try:
        lines = MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    found, longest = "", -1
    for line in lines:
        place, _, kind = line.partition(" - ")
        mounted = Path(place.split()[4].encode().decode("unicode_escape"))
        # The last of two that are mounted at one place hides the first.
        if path.is_relative_to(mounted) and len(mounted.parts) >= longest:
            found, longest = kind.split()[0], len(mounted.parts)
    return found.removeprefix("fuse.")


def _of_keys() -> list[str]:
    problems = []
    if settings.SECRET_KEY == settings.DEFAULT_KEY:
        problems.append(
            "la clé secrète est celle de la démonstration : donnez dans MAILLAGE_SECRET_KEY "
            "un texte au hasard d'au moins 50 caractères, et gardez-le."
        )
    if not (settings.KEY_FILE or settings.KEYS):
        problems.append(
            "les données des habitants et le journal n'ont pas de clé à eux : faites-en une avec "
            "« maillage keys new FICHIER », puis donnez MAILLAGE_KEY_FILE=FICHIER."
        )
    return problems


def _of_doors() -> list[str]:
    problems = []
    if not asks_second_factor():
        problems.append(
            "aucun second facteur n'est demandé : remettez dans les réglages "
            f"{DOOR} (MIDDLEWARE), allauth.mfa (INSTALLED_APPS) et MFA_SUPPORTED_TYPES."
        )
    if not counts_tries_together():
        problems.append(
            "les essais de connexion ne sont pas comptés pour tous les processus ensemble : remettez "
            "dans les réglages ACCOUNT_ADAPTER, ACCOUNT_FORMS et MFA_FORMS, ACCOUNT_RATE_LIMITS et "
            "MFA_RATE_LIMITS à False."
        )
    if not (settings.SECURE and settings.SITE_URL.startswith("https://")):
        problems.append(
            f"l'adresse du site n'est pas en https ({settings.SITE_URL}) : mettez un serveur HTTPS "
            "devant, donnez son adresse dans MAILLAGE_SITE_URL=https://…, et retirez MAILLAGE_HTTPS=0."
        )
    if settings.DEBUG:
        problems.append("le mode DEBUG montre tout à tous : retirez MAILLAGE_DEBUG.")
    return problems


def _of_base() -> list[str]:
    problems = [
        f"le rôle de MAILLAGE_DATABASE_URL {weakness} : servez avec un rôle sans droit sur les "
        "tables, migrez avec celui de MAILLAGE_OWNER_DATABASE_URL (docs/guide/exploitation.md)."
        for weakness in row_security.weaknesses()
    ]
    kind = filesystem_of(settings.VAR) if connection.vendor == "sqlite" else ""
    if kind in NETWORK:
        problems.append(
            f"la base SQLite est sur un disque réseau ({kind}), où elle peut se perdre : choisissez "
            "avec VAR= un disque de la machine, ou PostgreSQL avec MAILLAGE_DATABASE_URL."
        )
    count = User.objects.filter(is_demo=True).count()
    if count:
        problems.append(
            f"la base contient {count} compte(s) de démonstration : supprimez-les, "
            "ou choisissez une base neuve avec VAR= ou MAILLAGE_DATABASE_URL."
        )
    return problems


def refusals() -> list[str]:
    """Why nothing starts for real people, one sentence each."""
    return [*_of_keys(), *_of_doors(), *_of_base()]


def warnings(now: dt.datetime) -> list[str]:
    """What a server starts with all the same, one sentence each."""
    last = Beat.objects.filter(name="backup").values_list("at", flat=True).first()
    if last is None:
        return ["la base n'a jamais été sauvegardée : « maillage backup FICHIER », chaque jour."]
    if now - last > dt.timedelta(hours=settings.BACKUP_HOURS):
        return [
            f"la dernière sauvegarde date du {timezone.localtime(last):%d/%m/%Y à %H:%M}, il y a plus "
            f"de {settings.BACKUP_HOURS} h : « maillage backup FICHIER », chaque jour."
        ]
    return []
