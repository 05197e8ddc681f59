"""The matrix of test_routes.py, its methods that write: a file of its own, so that two workers share it."""

import pytest
from test_routes import READS, promises_kept
from world import METHODS_ALL

from trusted import FULL

pytestmark = pytest.mark.django_db


@pytest.mark.skipif(not FULL, reason="drawn with what reads, in test_routes.py")
def test_who_may_write_what(world):
    promises_kept(world, [each for each in METHODS_ALL if each not in READS], "written")
