"""``aggregate``: what the server computes of the rows that match, in the types of their fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final

from fluxaorm.entity.schema import ColumnSchema
from fluxaorm.entity.values.unfit_cell import UNFIT
from fluxaorm.errors import QueryError, with_article
from fluxaorm.plans.effects import FetchRows, Plan
from fluxaorm.plans.reads.search import check_search, decoder_of, unfit_value
from fluxaorm.plans.state.unit_of_work import IdentityMap
from fluxaorm.query.aggregates import Aggregate
from fluxaorm.query.query import GroupedQuery, Query
from fluxaorm.query.sql.select import Form, SQLExpression

_AVERAGE_DIGITS: Final = 4
"""What MySQL adds to the scale of a number for its average."""
_EXACT: Final = Context(prec=200, rounding=ROUND_HALF_UP)


def aggregate_plan(
    identity_map: IdentityMap, query: Query, aggregates: Mapping[str, Aggregate]
) -> Plan[dict[str, Any]]:
    """Name -> value. Raises QueryError before anything is sent."""
    rows = yield from _aggregate_plan(identity_map, GroupedQuery(check_search(identity_map, query), ()), aggregates)
    if rows:
        return rows[0]
    return {name: 0 if aggregate._function == "count" else None for name, aggregate in aggregates.items()}


def aggregate_groups_plan(
    identity_map: IdentityMap, query: GroupedQuery, aggregates: Mapping[str, Aggregate]
) -> Plan[list[dict[str, Any]]]:
    """The same for each group, with the values it is grouped by under their fields' names (``category.name``)."""
    return (yield from _aggregate_plan(identity_map, query, aggregates))


def _aggregate_plan(
    identity_map: IdentityMap, grouped: GroupedQuery, aggregates: Mapping[str, Aggregate]
) -> Plan[list[dict[str, Any]]]:
    _ = check_search(identity_map, grouped._query)
    names = [".".join((*key.path, key.field)) for key in grouped._groups]
    _check(aggregates, names)
    select = tuple(SQLExpression(aggregate._function, aggregate._field) for aggregate in aggregates.values())
    bound = identity_map.binding.queries.bind(grouped._query, Form("aggregates", select, grouped._groups))
    decoders = [decoder_of(identity_map, key) for key in grouped._groups]
    decoders += [_result_decoder(identity_map, aggregate) for aggregate in aggregates.values()]
    if bound is None:
        return []
    rows = yield from FetchRows(identity_map.target, bound.sql, bound.args)
    labels = [*names, *aggregates]
    try:
        return [
            {
                label: None if raw is None else decode(raw)
                for label, decode, raw in zip(labels, decoders, row, strict=True)
            }
            for row in rows
        ]
    except UNFIT:
        pass
    fields = [each._field if each._function in ("min", "max") else None for each in aggregates.values()]
    raise unfit_value(identity_map, [*grouped._groups, *fields], rows)


def _check(aggregates: Mapping[str, object], names: list[str]) -> None:
    if not aggregates:
        raise QueryError("aggregate() needs something to compute: aggregate(ctx, query, total=sum_(F.price))")
    for name, aggregate in aggregates.items():
        if not isinstance(aggregate, Aggregate):
            raise QueryError(f"aggregate(): {name} is {with_article(aggregate)}, not sum_(...), count() or the like")
        if name in names:
            raise QueryError(f"aggregate(): {name} is the name of a field it is grouped by")


def _result_decoder(identity_map: IdentityMap, aggregate: Aggregate) -> Callable[[Any], Any]:
    key = aggregate._field
    if key is None or aggregate._function == "count":
        return int
    if aggregate._function in ("min", "max"):
        decode: Callable[[Any], Any] = decoder_of(identity_map, key)
        return decode
    _, column = identity_map.binding.queries.resolve(key)
    if column.kind.startswith("float"):
        return float
    scale = _scale(column)
    if aggregate._function == "avg":
        return lambda raw: _decimal(raw, scale + _AVERAGE_DIGITS)
    return (lambda raw: _decimal(raw, scale)) if column.kind == "decimal" else (lambda raw: int(_decimal(raw, 0)))


def _scale(column: ColumnSchema) -> int:
    digits = column.mysql_type.partition(",")[2].partition(")")[0]
    return int(digits) if column.kind == "decimal" and digits else 0


def _decimal(raw: Any, scale: int) -> Decimal:
    """MySQL gives decimals; SQLite gives floats, which come near enough to be rounded to the scale."""
    text = raw.decode() if isinstance(raw, bytes) else str(raw)
    return Decimal(text).quantize(Decimal(1).scaleb(-scale), context=_EXACT)
