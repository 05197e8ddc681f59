import os
import time
from pathlib import Path

import pytest
from bases import PATHS, superuser
from django.db import connection
from world import standing


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    with standing(django_db_blocker.unblock) as found:
        yield found


@pytest.fixture
def own_base(tmp_path):
    """Variables of a base of its own, on this run's engine, and where its files are."""
    folder = tmp_path / "var"
    (folder / "tmp").mkdir(parents=True)
    url, owner, files = "", "", folder
    if connection.vendor == "postgresql":
        name = f"at_rest_{os.getpid()}_{time.time_ns()}"
        with superuser() as server:
            server.execute(f"CREATE DATABASE {name} OWNER maillage_owner")
            files = Path(server.execute("SHOW data_directory").fetchone()[0])
        url, owner = (
            f"{os.environ[each].rpartition('/')[0]}/{name}"
            for each in ("MAILLAGE_DATABASE_URL", "MAILLAGE_OWNER_DATABASE_URL")
        )
    variables = {
        "VAR": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "MAILLAGE_DATABASE_URL": url,
        "MAILLAGE_OWNER_DATABASE_URL": owner,
        "PYTHONPATH": PATHS,
    }
    return variables, files
