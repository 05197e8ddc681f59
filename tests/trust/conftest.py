import pytest
from world import standing


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    with standing(django_db_blocker.unblock) as found:
        yield found
