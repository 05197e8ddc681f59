"""How django-allauth signs people in here: by invitation only, and its mails wait like the others.

It stands in config because it joins the library to an action: a gateway may not write.
"""

import uuid

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import ResetPasswordForm
from allauth.core import context
from django.contrib.sites.shortcuts import get_current_site
from django.core.exceptions import PermissionDenied, ValidationError
from django.urls import reverse

from maillage.accounts import actions, queries
from maillage.accounts.enums import Channel, Tried
from maillage.accounts.gateway import address_of, is_fresh
from maillage.accounts.rules import UserActor, is_made_of


def count_try(kind: Tried, of: str) -> None:
    """Raises a ValidationError, whose words a form shows, when it was tried too often."""
    try:
        actions.count_try(by=UserActor(None), kind=kind, of=of)
    except actions.TooManyTries as error:
        raise ValidationError(str(error), code="too_many_tries") from error


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request):
        """Nobody signs up: a person is invited into a seat."""
        return False

    def can_delete_email(self, email_address):
        """Nor is the address left: it is the key of the person's invitations."""
        return False

    def get_client_ip(self, request):
        """A server behind a local socket gives no address: everybody counts together."""
        try:
            return super().get_client_ip(request)
        except PermissionDenied:
            return "0.0.0.0"  # noqa: S104

    def pre_authenticate(self, request, **credentials):
        """Counted before the password is looked at, whether the account exists or not."""
        count_try(Tried.PASSWORD, self._tried(request, credentials))

    def authenticate(self, request, **credentials):
        user = super().authenticate(request, **credentials)
        if user is not None:
            tried = self._tried(request, credentials)
            actions.forget_try(by=UserActor(user), kind=Tried.PASSWORD, of=tried)
        return user

    def _tried(self, request, credentials):
        return f"{credentials.get('email', '').strip().lower()} {address_of(request)}"

    def reauthenticate(self, user, password):
        """The person's own address, whether or not a mail has confirmed it."""
        given = {"email": user.email, "password": password}
        return self.authenticate(context.request, **given) == user

    def is_reauthentication_required(self, **kwargs):
        """Whoever has just come in need not prove it again."""
        return not is_fresh(context.request)

    def get_logout_redirect_url(self, request):
        """Whoever came by Pro Santé Connect leaves there too."""
        came = request.user.is_authenticated and request.session.get("psc_id_token")
        return reverse("accounts:psc_leave") if came else super().get_logout_redirect_url(request)

    def logout(self, request):
        token = request.session.get("psc_id_token", "")
        super().logout(request)
        if token:
            request.session["psc_left"] = token

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


class NotGuessed:
    """Refuses a password made of words that whoever knows the person or the platform tries first.

    A long sentence may hold some: what counts is what is left without them.
    """

    def __init__(self, at_least):
        self.at_least = at_least

    def validate(self, password, user=None):
        found = is_made_of(password, queries.guessed_words(user), at_least=self.at_least)
        if found:
            said = ", ".join(f"« {word} »" for word in found)
            raise ValidationError(
                f"Sans les mots faciles à deviner ici ({said}), il reste moins de "
                f"{self.at_least} caractères : allongez-le.",
                code="password_guessed",
            )

    def get_help_text(self):
        return (
            "Les noms de la plateforme, de votre CPTS, de ses communes et le vôtre ne comptent pas "
            f"dans les {self.at_least} caractères."
        )


class ResetForm(ResetPasswordForm):
    """A link to choose a password: a few an hour for one address, known or not."""

    def clean_email(self):
        email = super().clean_email()
        count_try(Tried.LETTER, email.strip().lower())
        return email
