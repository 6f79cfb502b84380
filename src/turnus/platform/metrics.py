"""Metrics for Prometheus that add up over all processes of one installation on a host.

Every process writes its values into small memory-mapped files in a folder below the home, and any of them can render
the sum. Labels are bounded (method, route template, status, task …) and never name a tenant.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector

from turnus import __version__

Outcome = Literal["succeeded", "retried", "failed"]

_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_JOB_BUCKETS = (0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1800)
_MAX_LABEL_SETS = 4000


class Instruments:
    """The metrics of one process; they exist once per process."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        # Gauges are "live": a process that is gone no longer counts.
        self.build = Gauge("turnus_build_info", "Version.", ["version"], registry=own, multiprocess_mode="livemax")
        self.requests = Histogram(
            "turnus_http_request_duration_seconds",
            "Time from receiving a request to the end of its answer; the count is the number of requests.",
            ["method", "route", "status"],
            buckets=_REQUEST_BUCKETS,
            registry=own,
        )
        self.in_progress = Gauge(
            "turnus_http_requests_in_progress", "Requests not answered yet.", registry=own, multiprocess_mode="livesum"
        )
        self.jobs = Histogram(
            "turnus_job_duration_seconds",
            "Run time of background jobs; the count is the number of runs.",
            ["task", "outcome"],
            buckets=_JOB_BUCKETS,
            registry=own,
        )
        self.outbox_lag = Gauge(
            "turnus_outbox_lag_seconds",
            "Age of the oldest fact not yet dispatched; absent when nobody dispatches.",
            registry=own,
            multiprocess_mode="livemostrecent",
        )
        self.deliveries = Counter("turnus_webhook_deliveries", "Delivery attempts.", ["outcome"], registry=own)
        self.billed_invoices = Counter("turnus_billing_invoices", "Invoices numbered and booked.", registry=own)
        self.billed_positions = Counter("turnus_billing_positions", "Positions on these invoices.", registry=own)
        self.billing_failures = Counter("turnus_billing_failures", "Customers whose billing failed.", registry=own)
        self.billing_seconds = Counter("turnus_billing_seconds", "Time spent in billing chunks.", registry=own)
        self.build.labels(__version__).set(1)
        self.observers: dict[tuple[str, str, int], Callable[[float], None]] = {}


class _Slot:
    """A number that no other living process of the installation has: its holder locks the file of that number.

    Numbers name the files of values. Process ids would not do: they differ between containers that share the home, and
    are used again, so that a new process would inherit a dead one's gauges. The operating system drops the lock however
    a process ends. The next process takes the lowest free number and goes on counting in its files, which bounds the
    number of files by that of processes alive at once and keeps counters from falling.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = -1
        self.take()

    def take(self) -> None:
        self._close()
        with _locked(self._folder / "start.lock"):
            if not any(_is_held(path) for path in self._folder.glob("slot-*.lock")):
                # The first process after all others ended: a new installation run begins at zero.
                for path in self._folder.glob("*.db"):
                    path.unlink()
            number = 0
            while (file := _try_lock(self._folder / f"slot-{number}.lock")) is None:
                number += 1
            self._remove_gauges(number)
        self._file, self._number, self._process = file, number, os.getpid()

    def number(self) -> int:
        """The number of this process; after a fork the child takes one of its own. Asked at every change of a value."""
        if os.getpid() != self._process:
            self.take()
        return self._number

    def remove_dead_gauges(self) -> None:
        start = _try_lock(self._folder / "start.lock")
        if start is None:
            # Somebody is starting; the next rendering will do.
            return
        try:
            for path in self._folder.glob("slot-*.lock"):
                if not _is_held(path):
                    self._remove_gauges(int(path.stem.removeprefix("slot-")))
        finally:
            os.close(start)

    def release(self) -> None:
        self._remove_gauges(self._number)
        self._close()

    def _remove_gauges(self, number: int) -> None:
        for path in self._folder.glob(f"gauge_live*_{number}.db"):
            path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file >= 0:
            # After a fork this closes the child's copy only; the parent's lock stays.
            os.close(self._file)
            self._file = -1


_slot: _Slot | None = None
_instruments: Instruments | None = None


def start(folder: Path) -> None:
    """Share values through `folder` from now on; every process of an installation calls this once, early.

    The first process of an installation empties the folder. What was counted in this process before is forgotten.
    Raises OSError when the folder cannot be made or written.
    """
    global _slot, _instruments
    stop()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _slot = _Slot(folder)
    # prometheus_client decides between private and shared values when it is *imported*, by the environment variable,
    # which cannot be set by then: the folder follows from the configuration, and any library may have imported it
    # before. The choice is a module attribute read whenever a value is made, so it is made here, before the instruments
    # are. The variable itself is still needed, as shared values look there for the folder.
    os.environ[_FOLDER_VARIABLE] = str(folder)
    values.ValueClass = values.MultiProcessValue(_slot.number)  # type: ignore[no-untyped-call]
    _instruments = Instruments()


def stop() -> None:
    """End sharing and give the process's number back. Later calls count privately again. Harmless when not started."""
    global _slot, _instruments
    _instruments = None
    if _slot is not None:
        values.close_all_multiprocess_files()  # type: ignore[no-untyped-call]
        _slot.release()
        _slot = None
        os.environ.pop(_FOLDER_VARIABLE, None)


