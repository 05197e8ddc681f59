"""The forms of the second factor: tries counted in the database, and a proof noted in the session.

They stand in config for the same reason as `login`: they join the library to an action.
"""

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django.core.exceptions import ValidationError

from maillage.accounts import actions
from maillage.accounts.enums import Tried
from maillage.accounts.gateway import remember_proof
from maillage.accounts.rules import UserActor
from maillage.config.login import count_try
from maillage.kernel import crypto

SECRET = "mfa_authenticator|secret"


class SealedSecrets(DefaultMFAAdapter):
    """The secret of an application of codes is sealed in the database like an identity."""

    def encrypt(self, text):
        return crypto.seal(text, aad=SECRET)

    def decrypt(self, encrypted_text):
        if not crypto.is_sealed(encrypted_text):
            return encrypted_text  # written before secrets were sealed
        return crypto.open_sealed(encrypted_text, aad=SECRET)


class Counted:
    """A code is counted before it is looked at, and serves once, whichever process sees it."""

    def clean_code(self):
        count_try(Tried.CODE, str(self.user.pk))
        code = super().clean_code()
        try:
            count_try(Tried.CODE_USED, f"{self.user.pk} {code}")
        except ValidationError as error:
            raise ValidationError("Ce code a déjà servi : attendez le suivant.") from error
        actions.forget_try(by=UserActor(self.user), kind=Tried.CODE, of=str(self.user.pk))
        return code


class CodeForm(Counted, AuthenticateForm):
    pass


class CodeAgainForm(Counted, ReauthenticateForm):
    pass


class ActivateForm(Counted, ActivateTOTPForm):
    """The code typed to switch the application on is a proof like any other."""

    def clean_code(self):
        code = super().clean_code()
        remember_proof(context.request, self.user, "mfa")
        return code


class AddKeyForm(AddWebAuthnForm):
    """So is the gesture on the key that is added. It opens the account alone unless told otherwise."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["name"].label = "Nom de la clé"
        self.fields["passwordless"].initial = True

    def clean(self):
        given = super().clean()
        if not self.errors:
            remember_proof(context.request, self.user, "mfa")
        return given
