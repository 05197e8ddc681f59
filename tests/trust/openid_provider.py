"""A real OpenID provider (django-oauth-toolkit), run as its own process by test_log_in.

`python openid_provider.py <folder> <port> <redirect uri>`: it asks for a name and a password, then
answers as Pro Santé Connect does: SubjectNameID, exercises, `acr`.
"""

import os
import socketserver
import sys
import warnings
from pathlib import Path
from wsgiref.simple_server import WSGIServer, make_server

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

CLIENT, SECRET, PERSON, PASSWORD = "maillage-essai", "secret d'essai", "ada", "carte-fictive"
PAGE = "<form method=post>{% csrf_token %}{{ form }}</form>"
FOLDER, PORT, BACK = sys.argv[1:4] if len(sys.argv) == 4 else ("", "0", "")


def private_key():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def configure():
    settings.configure(
        SECRET_KEY="essai",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": Path(FOLDER) / "provider.sqlite3",
            }
        },
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oauth2_provider",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [
                        (
                            "django.template.loaders.locmem.Loader",
                            {"registration/login.html": PAGE},
                        ),
                        "django.template.loaders.app_directories.Loader",
                    ],
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                    ],
                },
            }
        ],
        LOGIN_URL="/login/",
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_ISS_ENDPOINT": f"http://127.0.0.1:{PORT}/o",
            "OIDC_RSA_PRIVATE_KEY": private_key(),
            "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
            "OAUTH2_VALIDATOR_CLASS": f"{__name__}.validator",
            "PKCE_REQUIRED": True,
            "SCOPES": {"openid": "identity", "scope_all": "everything"},
        },
    )
    django.setup()


def validator():
    """Says of the person what Pro Santé Connect says. A function: the class needs the settings."""
    from oauth2_provider.oauth2_validators import OAuth2Validator  # noqa: PLC0415

    class Validator(OAuth2Validator):
        oidc_claim_scope = None  # `scope_all` gives everything

        def get_additional_claims(self, request):
            return {
                "sub": "f:fournisseur:899970021889",
                "acr": "eidas1",
                "SubjectNameID": "899970021889",
                "given_name": "Ada",
                "family_name": "FICTIVE",
                "SubjectRefPro": {"exercices": [{"codeProfession": "10"}]},
            }

    return Validator()


urlpatterns = []


class Threaded(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


def main():
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.contrib.auth.views import LoginView  # noqa: PLC0415
    from oauth2_provider.models import Application  # noqa: PLC0415

    urlpatterns.extend(
        [
            path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
            path("login/", LoginView.as_view()),
        ]
    )
    call_command("migrate", verbosity=0)
    User.objects.create_user(PERSON, password=PASSWORD)
    Application.objects.create(
        client_id=CLIENT,
        client_secret=SECRET,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        redirect_uris=BACK,
        post_logout_redirect_uris=BACK,
        algorithm=Application.RS256_ALGORITHM,
        skip_authorization=True,
    )
    server = make_server("127.0.0.1", int(PORT), get_wsgi_application(), Threaded)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    configure()
    main()
