"""Metrics that add up over processes, survive their deaths and cost little."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from turnus.platform import metrics

CUSTOMERS = ("GET", "/customers", 200)
WORKER = """
import sys, time
from pathlib import Path
{before}
from turnus.platform import metrics
metrics.start(Path(sys.argv[1]))
for _ in range(3):
    metrics.observe("GET", "/customers", 200, 0.02)
metrics.instruments().in_progress.inc(5)
metrics.set_outbox_lag(7.0)
metrics.billed(invoices=10, positions=20, failed=1, seconds=0.5)
print("counted", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def unshared() -> Iterator[None]:
    metrics.stop()
    yield
    metrics.stop()


def samples() -> dict[str, float]:
    body, content_type = metrics.render()
    assert content_type.startswith("text/plain; version=")
    lines = [line.rsplit(" ", 1) for line in body.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def requests_counted(method: str, route: str, status: int) -> str:
    return f'turnus_http_request_duration_seconds_count{{method="{method}",route="{route}",status="{status}"}}'


def started(folder: Path, *, before: str = "") -> subprocess.Popen[bytes]:
    worker = subprocess.Popen([sys.executable, "-c", WORKER.format(before=before), str(folder)], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"counted\n"
    return worker


def killed(worker: subprocess.Popen[bytes]) -> None:
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert worker.stdout is not None
    worker.stdout.close()


def test_without_a_folder_values_are_private_and_can_be_rendered() -> None:
    metrics.observe(*CUSTOMERS, 0.02)
    metrics.billed(invoices=2, positions=3, failed=0, seconds=0.1)

    found = samples()

    assert found[requests_counted(*CUSTOMERS)] == 1
    assert found["turnus_billing_invoices_total"] == 2
    assert found["turnus_http_requests_in_progress"] == 0
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ


def test_processes_add_up_and_a_dead_one_keeps_its_counts_but_not_its_gauges(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    metrics.start(folder)
    metrics.observe(*CUSTOMERS, 0.3)
    metrics.instruments().in_progress.inc()
    # Whoever imported the library first decides nothing.
    first, second = started(folder), started(folder, before="import prometheus_client")
    try:
        both = samples()
        assert both[requests_counted(*CUSTOMERS)] == 7
        labels = '{le="0.025",method="GET",route="/customers",status="200"}'
        assert both[f"turnus_http_request_duration_seconds_bucket{labels}"] == 6
        seconds = both[requests_counted(*CUSTOMERS).replace("_count", "_sum")]
        assert seconds == pytest.approx(0.3 + 6 * 0.02)
        assert both["turnus_http_requests_in_progress"] == 11
        assert both["turnus_billing_invoices_total"] == 20
        assert both["turnus_outbox_lag_seconds"] == 7.0

        killed(first)
        one = samples()
        assert one[requests_counted(*CUSTOMERS)] == 7
        assert one["turnus_http_requests_in_progress"] == 6
        assert one["turnus_billing_invoices_total"] == 20

        files = len(list(folder.iterdir()))
        first = started(folder)
        again = samples()
        assert again[requests_counted(*CUSTOMERS)] == 10
        assert again["turnus_http_requests_in_progress"] == 11
        assert len(list(folder.iterdir())) == files + 3
    finally:
        killed(first)
        killed(second)
    assert samples()["turnus_http_requests_in_progress"] == 1
    assert samples().get("turnus_outbox_lag_seconds", 0) == 0


def test_the_first_process_of_an_installation_begins_at_zero(tmp_path: Path) -> None:
    worker = started(tmp_path)
    killed(worker)

    metrics.start(tmp_path)

    assert requests_counted(*CUSTOMERS) not in samples()
    assert samples()["turnus_billing_invoices_total"] == 0


def test_a_forked_child_counts_in_files_of_its_own(tmp_path: Path) -> None:
    metrics.start(tmp_path)
    metrics.observe(*CUSTOMERS, 0.02)

    child = os.fork()
    if child == 0:
        metrics.observe(*CUSTOMERS, 0.02)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    metrics.observe(*CUSTOMERS, 0.02)

    assert samples()[requests_counted(*CUSTOMERS)] == 3
    assert (tmp_path / "histogram_0.db").exists() and (tmp_path / "histogram_1.db").exists()


def test_starting_again_elsewhere_and_stopping_leave_nothing_behind(tmp_path: Path) -> None:
    metrics.start(tmp_path / "a")
    metrics.observe(*CUSTOMERS, 0.02)
    metrics.start(tmp_path / "b")
    assert requests_counted(*CUSTOMERS) not in samples()
    metrics.stop()

    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
    assert not list((tmp_path / "a").glob("gauge*")) and not list((tmp_path / "b").glob("gauge*"))
    metrics.observe(*CUSTOMERS, 0.02)
    assert samples()[requests_counted(*CUSTOMERS)] == 1


def test_jobs_deliveries_and_the_version_are_shown() -> None:
    metrics.job_finished("render_documents", "failed", 2.0)
    metrics.webhook_attempted("retried")
    metrics.set_outbox_lag(1.5)

    found = samples()

    assert found['turnus_job_duration_seconds_count{outcome="failed",task="render_documents"}'] == 1
    assert found['turnus_webhook_deliveries_total{outcome="retried"}'] == 1
    assert found["turnus_outbox_lag_seconds"] == 1.5
    assert any(name.startswith('turnus_build_info{version="') for name in found)


def test_a_stranger_cannot_fill_the_memory_with_labels() -> None:
    metrics.observe("EVIL", "", 404, 0.01)
    assert samples()[requests_counted("other", "unmatched", 404)] == 1

    for number in range(5000):
        metrics.observe("GET", f"/{number}", 404, 0.01)

    found = samples()
    assert found[requests_counted("GET", "other", 404)] == 5000 - 4000 + 1
    assert len([name for name in found if "_seconds_count{method" in name]) == 4001


async def ask(app: Any, scope: dict[str, Any]) -> list[Any]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await metrics.RequestMetrics(app)(scope, receive, send)  # type: ignore[arg-type]
    return sent


def scope(kind: str = "http") -> dict[str, Any]:
    return {"type": kind, "method": "GET", "path": "/customers/42", "headers": []}


def test_a_request_is_counted_by_its_template_and_status_and_is_in_progress_meanwhile() -> None:
    during: list[float] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["path_template"] = "/customers/{id}"
        during.append(samples()["turnus_http_requests_in_progress"])
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    sent = asyncio.run(ask(app, scope()))

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert during == [1]
    found = samples()
    assert found["turnus_http_requests_in_progress"] == 0
    assert found[requests_counted("GET", "/customers/{id}", 201)] == 1


@pytest.mark.parametrize(("raised", "status"), [(RuntimeError("boom"), 500), (asyncio.CancelledError(), 499)])
def test_an_unanswered_request_counts_and_the_error_goes_on(raised: BaseException, status: int) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise raised

    with pytest.raises(type(raised)):
        asyncio.run(ask(app, scope()))

    found = samples()
    assert found[requests_counted("GET", "unmatched", status)] == 1
    assert found["turnus_http_requests_in_progress"] == 0


def test_other_connections_pass_unmeasured() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.complete"})

    assert asyncio.run(ask(app, scope("lifespan"))) == [{"type": "lifespan.startup.complete"}]
    assert not [name for name in samples() if "_seconds_count{method" in name]


def test_counting_a_request_costs_microseconds(tmp_path: Path) -> None:
    metrics.start(tmp_path)

    def seconds_per_request() -> float:
        gauge = metrics.instruments().in_progress
        begin = time.perf_counter()
        for _ in range(2000):
            gauge.inc()
            gauge.dec()
            metrics.observe("GET", "/customers", 200, 0.02)
        return (time.perf_counter() - begin) / 2000

    # Histogram and gauge together take about 3 µs; the best of several rounds.
    assert min(seconds_per_request() for _ in range(5)) < 15e-6
