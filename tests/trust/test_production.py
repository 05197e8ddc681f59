"""H1: what a server for real people refuses to start with, each fault alone; and that it starts."""

import base64
import datetime as dt
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import connection
from django.utils import timezone

from maillage.home import rules
from maillage.home.management.commands.serve import Command
from maillage.kernel import instance
from maillage.kernel.models import Beat
from people import make_user, mark_demo
from trusted import evidence

pytestmark = pytest.mark.django_db
KEY = "une-clef-pour-cet-essai-seulement-" + "0123456789" * 3
LOCAL = "36 35 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw"


@pytest.fixture
def fit(settings, tmp_path, monkeypatch):
    """The settings of a real server, on a disk of its own."""
    settings.SECRET_KEY, settings.DEBUG = KEY, False
    settings.KEYS = f"essai:{base64.b64encode(bytes(32)).decode()}"
    settings.SITE_URL, settings.SECURE = "https://maillage.example", True
    settings.VAR = tmp_path
    mounts = tmp_path / "mountinfo"
    mounts.write_text(LOCAL + "\n")
    monkeypatch.setattr(rules, "MOUNTS", mounts)
    return settings


def without(names, name):
    return [each for each in names if each != name]


def own_cache(settings):
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip"}
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


def on_disk(kind, place="/"):
    def seed(settings):
        line = f"41 35 0:52 / {place or settings.VAR} rw - {kind} serveur:/partage rw"
        rules.MOUNTS.write_text(f"{LOCAL}\n{line}\n")

    return seed


def set_to(**changed):
    return lambda settings: [setattr(settings, name, value) for name, value in changed.items()]


FAULTS = {
    "the key of the demonstration": (
        lambda settings: setattr(settings, "SECRET_KEY", settings.DEFAULT_KEY),
        "MAILLAGE_SECRET_KEY",
    ),
    "no key of its own for what is sealed and for the journal": (
        set_to(KEYS="", KEY_FILE=""),
        "maillage keys new",
    ),
    "DEBUG": (set_to(DEBUG=True), "retirez MAILLAGE_DEBUG"),
    "accounts of a demonstration": (
        lambda settings: make_user("a@demo.example", is_demo=True),
        "1 compte(s) de démonstration",
    ),
    "no door that asks for the second factor": (
        lambda settings: setattr(settings, "MIDDLEWARE", without(settings.MIDDLEWARE, rules.DOOR)),
        "second facteur",
    ),
    "no application of second factors": (
        lambda settings: setattr(
            settings, "INSTALLED_APPS", without(settings.INSTALLED_APPS, "allauth.mfa")
        ),
        "second facteur",
    ),
    "nothing but recovery codes": (
        set_to(MFA_SUPPORTED_TYPES=["recovery_codes"]),
        "second facteur",
    ),
    "tries counted by each process": (own_cache, "tous les processus ensemble"),
    "codes counted by nobody": (set_to(MFA_FORMS={}), "tous les processus ensemble"),
    "letters counted by nobody": (set_to(ACCOUNT_FORMS={}), "tous les processus ensemble"),
    "passwords counted by nobody": (
        set_to(ACCOUNT_ADAPTER="allauth.account.adapter.DefaultAccountAdapter"),
        "tous les processus ensemble",
    ),
    "an address without https": (set_to(SITE_URL="http://maillage.example"), "MAILLAGE_SITE_URL"),
    "https left off": (set_to(SECURE=False), "MAILLAGE_HTTPS"),
}
ON_SQLITE = {
    "SQLite over NFS": (on_disk("nfs4"), "disque réseau (nfs4)"),
    "SQLite on a Windows share, there only": (on_disk("cifs", ""), "disque réseau (cifs)"),
    "SQLite through ssh": (on_disk("fuse.sshfs"), "disque réseau (sshfs)"),
}
if connection.vendor == "sqlite":
    FAULTS |= ON_SQLITE


def prepare():
    return Command().prepare(demo=False, host="127.0.0.1", port=1)


def test_a_server_fit_for_real_people_starts(fit):
    assert rules.refusals() == []
    assert prepare()["PORT"] == "1"
    assert instance.current().is_demo is False


@pytest.mark.parametrize("name", FAULTS)
def test_one_fault_alone_refuses(fit, name):
    seed, words = FAULTS[name]
    seed(fit)
    [sentence] = rules.refusals()
    assert words in sentence and sentence.endswith(".") and ":" in sentence
    with pytest.raises(CommandError, match="maillage ne démarre pas"):
        prepare()
    assert instance.current() is None
    evidence("H1", f"refuses to start: {name}", 1)


def test_a_demonstration_asks_for_none_of_it(settings):
    mark_demo()
    settings.DEBUG = True
    assert rules.refusals()
    assert prepare()["MAILLAGE_SITE_URL"] == "http://127.0.0.1:1"


def test_the_disk_of_a_folder_is_the_last_mounted_over_it(fit, tmp_path):
    (place := tmp_path / "un dossier").mkdir()
    escaped = str(place).replace(" ", "\\040")
    rules.MOUNTS.write_text(
        f"{LOCAL}\n"
        f"41 35 0:52 / {escaped} rw - nfs4 serveur:/ancien rw\n"
        f"42 41 8:2 / {escaped} rw shared:3 master:1 - xfs /dev/sdb1 rw\n"
        f"43 35 0:53 / {place.with_name('un')} rw - cifs //serveur/autre rw\n"
    )
    assert rules.filesystem_of(place / "base") == "xfs"
    assert rules.filesystem_of(Path("/srv")) == "ext4"
    rules.MOUNTS.unlink()
    assert rules.filesystem_of(place) == ""  # not Linux: nothing is said, nothing is refused


def test_the_disks_of_this_machine_are_read():
    if not rules.MOUNTS.exists():
        pytest.skip("not Linux")
    assert rules.filesystem_of(Path("/proc/self")) == "proc"


def test_a_copy_too_old_or_never_made_is_said(fit, capsys):
    now = timezone.now()
    [never] = rules.warnings(now)
    assert "jamais" in never and "maillage backup" in never
    Beat.objects.create(name="backup", at=now - dt.timedelta(hours=23))
    assert rules.warnings(now) == []
    [old] = rules.warnings(now + dt.timedelta(hours=2))
    assert "plus de 24 h" in old
    fit.BACKUP_HOURS = 48
    assert rules.warnings(now + dt.timedelta(hours=2)) == []
    Beat.objects.all().delete()
    prepare()
    assert f"Attention : {never}" in capsys.readouterr().out
