"""Child processes that end with their parent and are started again when they crash.

Children stay in the parent's process group. Each has a pipe from the parent as its standard input: the parent says
"go" through it when the database is ready (a child loads its modules meanwhile), and its end tells that the parent is
gone, however it went.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

import structlog

log = structlog.get_logger("turnus.serve")

GRACE_SECONDS = 30.0
"""From SIGTERM until a child is killed: a worker finishes its chunk, the API its requests."""
ORPHAN_SECONDS = 10.0
STABLE_SECONDS = 10.0
HASTY_STARTS = 4
_POLL_SECONDS = 0.2
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
GO = b"go\n"


class ChildFailed(Exception):
    """A child cannot be kept running; the text is one line."""


@dataclass(slots=True)
class Child:
    """A process to keep running: `arguments` follow the Python interpreter, `descriptors` are inherited."""

    name: str
    arguments: Sequence[str]
    descriptors: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = None
    begun: float = 0.0
    hasty: int = 0
    next_start: float = 0.0

    def start(self, env: dict[str, str]) -> None:
        """Start the process; it waits for `go`."""
        # Ctrl-C reaches the whole process group; the parent alone decides what follows from it. Ignored signals stay
        # ignored in a new program. -P: a file in the working directory must not pass for a module.
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", *self.arguments], stdin=subprocess.PIPE, pass_fds=self.descriptors, env=env
            )
        finally:
            signal.signal(signal.SIGINT, interrupt)
        self.begun = time.monotonic()

    def go(self) -> None:
        """Let the process begin; harmless when it has died meanwhile."""
        assert self.process is not None and self.process.stdin is not None
        try:
            self.process.stdin.write(GO)
            self.process.stdin.flush()
        except BrokenPipeError:
            log.debug("child died before it could begin", child=self.name)

    def send(self, number: int) -> None:
        """Send a signal if the process runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


@dataclass(slots=True)
class Supervisor:
    """Keeps children running until a signal or a failure."""

    children: Sequence[Child]
    env: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    _running: bool = False
    _signals: list[int] = field(default_factory=list)
    _wake: tuple[int, int] = (-1, -1)

    @contextmanager
    def started(self) -> Iterator[None]:
        """All children are started, to wait for `go`, and ended again whatever happens.

        Until `run` a signal raises KeyboardInterrupt; SIGHUP stays ignored where it was (`nohup`).
        """
        self._wake = os.pipe()
        os.set_blocking(self._wake[1], False)
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN or number in (signal.SIGCHLD, signal.SIGINT):
                signal.signal(number, self._noted)
        before_wakeup = signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        try:
            for child in self.children:
                child.start(self.env)
            yield
        finally:
            self._stop()
            signal.set_wakeup_fd(before_wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            for descriptor in self._wake:
                os.close(descriptor)

    def go(self) -> None:
        """Let the children begin."""
        for child in self.children:
            child.go()

    def run(self) -> None:
        """Start what crashes again; returns when a signal asks for the end.

        Raises:
            ChildFailed: a child dies again and again right after its start.
        """
        self._running = True
        while not self._signals:
            self._pause(_POLL_SECONDS if any(child.process is None for child in self.children) else None)
            for child in self.children:
                self._keep_running(child)

    def _noted(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGCHLD:
            return
        self._signals.append(number)
        if not self._running:
            self._running = True
            raise KeyboardInterrupt

    def _keep_running(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is not None and child.process.poll() is not None and not self._signals:
            status = child.process.returncode
            child.hasty = child.hasty + 1 if now - child.begun < STABLE_SECONDS else 0
            if child.hasty >= HASTY_STARTS:
                raise ChildFailed(f"The {child.name} process ends right after its start; the lines above say why.")
            log.error("child ended, starting another", child=child.name, status=status)
            child.next_start = now + (0.25 * 2**child.hasty if child.hasty else 0.0)
            _close_input(child)
            child.process = None
        if child.process is None and now >= child.next_start:
            child.start(self.env)
            child.go()

    def _pause(self, seconds: float | None) -> None:
        """Until a signal comes, SIGCHLD included."""
        if select.select([self._wake[0]], [], [], seconds)[0]:
            os.read(self._wake[0], 512)

    def _stop(self) -> None:
        """End all children: politely, after a while or at a further signal by force."""
        self._running = True
        for child in self.children:
            child.send(signal.SIGTERM)
        deadline, told = time.monotonic() + GRACE_SECONDS, len(self._signals)
        while any(child.process is not None and child.process.poll() is None for child in self.children):
            if time.monotonic() > deadline or len(self._signals) > told:
                for child in self.children:
                    child.send(signal.SIGKILL)
            self._pause(_POLL_SECONDS)
        for child in self.children:
            _close_input(child)


def _close_input(child: Child) -> None:
    if child.process is not None and child.process.stdin is not None:
        try:
            child.process.stdin.close()
        except BrokenPipeError:
            log.debug("child closed its input", child=child.name)


def follow_parent() -> None:
    """In a child: wait for the parent's "go", then end when the parent does.

    The end is a SIGTERM to oneself, and after some seconds without effect a hard one.
    """
    if sys.stdin.buffer.readline() != GO:
        os._exit(0)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    while os.read(0, 64):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(ORPHAN_SECONDS)
    os._exit(1)


def run_module(name: str) -> None:
    """Be a module's `__main__` that ends with its parent: `python -m turnus.entry.supervisor MODULE [ARGUMENT …]`."""
    import runpy

    follow_parent()
    runpy.run_module(name, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    sys.argv[:] = sys.argv[1:]
    run_module(sys.argv[0])
