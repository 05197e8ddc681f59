"""Databases of their own, on the engine of the run, lived in by other processes."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg

from trusted import size

PATHS = os.pathsep.join(str(Path(__file__).parents[2] / each) for each in ("src", "tests"))


def superuser():
    """A connection that sees where the files of the server are."""
    return psycopg.connect(os.environ["MAILLAGE_SUPERUSER_DATABASE_URL"], autocommit=True)


def child(script, out=None, **variables):
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "maillage.config.settings"} | variables
    command = [sys.executable, "-c", script]
    error = subprocess.STDOUT if out else None
    subprocess.run(
        command, env=environment, check=True, timeout=size(120, 1800), stdout=out, stderr=error
    )
