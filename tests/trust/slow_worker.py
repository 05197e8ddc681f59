"""A server of one worker whose every request takes a while, behind what sheds the surplus (or not)."""

import os
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "maillage.config.settings")
django.setup()

from maillage.config.shedding import Shedding  # noqa: E402


def slow(environ, start_response):
    read = environ["wsgi.input"].read()
    time.sleep(0.2)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"read ", str(len(read)).encode()]


application = slow if os.environ.get("SEED") == "none" else Shedding(slow, at_once=2, waiting=4)
