"""`python -m bench [name …] [--json] [--long]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from bench import billing, http
from bench.harness import Bench, Result, start

BENCHMARKS: dict[str, Callable[[Bench], Awaitable[list[Result]]]] = {
    "billing_run": billing.billing_run,
    "billing_run_parallel": billing.billing_run_parallel,
    "billing_run_scale": billing.billing_run_scale,
    "big_customer": billing.big_customer,
    "list_customers": http.list_customers,
    "get_customer": http.get_customer,
}


async def _all(names: list[str], long: bool, tell: Callable[[Result], None]) -> None:
    with start() as server:
        for name in names:
            bench = Bench(server, long=long)
            try:
                for result in await BENCHMARKS[name](bench):
                    tell(result)
            finally:
                bench.drop()


def main() -> int:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--long", action="store_true", help="also the sizes that take minutes")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        print(f"unknown benchmark: {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    table = Table("name", "value", "unit", "limit", "ratio", "±", "n", "seconds", "note")

    def tell(result: Result) -> None:
        if options.json:
            print(msgspec.json.encode(result).decode(), flush=True)
            return
        number = lambda value, digits: "" if value is None else f"{value:,.{digits}f}"  # noqa: E731
        table.add_row(
            result.name, number(result.value, 1), result.unit, number(result.limit, 1), number(result.ratio, 3),
            number(result.spread, 3), f"{result.n:,}", number(result.seconds, 1), result.note,
        )  # fmt: skip

    uvloop.run(_all(options.names or list(BENCHMARKS), options.long, tell))
    if not options.json:
        Console(width=160).print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
