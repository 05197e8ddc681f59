"""What every test may need. The engine is the environment's: MAILLAGE_DATABASE_URL, else SQLite."""

import os
from pathlib import Path

import pytest
from django.db import connection

from maillage.config.jinja import forget_mark

ROOT = Path(__file__).parents[1]
# Files that are not in the repository (open data, designs); tests that compare with them may skip.
SHARED = Path(os.environ.get("MAILLAGE_SHARED") or ROOT.parent / "shared")


def pytest_collection_modifyitems(items):
    """A race needs the row locks of PostgreSQL."""
    if connection.vendor == "postgresql":
        return
    skip = pytest.mark.skip(reason="needs the row locks of PostgreSQL")
    for item in items:
        if "race" in item.keywords:
            item.add_marker(skip)


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the shared files are not beside the repository (MAILLAGE_SHARED)")
    return SHARED


@pytest.fixture(autouse=True)
def _quick_settings(settings):
    """Static files by their plain names (nothing was collected), and a hash that costs nothing."""
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.WHITENOISE_AUTOREFRESH = True
    forget_mark()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
