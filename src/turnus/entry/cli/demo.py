"""`turnus demo`."""

from __future__ import annotations

from typing import Annotated

import typer

from turnus.entry.cli.app import app
from turnus.entry.cli.options import load_configuration


@app.command(epilog="Example: turnus demo --fresh --exit")
def demo(
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over with new data.")] = False,
    exit: Annotated[bool, typer.Option("--exit", help="End after the billing instead of serving.")] = False,
    host: Annotated[str, typer.Option(help="Address to serve at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to serve at.")] = 8000,
) -> None:
    """Bill three months of a real-looking company on the test clock, then serve it."""
    from turnus.entry.demo import run_demo
    from turnus.entry.serve import Serving

    run_demo(load_configuration(), Serving(host=host, port=port), fresh=fresh, exit=exit)
