"""The read side: statements written in SQLAlchemy Core, compiled once, executed by psycopg, rows made by position.

SQLAlchemy's execution costs about 2 ms per statement in cache keys and result metadata; a page of 100 rows is the
database's work plus a tuple-to-struct call per row here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

import msgspec
from sqlalchemy import BindParameter, ColumnElement, Executable, Select, literal_column, select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.visitors import replacement_traverse

from turnus.kernel.errors import NotFound
from turnus.platform.context import Context

T = TypeVar("T")
V = TypeVar("V", bound=msgspec.Struct)
_dialect = PGDialect_psycopg()  # type: ignore[no-untyped-call]
RowMaker = Callable[[Sequence[Any]], T]


class Converted(msgspec.Struct, frozen=True):
    """Columns (or nested views) whose values pass through a function on the way into a view."""

    function: Callable[..., Any]
    columns: tuple[Any, ...]


class Shape(Generic[V]):
    """How the columns of a row become a view struct: built once, then one generated call per row."""

    def __init__(self, view: type[V], present: ColumnElement[Any] | None, fields: dict[str, Any]) -> None:
        names = [field.name for field in msgspec.structs.fields(view)]
        missing = set(names) ^ set(fields)
        if missing:
            raise ValueError(f"{view.__name__}: fields {sorted(missing)} do not match")
        self.view = view
        self.present = present
        self.fields = {name: fields[name] for name in names}
        self.columns: list[ColumnElement[Any]] = []
        self._positions: dict[str, int] = {}
        scope: dict[str, Any] = {}
        body = self._expression(scope)
        self.make = cast("RowMaker[V]", eval(f"lambda r: {body}", scope))

    def _column(self, column: ColumnElement[Any]) -> str:
        clause = column.__clause_element__() if hasattr(column, "__clause_element__") else column
        position = self._positions.setdefault(str(clause), len(self.columns))
        if position == len(self.columns):
            self.columns.append(column.label(f"c{position}"))
        return f"r[{position}]"

    def _expression(self, scope: dict[str, Any], into: Shape[Any] | None = None) -> str:
        target = into or self
        guard = None if self.present is None else target._column(self.present)
        arguments = []
        for value in self.fields.values():
            if isinstance(value, Shape):
                arguments.append(value._expression(scope, target))
            elif isinstance(value, Converted):
                name = f"f{len(scope)}"
                scope[name] = value.function
                inner = (
                    argument._expression(scope, target) if isinstance(argument, Shape) else target._column(argument)
                    for argument in value.columns
                )
                arguments.append(f"{name}({', '.join(inner)})")
            elif isinstance(value, ColumnElement) or hasattr(value, "__clause_element__"):
                arguments.append(target._column(value))
            else:
                name = f"k{len(scope)}"
                scope[name] = value
                arguments.append(name)
        name = f"v{len(scope)}"
        scope[name] = self.view
        call = f"{name}({', '.join(arguments)})"
        return call if guard is None else f"(None if {guard} is None else {call})"


def shape(view: type[V], /, *, present: Any = None, **fields: Any) -> Shape[V]:
    """Describe a view: each field is a column, a nested shape, a `convert(...)` or a constant.

    `present` is a column that is NULL when an outer-joined object is absent; the nested view is then None.
    """
    return Shape(view, present, fields)


def convert(function: Callable[..., Any], *columns: Any) -> Converted:
    """A field made by `function` from one or more columns or nested shapes."""
    return Converted(function, columns)


def _with_constants(statement: Executable) -> Any:
    """The statement with its constants written out: a partial index is only used when its words stand in the query."""

    def replace(element: Any, **_: Any) -> Any:
        if isinstance(element, BindParameter) and element.unique and isinstance(element.value, str | int):
            value = element.value
            if isinstance(value, str):
                value = "'" + value.replace("'", "''") + "'"
            return literal_column(str(value), type_=element.type)
        return None

    return replacement_traverse(cast(Any, statement), {}, replace)


class Read(Generic[T]):
    """A compiled statement. Parameters are the names of its `bindparam`s."""

    def __init__(self, statement: Executable, make: RowMaker[T]) -> None:
        compiled = _with_constants(statement).compile(dialect=_dialect)
        self.sql = str(compiled)
        self.defaults = {name: value for name, value in compiled.params.items() if value is not None}
        self.make = make

    async def all(self, ctx: Context, **parameters: Any) -> list[T]:
        """All rows."""
        await ctx.flush()
        async with ctx.connection.cursor(binary=True) as cursor:
            await cursor.execute(self.sql, {**self.defaults, **parameters}, prepare=True)
            return list(map(self.make, await cursor.fetchall()))

    async def first(self, ctx: Context, **parameters: Any) -> T | None:
        """The first row, or None."""
        await ctx.flush()
        async with ctx.connection.cursor(binary=True) as cursor:
            await cursor.execute(self.sql, {**self.defaults, **parameters}, prepare=True)
            row = await cursor.fetchone()
            return None if row is None else self.make(row)

    async def one(self, ctx: Context, **parameters: Any) -> T:
        """The row; raises NotFound when there is none."""
        found = await self.first(ctx, **parameters)
        if found is None:
            raise NotFound()
        return found


async def together(ctx: Context, *reads: tuple[Read[Any], dict[str, Any]]) -> list[list[Any]]:
    """Several reads in one round trip; the rows of each."""
    await ctx.flush()
    cursors = [ctx.connection.cursor(binary=True) for _ in reads]
    async with ctx.connection.pipeline():
        for cursor, (statement, parameters) in zip(cursors, reads, strict=True):
            await cursor.execute(statement.sql, {**statement.defaults, **parameters}, prepare=True)
    return [
        list(map(statement.make, await cursor.fetchall()))
        for cursor, (statement, _) in zip(cursors, reads, strict=True)
    ]


def read(statement: Select[Any], into: Shape[V]) -> Read[V]:
    """A read that yields views: `statement` brings FROM and WHERE, the shape brings the columns."""
    return Read(statement.with_only_columns(*into.columns), into.make)


def read_rows(statement: Executable) -> Read[tuple[Any, ...]]:
    """A read that yields plain tuples."""
    return Read(statement, cast("RowMaker[tuple[Any, ...]]", tuple))


def read_scalar(statement: Executable) -> Read[Any]:
    """A read that yields the first column."""
    return Read(statement, lambda row: row[0])


def from_(table: Any) -> Select[Any]:
    """Start a statement on a table; `read` puts the columns in."""
    return select(literal_column("1")).select_from(table)


__all__ = ["Read", "Shape", "convert", "from_", "read", "read_rows", "read_scalar", "shape"]
