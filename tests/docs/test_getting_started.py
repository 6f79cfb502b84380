"""The guide from a customer to a PDF, typed as it stands, on a running server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs import pages

GUIDE = pages.text_of(pages.ROOT / "docs" / "guide" / "getting-started.md")
PROGRAM = [sys.executable, "-P", "-m", "turnus.entry.cli"]
PATIENCE = 60.0


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An installation of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TURNUS_", "PG"))}
    return kept | {"TURNUS_HOME": str(tmp_path / "home"), "COLUMNS": "200", "TERM": "dumb"}


@pytest.fixture
def url(environment: dict[str, str]) -> Iterator[str]:
    """The address of a server with its worker."""
    command = [*PROGRAM, "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            assert line.startswith("Turnus serves http://"), line
            yield line.split()[-1]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


def _program(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run([*PROGRAM, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _shell(lines: str, environment: dict[str, str], folder: Path, **variables: str) -> str:
    """Run lines of the guide; curl is the small one beside this file, which every machine has."""
    shim = Path(__file__).with_name("curl.py")
    # A variable of the guide that the reader fills in is given from outside.
    typed = "\n".join(line for line in lines.splitlines() if not line.startswith(("URL=", "TOKEN=")))
    script = (
        f'set -eu\ncurl() {{ "{sys.executable}" "{shim}" "$@"; }}\npython3() {{ "{sys.executable}" "$@"; }}\n{typed}'
    )
    done = subprocess.run(
        ["sh", "-c", script], env=environment | variables, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_reader_gets_from_a_customer_to_a_pdf(environment: dict[str, str], url: str, tmp_path: Path) -> None:
    named = ["--tenant", "stadtwerke-musterstadt"]
    made = json.loads(_program(environment, "tenant", "create", "Stadtwerke Musterstadt", "--sandbox", "--json"))
    typed = pages.blocks(pages.section(GUIDE, "From a customer to a PDF"), "sh")
    set_up, *steps, documents = typed
    given = {"URL": url, "TOKEN": made["token"]}

    out = _shell("\n".join([set_up, *steps, 'printf "\\n%s" "$CUSTOMER"']), environment, tmp_path, **given)
    given["CUSTOMER"] = out.splitlines()[-1]
    ends, listed = time.monotonic() + PATIENCE, ""
    while '"STATUS_UNPAID"' not in listed:
        assert time.monotonic() < ends, listed
        time.sleep(0.3)
        listed = _shell(f'{set_up}\ncall "$URL/invoices?customer.id=$CUSTOMER"', environment, tmp_path, **given)
    _shell("\n".join([set_up, documents]), environment, tmp_path, **given)

    assert json.loads(listed)["data"][0]["grossAmount"]["decimal"] == "177.31"  # 149.00 · 1.19
    assert (tmp_path / "invoice.pdf").read_bytes().startswith(b"%PDF-")
    assert b"CrossIndustryInvoice" in (tmp_path / "invoice.xml").read_bytes()
    assert "1 invoices" in _program(environment, "clock", *named, "--advance", "1M")
    assert _program(environment, "verify", *named) == "The books are clean.\n"
