"""A database that is not the demonstration's is never filled with fiction."""

import pytest

from maillage.accounts.models import User
from maillage.accounts.rules import SYSTEM
from maillage.demo.actions import build_demo
from maillage.kernel import instance
from maillage.kernel.errors import DomainError


def test_a_real_database_stays_real(db):
    instance.declare(is_demo=False)
    with pytest.raises(DomainError):
        build_demo(by=SYSTEM)
    assert not User.objects.exists()
