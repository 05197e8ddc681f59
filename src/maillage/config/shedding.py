"""Too many requests at once: the last to come are told to come back, at once, instead of waiting for ever.

The server gives each request a thread, of which there are more than can work: the surplus only waits
here, in line, or says 503. Those that work are few and the same, so that the database sees few
connections.
"""

from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

from django.conf import settings

RETRY_SECONDS = 5
WORDS = (
    "<!doctype html><html lang='fr'><meta charset='utf-8'><title>Trop de demandes</title>"
    "<h1>Trop de demandes en ce moment</h1><p>Rien n'a été enregistré. Attendez quelques secondes, "
    "puis recommencez. Une urgence : appelez le 15.</p></html>"
).encode()


def refusal_headers():
    """Those of every answer: this one passes by no middleware."""
    return [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(len(WORDS))),
        ("Retry-After", str(RETRY_SECONDS)),
        ("Cache-Control", "no-store, private"),
        ("Content-Security-Policy", settings.CONTENT_SECURITY_POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", settings.X_FRAME_OPTIONS),
        ("Referrer-Policy", settings.SECURE_REFERRER_POLICY),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ]


class Shedding:
    """A WSGI application of which `at_once` requests are worked on and `waiting` more stand in line."""

    def __init__(self, application, *, at_once, waiting):
        self.application = application
        self.workers = ThreadPoolExecutor(at_once, thread_name_prefix="request")
        self.places = BoundedSemaphore(at_once + waiting)

    def __call__(self, environ, start_response):
        if not self.places.acquire(blocking=False):
            start_response("503 Service Unavailable", refusal_headers())
            return [WORDS]
        try:
            status, headers, body = self.workers.submit(self._answer, environ).result()
        finally:
            self.places.release()
        start_response(status, headers)
        return [body]

    def _answer(self, environ):
        """Whole, and closed, in the thread that worked: it is the one that holds the connection."""
        said = []
        answer = self.application(environ, lambda *given: said.append(given))
        try:
            body = b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        return said[0][0], said[0][1], body
