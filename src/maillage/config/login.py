"""How django-allauth signs people in here: by invitation only, and its mails wait like the others.

It stands in config because it joins the library to an action: a gateway may not write.
"""

import uuid

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.sites.shortcuts import get_current_site

from maillage.accounts import actions
from maillage.accounts.enums import Channel
from maillage.accounts.rules import UserActor


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request):
        """Nobody signs up: a person is invited into a seat."""
        return False

    def can_delete_email(self, email_address):
        """Nor is the address left: it is the key of the person's invitations."""
        return False

    def send_mail(self, template_prefix, email, context):
        """Leave a notice; no request waits for a mail server."""
        context = {
            "request": self.request,
            "email": email,
            "current_site": get_current_site(self.request),
        } | context
        mail = self.render_mail(template_prefix, email, context)
        user = context.get("user")
        actions.queue_notice(
            by=UserActor(user if user and user.pk else None),
            cpts=None,
            channel=Channel.MAIL,
            recipient=email,
            key=f"account-{uuid.uuid4()}",
            subject=mail.subject[:200],
            body=mail.body,
        )
