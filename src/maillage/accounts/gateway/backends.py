"""Who a session is of: allauth's backend, whose one read at every request is written once."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend

from maillage.accounts.models import User
from maillage.kernel.prepared import Prepared

_users = Prepared(lambda pk: User.objects.filter(pk=pk), pk=int)


class Backend(AuthenticationBackend):
    def get_user(self, user_id: Any) -> User | None:
        found: list[User] = _users(pk=int(user_id))
        return found[0] if found and self.user_can_authenticate(found[0]) else None
