"""Too many requests at once: the last to come are told to come back, at once, instead of waiting for ever.

The server gives each request a thread, of which there are more than can work: the surplus only waits
here, in line, or says 503. Those that work are few and the same, so that the database sees few
connections. What somebody does goes before what screens ask: while an act is worked on, no reading
begins, for a moment at most.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore, Condition

from django.conf import settings

RETRY_SECONDS = 5
READING_WAITS = 0.05  # seconds, at most: an act may be long
READS = ("GET", "HEAD")
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
    """A WSGI application of which `at_once` acts and as many readings are worked on, and `waiting`
    more requests stand in line."""

    def __init__(self, application, *, at_once, waiting):
        self.application = application
        self.acting = ThreadPoolExecutor(at_once, thread_name_prefix="request-act")
        self.reading = ThreadPoolExecutor(at_once, thread_name_prefix="request-read")
        self.places = BoundedSemaphore(2 * at_once + waiting)
        self.acts, self.calm = 0, Condition()

    def __call__(self, environ, start_response):
        if not self.places.acquire(blocking=False):
            start_response("503 Service Unavailable", refusal_headers())
            return [WORDS]
        try:
            status, headers, body = self._handed(environ).result()
        finally:
            self.places.release()
        start_response(status, headers)
        return [body]

    def _handed(self, environ) -> Future:
        if environ.get("REQUEST_METHOD") in READS:
            return self.reading.submit(self._read, environ)
        return self.acting.submit(self._act, environ)

    def _act(self, environ):
        with self.calm:
            self.acts += 1
        try:
            return self._answer(environ)
        finally:
            with self.calm:
                self.acts -= 1
                self.calm.notify_all()

    def _read(self, environ):
        with self.calm:
            self.calm.wait_for(lambda: self.acts == 0, READING_WAITS)
        return self._answer(environ)

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
