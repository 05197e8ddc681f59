"""One process that keeps the others: starts them, restarts what dies, stops them all together.

Each child leads its own process group, so a Ctrl-C reaches the supervisor alone, which then asks
them to finish. A child is told by the kernel when the supervisor dies, even from kill -9 (Linux).
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

PR_SET_PDEATHSIG = 1
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOP_GRACE_SECONDS = 3.0  # then kill: everything must be gone in under five seconds
STEADY_SECONDS = 60.0  # a child that lived that long starts again at the shortest delay
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.5, 30.0
FIRST_ALONE_SECONDS = 10.0  # to start with nobody beside it; then the others come anyway
POLL_SECONDS = 0.1


def stop_with_parent(*, supervisor: int | None = None) -> None:
    """Ask the kernel for a SIGTERM when the parent process dies.

    It may have died before we asked: `supervisor` (its id) is looked for once more.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if supervisor is not None:
        try:
            os.kill(supervisor, 0)
        except ProcessLookupError:
            os.kill(os.getpid(), signal.SIGTERM)
        except PermissionError:
            pass  # it lives, under another account


@dataclass(slots=True)
class Child:
    """A process to keep alive; `label` is for the screen."""

    label: str
    argv: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_again_at: float = 0.0
    delay_seconds: float = FIRST_DELAY_SECONDS

    def start(self, environment: Mapping[str, str]) -> None:
        supervisor = os.getpid()
        self.process = subprocess.Popen(
            self.argv,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: stop_with_parent(supervisor=supervisor),
        )
        self.started_at = time.monotonic()

    def run_to_end(self, environment: Mapping[str, str]) -> int:
        """Start it and wait; its exit code. A stop meanwhile stops it too."""
        try:
            self.start(environment)
            assert self.process is not None
            return self.process.wait()
        finally:
            self.signal_group(signal.SIGKILL)

    def signal_group(self, number: int) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass(slots=True)
class Supervisor:
    """Runs the children until a stop signal; `when_ready` is called once `is_ready` says true.

    The first child starts alone, so that it is ready sooner.
    """

    children: Sequence[Child]
    environment: Mapping[str, str]
    say: Callable[[str], None]
    is_ready: Callable[[], bool]
    when_ready: Callable[[], None]
    signals_seen: list[int] = field(default_factory=list)

    def run(self) -> None:
        """Blocks; every child is gone when it returns or raises."""
        before = {number: signal.signal(number, self._on_signal) for number in STOP_SIGNALS}
        try:
            self._watch()
        finally:
            self._stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.signals_seen.append(number)

    def _watch(self) -> None:
        ready, alone_until = False, time.monotonic() + FIRST_ALONE_SECONDS
        while not self.signals_seen:
            is_late = time.monotonic() > alone_until
            for child in self.children if ready or is_late else self.children[:1]:
                self._keep(child)
            if not ready and self.is_ready():
                ready = True
                for child in self.children[1:]:
                    self._keep(child)
                self.when_ready()
            time.sleep(POLL_SECONDS)

    def _keep(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_again_at:
                child.start(self.environment)
        elif (code := child.process.poll()) is not None:
            # What the dead leader started must not outlive it (workers hold the port).
            child.signal_group(signal.SIGKILL)
            if now - child.started_at > STEADY_SECONDS:
                child.delay_seconds = FIRST_DELAY_SECONDS
            self.say(
                f"« {child.label} » s'est arrêté (code {code}) ; "
                f"redémarrage dans {child.delay_seconds:g} s.".replace(".5 s", ",5 s")
            )
            child.process = None
            child.start_again_at = now + child.delay_seconds
            child.delay_seconds = min(2 * child.delay_seconds, LONGEST_DELAY_SECONDS)

    def _stop(self) -> None:
        for child in self.children:
            if child.is_alive():
                assert child.process is not None
                child.process.terminate()
        limit = time.monotonic() + STOP_GRACE_SECONDS
        asked_once = len(self.signals_seen)
        while any(child.is_alive() for child in self.children):
            if time.monotonic() > limit or len(self.signals_seen) > asked_once:
                break
            time.sleep(POLL_SECONDS / 2)
        for child in self.children:
            child.signal_group(signal.SIGKILL)
            if child.process is not None:
                child.process.wait()
