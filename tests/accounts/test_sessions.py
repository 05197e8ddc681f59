"""What opens a session and what each request reads of it, by statements of ours."""

import datetime as dt

import pytest
from django.conf import settings
from django.utils import timezone

from maillage.accounts.gateway.backends import Backend
from maillage.accounts.gateway.session_store import SessionStore
from people import make_user

pytestmark = pytest.mark.django_db


def test_a_session_over_or_unknown_is_empty_and_forgotten(monkeypatch):
    kept = SessionStore()
    kept["seats"] = {"une": 1}
    kept.save()
    assert SessionStore(kept.session_key)["seats"] == {"une": 1}
    for key in ("inconnue", "x' OR 1=1"):
        unknown = SessionStore(key)
        assert unknown.get("seats") is None and unknown.session_key is None
    over_at = timezone.now() + dt.timedelta(seconds=settings.SESSION_COOKIE_AGE + 1)
    monkeypatch.setattr(timezone, "now", lambda: over_at)
    over = SessionStore(kept.session_key)
    assert over.get("seats") is None and over.session_key is None


def test_an_account_closed_meanwhile_is_nobody():
    user = make_user()
    assert Backend().get_user(user.pk) == user
    assert Backend().get_user(-7) is None
    user.is_active = False
    user.save()
    assert Backend().get_user(user.pk) is None
