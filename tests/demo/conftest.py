"""The demonstration is long to build: once for a whole file, undone at its end."""

import pytest
from django.db import transaction

from maillage.accounts.rules import SYSTEM
from maillage.demo.actions import build_demo
from maillage.snp.queries import forget_board


@pytest.fixture(scope="module")
def built(django_db_setup, django_db_blocker):
    forget_board()  # what the tests before have kept of their databases
    with django_db_blocker.unblock(), transaction.atomic():
        yield build_demo(by=SYSTEM)
        transaction.set_rollback(True)


@pytest.fixture
def demo(built, db):
    return built
