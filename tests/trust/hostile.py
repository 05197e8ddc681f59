"""An OpenID provider of our own that lies on demand: it signs with its own keys what it is told to.

Honest by default, PKCE and codes included; `claims`, `header`, `userinfo` and `signer` change one
thing at a time.
"""

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT = "maillage-essai"
RPPS = "99970021889"


def new_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(key, kid):
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return jwk | {"kid": kid, "use": "sig", "alg": "RS256"}


def exercise(code="10", speciality="SM54"):
    return {
        "codeProfession": code,
        "codeCategorieProfessionnelle": "C",
        "nomDexercice": "FICTIVE",
        "prenomDexercice": "Ada",
        "codeSavoirFaire": speciality,
    }


class Provider:
    def __init__(self):
        self.key, self.other = new_key(), new_key()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.be_honest()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def be_honest(self):
        self.codes, self.served = {}, set()
        self.claims, self.header, self.signer, self.algorithm = {}, {}, self.key, "RS256"
        self.subject = "f:essai:1"
        self.userinfo = {"SubjectRefPro": {"exercices": [exercise()]}}

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def authorize(self, url):
        """The person has proved who they are: the code that goes back, for what was asked."""
        asked = {key: value[0] for key, value in parse_qs(urlsplit(url).query).items()}
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return code, asked

    def discovery(self):
        names = {
            "authorization_endpoint": "/auth",
            "token_endpoint": "/token",
            "userinfo_endpoint": "/userinfo",
            "jwks_uri": "/certs",
            "end_session_endpoint": "/logout",
        }
        return {"issuer": self.issuer} | {key: self.issuer + path for key, path in names.items()}

    def tokens(self, form):
        asked = self.codes.get(form.get("code"))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or form["code"] in self.served or challenge != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        self.served.add(form["code"])
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT,
            "azp": CLIENT,
            "iat": now,
            "exp": now + 60,
            "nonce": asked["nonce"],
            "acr": "eidas1",
        } | self.claims
        claims = {key: value for key, value in claims.items() if value is not None}
        signer = self.signer if self.algorithm != "none" else None
        header = {"kid": "essai-1"} | self.header
        token = jwt.encode(claims, signer, algorithm=self.algorithm, headers=header)
        return 200, {"id_token": token, "access_token": "acces", "token_type": "Bearer"}

    def person(self):
        return {
            "sub": self.subject,
            "given_name": "Ada",
            "family_name": "FICTIVE",
            "SubjectNameID": f"8{RPPS}",
        } | self.userinfo

    def handler(provider):  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def answer(self, status, content):
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                if self.path.startswith("/.well-known/"):
                    return self.answer(200, provider.discovery())
                if self.path == "/certs":
                    return self.answer(200, {"keys": [public_jwk(provider.key, "essai-1")]})
                return self.answer(200, provider.person())

            def do_POST(self):
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {key: value[0] for key, value in parse_qs(text).items()}
                return self.answer(*provider.tokens(form))

            def log_message(self, *args):
                pass

        return Handler
