"""The description of a list and how it answers a query string."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Select, and_, bindparam, func, or_, select

from turnus.kernel.errors import Violation
from turnus.platform.context import Context
from turnus.platform.db.reads import Read, Shape, read, read_scalar, together
from turnus.platform.db.terms import query_words
from turnus.platform.listing.filters import Bound, Filter, KeyValue, Unreadable, matching, prefix_values
from turnus.platform.listing.page import Page, page
from turnus.platform.problems import InvalidInput

V = TypeVar("V", bound=msgspec.Struct)
MAX_LIMIT, DEFAULT_LIMIT, MAX_PAGE, MAX_VALUES = 100, 30, 1_000_000, 100
_PARAMETER = re.compile(r"([A-Za-z][A-Za-z0-9_.]*)(?:\[([^\[\]]*)\])?")


class Order(msgspec.Struct, frozen=True):
    """A sortable property. `nullable` columns sort last in both directions and so have an index each way."""

    name: str
    column: Any
    nullable: bool = False


class Query(msgspec.Struct):
    """A query string that was understood."""

    page: int = 1
    limit: int = DEFAULT_LIMIT
    orders: list[tuple[str, str]] = []
    bounds: list[Bound] = []
    after: str | None = None
    filtered: set[str] = set()


class ListOf(Generic[V]):
    """A list resource: where its rows come from, what they show, how they filter, sort and search."""

    def __init__(
        self,
        resource: str,
        shape: Shape[V],
        source: Select[Any],
        *,
        id: Any,
        filters: Sequence[Filter] = (),
        orders: Sequence[Order] = (),
        default_order: tuple[str, str] = ("createdAt", "desc"),
        search: bool = False,
        defaults: dict[str, Any] | None = None,
        extra_parameters: Sequence[str] = (),
        count_source: Select[Any] | None = None,
    ) -> None:
        """`defaults` maps a filter name to the condition that holds while that filter is not used.

        `count_source` is the source without the joins that only bring columns.
        """
        self.resource = resource
        self.shape = shape
        self.source = source
        self.id = id
        self.filters = {filter.name: filter for filter in filters}
        self.orders = {order.name: order for order in orders}
        self.default_order = default_order
        self.search = search
        self.defaults = defaults or {}
        self.extra_parameters = tuple(extra_parameters)
        self.count_source = count_source if count_source is not None else source
        self._reads: dict[tuple[Any, ...], tuple[Read[V], Read[int]]] = {}

    def allowed(self) -> list[str]:
        """All query parameters, for documentation and the answer to an unknown one."""
        names = ["page", "limit", "after", *(["search"] if self.search else [])]
        names += [f"order[{name}]" for name in self.orders]
        for filter in self.filters.values():
            names += filter.parameters()
        return [*names, *self.extra_parameters]

    def parse(self, query_string: str, zone: str, *, lenient: bool = False) -> Query:
        """Read a query string; raises InvalidInput with everything that is wrong with it."""
        query = Query()
        wrong: list[Violation] = []
        grouped: dict[str, list[str]] = {}
        try:
            pairs = parse_qsl(query_string, keep_blank_values=True, max_num_fields=200, errors="strict")
        except (ValueError, UnicodeDecodeError):
            raise InvalidInput([Violation("", "invalid_parameter", parameters={"reason": "not UTF-8"})]) from None
        for key, value in pairs:
            if "\x00" in key + value or len(value) > 1000:
                wrong.append(Violation(key[:100], "invalid_parameter", parameters={"reason": "NUL or too long"}))
            else:
                grouped.setdefault(key, []).append(value)
        for index, (key, values) in enumerate(grouped.items()):
            try:
                if not self._read(query, key, values[:MAX_VALUES], index, zone) and not lenient:
                    wrong.append(Violation(key[:100], "unknown_parameter", parameters={"allowed": self.allowed()}))
            except Unreadable as error:
                wrong.append(Violation(key[:100], "invalid_parameter", parameters={"reason": str(error)}))
        if wrong:
            raise InvalidInput(wrong)
        return query

    def _read(self, query: Query, key: str, values: list[str], index: int, zone: str) -> bool:
        if key in self.extra_parameters:
            return True
        match = _PARAMETER.fullmatch(key)
        if match is None:
            return False
        name, inner = match[1], match[2]
        if inner is None and name in ("page", "limit", "after", "search"):
            return self._read_paging(query, name, values[-1], index)
        if name == "order" and inner in self.orders:
            if values[-1].lower() not in ("asc", "desc"):
                raise Unreadable("asc or desc")
            query.orders.append((inner, values[-1].lower()))
            return True
        filter = self.filters.get(name)
        if filter is None:
            return False
        if isinstance(filter, KeyValue):
            if not inner:
                return False
            query.bounds.append(filter.bind_key(inner, values[-1], index))
        else:
            operator = inner or ""
            if operator not in filter.operators or (inner == "" and "" not in filter.operators):
                return False
            query.bounds.append(filter.bind(operator, values, index, zone))
        query.filtered.add(name)
        return True

    def _read_paging(self, query: Query, name: str, value: str, index: int) -> bool:
        if name == "after":
            query.after = value
        elif name == "search":
            if not self.search:
                return False
            for position, word in enumerate(query_words(value)):
                parameter = f"s{index}_{position}"
                condition = matching(self.resource, None, self.id, parameter)
                query.bounds.append(Bound(f"search:{position}", condition, prefix_values(parameter, word)))
        else:
            low, high = (0, MAX_PAGE) if name == "page" else (0, MAX_LIMIT)
            if not re.fullmatch(r"\d{1,9}", value) or not low <= int(value) <= high:
                raise Unreadable(f"a number {low}…{high}")
            if name == "page":
                query.page = max(1, int(value))
            else:
                query.limit = int(value)
        return True

    def statements(self, query: Query) -> tuple[Read[V], Read[int]]:
        """The compiled page and count of a query's shape."""
        order = query.orders or [self.default_order]
        seek = query.after is not None and query.after != ""
        key = (tuple(bound.key for bound in query.bounds), tuple(b for q in query.bounds for b in q.values),
               tuple(order), seek)  # fmt: skip
        found = self._reads.get(key)
        if found is None:
            found = self._compile(query, order, seek)
            if len(self._reads) < 500:
                self._reads[key] = found
        return found

    def _compile(self, query: Query, order: list[tuple[str, str]], seek: bool) -> tuple[Read[V], Read[int]]:
        conditions = [bound.condition for bound in query.bounds]
        conditions += [condition for name, condition in self.defaults.items() if name not in query.filtered]
        counted = self.count_source.where(*conditions).with_only_columns(func.count())
        listed = self.source.where(*conditions)
        if seek:
            listed = listed.where(self._seek(order[0]))
        direction = order[0][1]
        by = [self._sort(name, way) for name, way in order]
        by.append(self.id.desc() if direction == "desc" else self.id.asc())
        listed = listed.order_by(*by).limit(bindparam("limit_", type_=BigInteger))
        if not seek:
            listed = listed.offset(bindparam("offset_", type_=BigInteger))
        return read(listed, self.shape), read_scalar(counted)

    def _sort(self, name: str, way: str) -> ColumnElement[Any]:
        order = self.orders[name]
        sorted_ = order.column.desc() if way == "desc" else order.column.asc()
        return sorted_.nulls_last() if order.nullable else sorted_  # type: ignore[no-any-return]

    def _seek(self, order: tuple[str, str]) -> ColumnElement[bool]:
        """Rows behind the row with the cursor's id, compared by value on the server (nulls last)."""
        name, way = order
        column = self.orders[name].column
        last_id = bindparam("after_", type_=self.id.type)
        table = self.id.table.alias("cursor_row")
        last = select(table.c[column.name]).where(table.c.id == last_id)
        value = last.scalar_subquery()
        beyond, same = (column < value, self.id < last_id) if way == "desc" else (column > value, self.id > last_id)
        if not self.orders[name].nullable:
            return or_(beyond, and_(column == value, same))
        return or_(
            beyond,
            and_(column == value, same),
            and_(column.is_(None), value.is_not(None)),
            and_(column.is_(None), value.is_(None), same),
        )

    async def answer(self, ctx: Context, query_string: str, *, lenient: bool = False, **parameters: Any) -> Page[V]:
        """The page that a query string asks for. `parameters` are those of the source statement."""
        query = self.parse(query_string, ctx.setting("localization.timeZone", "Europe/Berlin"), lenient=lenient)
        listed, counted = self.statements(query)
        values = dict(parameters)
        for bound in query.bounds:
            values |= bound.values
        rows: list[V] = []
        if query.limit:
            window = {"limit_": query.limit, "offset_": (query.page - 1) * query.limit}
            if query.after:
                window = {"limit_": query.limit, "after_": _cursor_id(query.after)}
            [[total], rows] = await together(ctx, (counted, values), (listed, values | window))
        else:
            total = await counted.one(ctx, **values)
        following: str | None | msgspec.UnsetType = msgspec.UNSET
        if query.after is not None:
            following = _cursor(rows[-1].id) if len(rows) == query.limit and rows else None  # type: ignore[attr-defined]
        return page(rows, total, query.page, query.limit, following)


def _cursor(id: Any) -> str:
    return base64.urlsafe_b64encode(id.bytes).decode().rstrip("=")


def _cursor_id(text: str) -> Any:
    try:
        return UUID(bytes=base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        raise InvalidInput([Violation("after", "invalid_parameter", parameters={"reason": "a cursor"})]) from None