def instruments() -> Instruments:
    """The metrics of this process; private to it unless `start` was called."""
    global _instruments
    if _instruments is None:
        # A child inherits the variable from its parent, but has no number before it calls `start` itself.
        values.ValueClass = values.MutexValue
        _instruments = Instruments()
    return _instruments


def render() -> tuple[bytes, str]:
    """The sum over all processes in the text format of Prometheus, and its content type.

    Reads files (0.2 s for 1,200 combinations of route and status): call it in a thread.
    """
    own = instruments().registry
    if _slot is None:
        return generate_latest(own), CONTENT_TYPE_LATEST
    _slot.remove_dead_gauges()
    for attempt in range(3):
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=os.environ[_FOLDER_VARIABLE])  # type: ignore[no-untyped-call]
        try:
            return generate_latest(registry), CONTENT_TYPE_LATEST
        except struct.error:
            # Read between another process's making a file and giving it its size.
            time.sleep(0.01 * (attempt + 1))
    return generate_latest(own), CONTENT_TYPE_LATEST


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request.

    Args:
        route: the template (`/customers/{id}`), never the path; empty when no route matched.
    """
    current = _instruments or instruments()
    observer = current.observers.get((method, route, status))
    if observer is None:
        observer = _observer(current, method, route, status)
    observer(seconds)


def _observer(current: Instruments, method: str, route: str, status: int) -> Callable[[float], None]:
    # Method and route come from outside in part; a stranger must not be able to fill the memory with labels.
    known = method if method in _METHODS else "other"
    named = (route or "unmatched") if len(current.observers) < _MAX_LABEL_SETS else "other"
    observer = current.requests.labels(known, named, str(status)).observe
    if len(current.observers) < _MAX_LABEL_SETS:
        current.observers[method, route, status] = observer
    return observer


def job_finished(task: str, outcome: Outcome, seconds: float) -> None:
    """Count one run of a background job."""
    instruments().jobs.labels(task, outcome).observe(seconds)


def set_outbox_lag(seconds: float) -> None:
    """Say how old the oldest fact not yet dispatched is (0 when there is none); of several calls the last counts."""
    instruments().outbox_lag.set(seconds)


def webhook_attempted(outcome: Outcome) -> None:
    """Count one attempt to deliver a webhook."""
    instruments().deliveries.labels(outcome).inc()


def billed(*, invoices: int, positions: int, failed: int, seconds: float) -> None:
    """Count what a billing run did."""
    current = instruments()
    current.billed_invoices.inc(invoices)
    current.billed_positions.inc(positions)
    current.billing_failures.inc(failed)
    current.billing_seconds.inc(seconds)


class RequestMetrics:
    """ASGI application around another one that measures each of its HTTP requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; without an answer it counts as 500, abandoned by the client as 499."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        status = 500

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        in_progress = instruments().in_progress
        in_progress.inc()
        began = time.perf_counter()
        try:
            await self._app(scope, receive, send_noting_status)
        except asyncio.CancelledError:
            status = 499
            raise
        finally:
            in_progress.dec()
            # The router writes the template into the scope; without a match it is absent.
            observe(scope["method"], scope.get("path_template") or "", status, time.perf_counter() - began)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _try_lock(path: Path) -> int | None:
    """A file descriptor that holds the lock, or None when another process does."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def _is_held(path: Path) -> bool:
    file = _try_lock(path)
    if file is None:
        return True
    os.close(file)
    return False
