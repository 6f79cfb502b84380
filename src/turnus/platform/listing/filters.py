"""Filters of lists. Each knows its operators, the SQL of each, how to read a value and how to document itself.

Only operators that are leakproof use an index under row-level security: equality and ranges on exactly typed columns,
and words of the `term` table for text.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Text,
    and_,
    bindparam,
    exists,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import func

from turnus.kernel.time import start_of_day
from turnus.platform.commands import parse_instant
from turnus.platform.db.terms import Term, fold, query_words

Condition = ColumnElement[bool]


class Unreadable(ValueError):
    """A value that the filter cannot read; the text says what it takes."""


class Bound:
    """A condition with the values of its parameters. Equal `key`s have equal SQL, so the statement is compiled once."""

    def __init__(self, key: str, condition: Condition, values: dict[str, Any]) -> None:
        self.key = key
        self.condition = condition
        self.values = values


class Filter:
    """Base of all filters: `name` is the wire property, `operators` the words allowed in brackets ('' is none)."""

    operators: Sequence[str] = ("", "not", "empty")
    kind: str = "string"
    indexed: Sequence[str] = ("",)
    """The operators that must be answered from an index."""

    def __init__(self, name: str, column: Any, *, nullable: bool = True) -> None:
        self.name = name
        self.column = column
        if not nullable:
            self.operators = tuple(op for op in self.operators if op != "empty")

    def parameters(self) -> list[str]:
        """The query parameters this filter understands."""
        names = [self.name if op == "" else f"{self.name}[{op}]" for op in self.operators]
        return [*names, *([f"{self.name}[]"] if "" in self.operators else [])]

    def sample(self) -> str:
        """A value for the index test and the documentation."""
        return "x"

    def value(self, text: str, zone: str) -> Any:
        """Read one value; raises Unreadable."""
        return text

    def bind(self, operator: str, texts: list[str], index: int, zone: str) -> Bound:
        """The condition of `name[operator]=texts…`; several texts are alternatives."""
        if operator == "empty":
            return self._empty(texts[-1], index)
        values = [self.value(text, zone) for text in texts]
        return self.condition(operator, values, index)

    def _empty(self, text: str, index: int) -> Bound:
        if text not in ("true", "false"):
            raise Unreadable("true or false")
        condition = self.column.is_(None) if text == "true" else self.column.is_not(None)
        return Bound(f"{self.name}:empty:{text}", condition, {})

    def condition(self, operator: str, values: list[Any], index: int) -> Bound:
        """The SQL of an operator."""
        name = f"p{index}"
        if operator == "not":
            parameter = bindparam(name, type_=ARRAY(self.column.type))
            condition = or_(self.column.is_(None), self.column != func.all(parameter))
            return Bound(f"{self.name}:not", condition, {name: values})
        if len(values) == 1:
            condition = self.column == bindparam(name, type_=self.column.type)
            return Bound(f"{self.name}:eq", condition, {name: values[0]})
        parameter = bindparam(name, type_=ARRAY(self.column.type))
        return Bound(f"{self.name}:any", self.column == func.any(parameter), {name: values})


class Code(Filter):
    """An exact text such as a number or code; `folded` columns compare without case."""

    def __init__(self, name: str, column: Any, *, folded: bool = False, nullable: bool = True) -> None:
        super().__init__(name, column, nullable=nullable)
        self.folded = folded

    def value(self, text: str, zone: str) -> str:
        return fold(text) if self.folded else text


class Choice(Filter):
    """One of a few words."""

    def __init__(self, name: str, column: Any, choices: Sequence[str], *, nullable: bool = False) -> None:
        super().__init__(name, column, nullable=nullable)
        self.choices = choices

    def sample(self) -> str:
        return self.choices[0]

    def value(self, text: str, zone: str) -> str:
        if text not in self.choices:
            raise Unreadable("one of " + ", ".join(self.choices))
        return text


class Reference(Filter):
    """An id, in any spelling; `null` means none."""

    kind = "uuid"

    def sample(self) -> str:
        return "01890000-0000-7000-8000-000000000000"

    def value(self, text: str, zone: str) -> UUID | None:
        try:
            return UUID(text)
        except ValueError:
            raise Unreadable("an id") from None

    def bind(self, operator: str, texts: list[str], index: int, zone: str) -> Bound:
        if operator == "" and texts == ["null"] and "empty" in self.operators:
            return self._empty("true", index)
        return super().bind(operator, texts, index, zone)


class Flag(Filter):
    """A boolean column or expression."""

    operators = ("", "empty")
    kind = "boolean"

    def sample(self) -> str:
        return "true"

    def value(self, text: str, zone: str) -> bool:
        if text not in ("true", "false"):
            raise Unreadable("true or false")
        return text == "true"

    def condition(self, operator: str, values: list[Any], index: int) -> Bound:
        wanted = values[-1]
        return Bound(f"{self.name}:{wanted}", self.column.is_(True) if wanted else self.column.is_(False), {})


class InstantFilter(Filter):
    """An instant: bounds are dates (the whole day in the tenant's zone, inclusive) or date-times (taken literally)."""

    operators = ("after", "before", "strictlyAfter", "strictlyBefore", "on", "empty")
    indexed = ("after", "before", "strictlyAfter", "strictlyBefore", "on")
    kind = "date-time"

    def sample(self) -> str:
        return "2026-01-15"

    def value(self, text: str, zone: str) -> tuple[datetime, datetime]:
        """First instant of the bound and first instant after it."""
        try:
            if len(text) == 10:
                day = date.fromisoformat(text)
                if not 1900 <= day.year <= 2200:
                    raise ValueError
                return start_of_day(day, zone), start_of_day(day + timedelta(days=1), zone)
            instant = parse_instant(text.replace(" ", "+"))
            return instant, instant + timedelta(microseconds=1)
        except (ValueError, OverflowError):
            raise Unreadable("a date (2026-01-31) or date-time with offset") from None

    def condition(self, operator: str, values: list[Any], index: int) -> Bound:
        first, following = values[-1]
        low, high = f"p{index}", f"q{index}"
        kind = DateTime(timezone=True)
        at_least, below = self.column >= bindparam(low, type_=kind), self.column < bindparam(high, type_=kind)
        chosen: tuple[Condition, dict[str, Any]] = {
            "after": (at_least, {low: first}),
            "strictlyAfter": (at_least, {low: following}),
            "before": (below, {high: following}),
            "strictlyBefore": (below, {high: first}),
            "on": (and_(at_least, below), {low: first, high: following}),
        }[operator]
        return Bound(f"{self.name}:{operator}", *chosen)


class DayFilter(InstantFilter):
    """A calendar day."""

    kind = "date"

    def value(self, text: str, zone: str) -> Any:
        try:
            return date.fromisoformat(text), date.fromisoformat(text) + timedelta(days=1)
        except (ValueError, OverflowError):
            raise Unreadable("a date such as 2026-01-31") from None

    def condition(self, operator: str, values: list[Any], index: int) -> Bound:
        bound = super().condition(operator, values, index)
        low, high = bindparam(f"p{index}", type_=Date), bindparam(f"q{index}", type_=Date)
        at_least, below = self.column >= low, self.column < high
        condition = {
            "after": at_least,
            "strictlyAfter": at_least,
            "before": below,
            "strictlyBefore": below,
            "on": and_(at_least, below),
        }[operator]
        return Bound(bound.key, condition, bound.values)


class NumberFilter(Filter):
    """A number; money in minor units. `whole` for integer columns."""

    operators = ("", "not", "gte", "lte", "gt", "lt", "empty")
    indexed = ("", "gte", "lte", "gt", "lt")
    kind = "number"

    def __init__(self, name: str, column: Any, *, whole: bool = True, nullable: bool = True) -> None:
        super().__init__(name, column, nullable=nullable)
        self.whole = whole

    def sample(self) -> str:
        return "100"

    def value(self, text: str, zone: str) -> Any:
        try:
            number = Decimal(text)
            if not number.is_finite() or number.adjusted() > 17 or len(text) > 40:
                raise ValueError
            if not self.whole:
                return number
            if number != int(number):
                raise ValueError
            return int(number)
        except (ValueError, InvalidOperation):
            raise Unreadable("a whole number" if self.whole else "a number") from None

    def condition(self, operator: str, values: list[Any], index: int) -> Bound:
        if operator in ("", "not"):
            return super().condition(operator, values, index)
        parameter = bindparam(f"p{index}", type_=self.column.type)
        condition = {
            "gte": self.column >= parameter,
            "lte": self.column <= parameter,
            "gt": self.column > parameter,
            "lt": self.column < parameter,
        }[operator]
        return Bound(f"{self.name}:{operator}", condition, {f"p{index}": values[-1]})


def matching(resource: str, field: str | None, id_column: Any, parameter: str) -> Condition:
    """Objects one of whose words begins with a parameter. Row-level security adds the tenant.

    The subquery must not refer to the outer row: before PostgreSQL 17 that would keep it from becoming a join.
    """
    low, high = bindparam(parameter, type_=Text), bindparam(f"{parameter}z", type_=Text)
    term = Term.__table__.alias()
    conditions = [
        term.c.resource == resource,
        term.c.word >= low,
        term.c.word < high,
    ]
    if field is not None:
        conditions.append(term.c.field == field)
    return id_column.in_(select(term.c.object_id).where(*conditions))  # type: ignore[no-any-return]


def prefix_values(parameter: str, word: str) -> dict[str, str]:
    """Values of the two parameters of `matching`."""
    return {parameter: word, f"{parameter}z": word + "\U0010ffff"}


class Words(Filter):
    """Free text: every word must occur, as a prefix, without regard to case and accents."""

    operators = ("", "contains", "notContains", "not", "empty")
    indexed = ("", "contains")

    def __init__(self, name: str, column: Any, *, resource: str, field: str, id_column: Any) -> None:
        super().__init__(name, column)
        self.resource, self.field, self.id_column = resource, field, id_column

    def value(self, text: str, zone: str) -> list[str]:
        found = query_words(text)
        if not found:
            raise Unreadable("at least one letter or digit")
        return found

    def condition(self, operator: str, values: list[Any], index: int) -> Bound:
        alternatives: list[Condition] = []
        parameters: dict[str, Any] = {}
        for number, found in enumerate(values):
            parts = []
            for position, word in enumerate(found):
                name = f"p{index}_{number}_{position}"
                parts.append(matching(self.resource, self.field, self.id_column, name))
                parameters |= prefix_values(name, word)
            alternatives.append(and_(*parts))
        negative = operator in ("not", "notContains")
        condition = not_(or_(*alternatives)) if negative else or_(*alternatives)
        counts = ",".join(str(len(found)) for found in values)
        return Bound(f"{self.name}:{'not' if negative else 'has'}:{counts}", condition, parameters)


class Related(Filter):
    """A filter on rows of another table: true when any of them matches (`emailAddresses.email`)."""

    def __init__(self, inner: Filter, target: Any, *joined: Condition) -> None:
        self.inner = inner
        self.target = target
        self.joined = joined
        self.name = inner.name
        self.operators = tuple(op for op in inner.operators if op not in ("not", "notContains", "empty"))
        self.indexed = inner.indexed
        self.kind = inner.kind

    def sample(self) -> str:
        return self.inner.sample()

    def bind(self, operator: str, texts: list[str], index: int, zone: str) -> Bound:
        bound = self.inner.bind(operator, texts, index, zone)
        # The list itself may join the same table: inside, its name means the target.
        condition = exists().select_from(self.target).where(*self.joined, bound.condition).correlate_except(self.target)
        return Bound(f"related:{bound.key}", condition, bound.values)


class KeyValue(Filter):
    """`customFields[key]=value` and `metadata[key]=value`: words of the field `<name>.<key>` in the term table."""

    operators = ("",)

    def __init__(self, name: str, *, resource: str, id_column: Any) -> None:
        super().__init__(name, id_column)
        self.resource, self.id_column = resource, id_column

    def parameters(self) -> list[str]:
        return [f"{self.name}[<key>]"]

    def bind_key(self, key: str, text: str, index: int) -> Bound:
        """The condition of one key."""
        found = query_words(text)
        if not found:
            raise Unreadable("at least one letter or digit")
        parts: list[Condition] = []
        parameters: dict[str, Any] = {}
        for position, word in enumerate(found):
            name = f"p{index}_{position}"
            term = Term.__table__.alias()
            parts.append(
                self.id_column.in_(
                    select(term.c.object_id).where(
                        term.c.resource == self.resource,
                        term.c.word == bindparam(name, type_=Text),
                        term.c.field == bindparam(f"{name}f", type_=Text),
                    )
                )
            )
            parameters |= {name: word, f"{name}f": f"{self.name}.{key}"}
        return Bound(f"{self.name}:key:{len(found)}", and_(*parts), parameters)


__all__ = [
    "Bound",
    "Choice",
    "Code",
    "DayFilter",
    "Filter",
    "Flag",
    "InstantFilter",
    "KeyValue",
    "NumberFilter",
    "Reference",
    "Related",
    "Unreadable",
    "Words",
]
