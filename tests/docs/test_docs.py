"""What the pages say is so: links lead somewhere, examples work, names exist."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.__main__ import BENCHMARKS
from docs import pages
from docs.pages import ROOT
from kit.customers import created
from kit.world import World
from turnus.entry.bootstrap import ROUTERS
from turnus.entry.cli import app
from turnus.platform.config import TEST_PREFIX, VARIABLES
from turnus.platform.signing import new_webhook_secret, webhook_headers

ALL = {str(page.relative_to(ROOT)): pages.text_of(page) for page in pages.PAGES}
each_page = pytest.mark.parametrize("name", ALL)


@each_page
def test_links_lead_somewhere(name: str) -> None:
    dead = []
    for target in pages.links(ALL[name]):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        if not file.exists() or (anchor and anchor not in pages.anchors(pages.text_of(file))):
            dead.append(target)
    assert dead == []


@each_page
def test_json_is_json(name: str) -> None:
    for block in pages.blocks(ALL[name], "json"):
        json.loads(block)


def test_every_decision_is_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    records = sorted(file.name for file in folder.glob("[0-9]*.md"))
    assert pages.links(ALL["docs/decisions/README.md"]) == records
    assert [record[:4] for record in records] == [f"{n:04}" for n in range(1, len(records) + 1)]
    for record in records:
        text = pages.text_of(folder / record)
        assert text.startswith(f"# {int(record[:4])}. ")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences", "Alternatives"]


def test_commands_of_dev_are_in_its_help() -> None:
    shown = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True, check=True).stdout
    known = {word for line in shown.splitlines()[2:] for word in re.findall(r"^  ([\w| ]+?)(?:  | \[| [A-Z]|$)", line)}
    known = {word.split()[0] for word in known if word.strip()}
    used = {word for text in ALL.values() for word in re.findall(r"\./dev ([a-z]+)", text)}
    assert {"demo", "test"} <= used
    assert used - known == set()


def test_commands_of_the_program_exist_with_their_options() -> None:
    used = [line for text in ALL.values() for line in re.findall(r"^(?:\./dev )?turnus ([a-z].*)$", text, re.MULTILINE)]
    used += [line for text in ALL.values() for line in re.findall(r"`turnus ([a-z][^`]*)`", text)]
    assert len(used) > 15
    for line in used:
        words = re.findall(r"(?<!\S)[a-z]+\b", line.partition("#")[0])
        command = words[:2] if words[0] in ("tenant", "token", "db") else words[:1]
        done = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb"})
        assert done.exit_code == 0, line
        for option in re.findall(r"--[a-z-]+", line):
            assert option in done.output, line


def test_variables_are_those_that_are_read() -> None:
    operating = pages.section(ALL["docs/guide/operating.md"], "Settings")
    assert set(re.findall(r"^\| `(TURNUS_\w+)`", operating, re.MULTILINE)) == VARIABLES
    named = {name for text in ALL.values() for name in re.findall(r"TURNUS_\w+", text)}
    assert {name for name in named if not name.startswith(TEST_PREFIX)} - {"TURNUS_"} <= VARIABLES


def test_operations_exist() -> None:
    declared = {(o.method, re.sub(r"\{\w+\}", "{}", o.path)) for router in ROUTERS for o in router.operations}
    declared |= {("GET", path) for path in ("/health", "/health/ready", "/metrics")}
    named = [
        (name, method, re.sub(r"\{\w+\}", "{}", path))
        for name, text in ALL.items()
        for method, path in re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[\w/{}-]*)", text)
    ]
    assert len(named) > 10
    assert [found for found in named if found[1:] not in declared] == []


def test_benchmarks_exist() -> None:
    named = re.findall(r"^\| `(\w+)`", ALL["docs/reference/performance.md"], re.MULTILINE)
    assert named
    assert set(named) <= set(BENCHMARKS)


async def test_the_customers_of_the_readme_have_the_shape_of_the_answer(world: World) -> None:
    await created(world)
    answer = (await world.client.get("/customers", params={"limit": 1})).json()
    shown = json.loads(pages.blocks(ALL["README.md"], "json")[0])
    assert _unknown(shown, answer, "") == []


def _unknown(shown: Any, answered: Any, path: str) -> list[str]:
    if isinstance(shown, dict):
        missing = [f"{path}.{key}" for key in shown if key not in answered]
        return missing + [
            found
            for key, value in shown.items()
            if key in answered
            for found in _unknown(value, answered[key], f"{path}.{key}")
        ]
    if isinstance(shown, list):
        return _unknown(shown[0], answered[0], f"{path}[0]")
    return [] if answered is None or type(shown) is type(answered) else [path]


async def test_the_test_of_the_contributing_page_passes(world: World) -> None:
    space: dict[str, Any] = {}
    (block,) = pages.blocks(ALL["CONTRIBUTING.md"], "python")
    exec(block, space)
    (story,) = (value for name, value in space.items() if name.startswith("test_"))
    await story(world)


@pytest.fixture(scope="module")
def is_authentic() -> Callable[..., bool]:
    """The receiver's check, as the page on webhooks has it."""
    space: dict[str, Any] = {}
    (block,) = pages.blocks(ALL["docs/guide/webhooks.md"], "python")
    exec(block, space)
    check: Callable[..., bool] = space["is_authentic"]
    return check


BODY = '{"event":{"type":"customer.created"},"data":{"city":"Köln"}}'.encode()


def _signed(*secrets: str, at: int) -> str:
    return webhook_headers(list(secrets), "webhk_1", "customer.created", "1", 1, BODY, at)["X-Webhook-Signature-V2"]


def test_our_signature_is_authentic_for_the_receiver(is_authentic: Callable[..., bool]) -> None:
    now = int(time.time())
    secret, old = new_webhook_secret(), new_webhook_secret()
    assert is_authentic(secret, BODY, _signed(secret, at=now))
    assert is_authentic(secret, BODY, _signed(secret, at=1_790_000_000), now=1_790_000_299.0)
    # While a secret is exchanged, receivers with either one are served.
    assert is_authentic(secret, BODY, _signed(secret, old, at=now))
    assert is_authentic(old, BODY, _signed(secret, old, at=now))


def test_what_is_not_ours_is_refused_by_the_receiver(is_authentic: Callable[..., bool]) -> None:
    at, secret = 1_790_000_000, new_webhook_secret()
    header = _signed(secret, at=at)
    refused = {
        "another secret": (new_webhook_secret(), BODY, header),
        "another body": (secret, BODY + b" ", header),
        "another time": (secret, BODY, header.replace(f"t={at}", f"t={at + 1}")),
        "no time": (secret, BODY, header.partition(",")[2]),
        "no signature": (secret, BODY, header.partition(",")[0]),
        "nothing": (secret, BODY, ""),
        "a strange time": (secret, BODY, header.replace(f"t={at}", "t=²")),
        "a strange signature": (secret, BODY, f"t={at},v1=ü"),
    }
    for why, arguments in refused.items():
        assert not is_authentic(*arguments, now=float(at)), why
    assert is_authentic(secret, BODY, header, now=float(at))
    assert not is_authentic(secret, BODY, header, now=at + 301.0)
    assert not is_authentic(secret, BODY, header, now=at - 301.0)
