"""What every test may need. The engine is the environment's: MAILLAGE_DATABASE_URL, else SQLite."""

import os
import shutil
import time
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.test import Client, TransactionTestCase
from hypothesis import settings as hypothesis_settings

import walls
from maillage.config.jinja import forget_mark
from maillage.residents.queries import forget_communes
from maillage.snp.queries import forget_board
from maillage.territory.queries import forget_centres, forget_names, forget_reach

ROOT = Path(__file__).parents[1]
VENDOR = Path(__file__).parent / "browser/vendor"
LONG = {"trust", "tooling"}  # folders of few tests and many minutes
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Files that are not in the repository (open data, designs); tests that compare with them may skip.
SHARED = Path(os.environ.get("MAILLAGE_SHARED") or ROOT.parent / "shared")

# How long an example takes says how busy the machine is, never whether the answer is right.
hypothesis_settings.register_profile("maillage", deadline=None)
hypothesis_settings.load_profile("maillage")


walls.open_to_tests()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings):
    """The database of the tests is made by the owner of its tables…"""
    walls.serve_as(settings.OWNER_DATABASE)


@pytest.fixture(scope="session")
def django_db_setup(django_db_modify_db_settings, django_db_setup, django_db_blocker):
    """…and then served by the role that owns nothing."""
    with django_db_blocker.unblock():
        walls.serve_as(walls.SERVING)
    yield
    with django_db_blocker.unblock():
        walls.serve_as(settings.OWNER_DATABASE)


def pytest_collection_modifyitems(items):
    """What takes long begins, whatever the number of workers. A race needs the row locks of
    PostgreSQL."""
    items.sort(key=lambda item: LONG.isdisjoint(item.path.parts))
    if connection.vendor == "postgresql":
        return
    skip = pytest.mark.skip(reason="needs the row locks of PostgreSQL")
    for item in items:
        if "race" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def _tables_emptied_between_tests():
    """A test that commits has its tables emptied after it; the journal's guard would refuse that."""
    guard = import_module("maillage.kernel.migrations.0006_journal_guard")
    empty = TransactionTestCase._fixture_teardown

    def teardown(case):
        if settings.OWNER_DATABASE is not None:  # emptied by the owner, who lifts it (walls.py)
            empty(case)
        else:
            with connection.schema_editor() as editor:
                guard.release(None, editor)
            empty(case)
            with connection.schema_editor() as editor:
                guard.guard(None, editor)
        write_national_rules()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown)
        yield


@pytest.fixture
def owner():
    """The connection of this test is the owner's of the tables (where there are two roles). Asked for
    before `db`: a role does not change inside a transaction."""
    walls.serve_as(settings.OWNER_DATABASE)
    yield
    walls.serve_as(walls.SERVING)


@pytest.fixture
def unguarded(owner, db):
    """The database of somebody who may do anything in it: its owner, the journal's guard lifted."""
    guard = import_module("maillage.kernel.migrations.0006_journal_guard")
    with connection.cursor() as cursor:
        for each in guard.OFF[connection.vendor]:
            cursor.execute(each)


def write_national_rules():
    """What the migrations wrote: a test that empties the tables takes it away with the rest."""
    import_module("maillage.snp.migrations.0008_snp_fee").write_fee(apps, None)
    import_module("maillage.rights.migrations.0002_proposed_durations").propose(apps, None)


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the shared files are not beside the repository (MAILLAGE_SHARED)")
    return SHARED


@pytest.fixture(autouse=True)
def _quick_settings(settings, tmp_path):
    """Static files by their plain names (nothing was collected), and a hash that costs nothing."""
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.WHITENOISE_AUTOREFRESH = True
    settings.ANCHOR_FILE = tmp_path / "journal-heads.jsonl"
    forget_mark()
    forget_centres()
    forget_reach()
    forget_names()
    forget_board()
    forget_communes()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session", autouse=True)
def _whole_log_in():
    """`force_login` stands for a whole log-in: the second factor was given too, and the proof stays
    young however long the test."""
    log_in = Client._login

    def with_both(client, user, backend=None):
        log_in(client, user, backend)
        session = client.session
        session["account_authentication_methods"] = [{"method": "mfa", "at": time.time() + 86_400}]
        session["account_authentication_methods_user"] = str(user.pk)
        session.save()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "_login", with_both)
        yield


@pytest.fixture(scope="session")
def base_url():
    """Replaces the plugin's own, whose definition warns under this pytest."""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--lang=fr-FR"]
    return browser_type_launch_args | {"executable_path": chromium, "args": quiet}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args):
    return browser_context_args | {"locale": "fr-FR", "timezone_id": "Europe/Paris"}


@pytest.fixture(scope="session")
def axe():
    """Violations of a page, in French, one line each."""
    french = (VENDOR / "axe-fr.json").read_text()
    source = f"{(VENDOR / 'axe.min.js').read_text()};axe.configure({{locale: {french}}});0"
    # What is right is most of what it finds, and takes longer to tell than to find.
    judge = """async rules => (
        await axe.run(document, {runOnly: rules, resultTypes: ['violations']})
    ).violations"""

    def run(page):
        if page.evaluate("typeof axe === 'undefined'"):
            page.evaluate(source)
        return [
            f"{each['id']} : {each['help']} : {[node['target'] for node in each['nodes'][:4]]}"
            for each in page.evaluate(judge, RULES)
        ]

    return run
