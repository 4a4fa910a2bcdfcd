"""CloudWatch's metric math, as far as alarms of greensage use it: arithmetic, comparisons, FILL and IF, one period at a time."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_COMPARED: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip


class _NoPointError(Exception):
    """A metric has no point, or something is divided by zero: then the expression has none either."""


def computed(expression: str, values: Mapping[str, float | None]) -> float | None:
    """Return the expression's value in one period, None where it has no point; `values` has each metric's by its id.

    Raises ValueError for what CloudWatch, or this part of it, does not know.
    """
    try:
        return float(_value(ast.parse(expression, mode="eval").body, values))
    except _NoPointError:
        return None
    except SyntaxError:
        raise ValueError(f"not metric math: {expression}") from None


def check(expression: str, ids: set[str]) -> None:
    """Raise ValueError as PutMetricAlarm does: for what is no expression, or reads a metric that is not there."""
    for node in ast.walk(ast.parse(expression, mode="eval")):
        if isinstance(node, ast.Name) and node.id not in ids | {"FILL", "IF"}:
            raise ValueError(f"Error in expression: the metric {node.id} is not among the alarm's metrics")
    computed(expression, dict.fromkeys(ids, 1.0))


def _value(node: ast.expr, values: Mapping[str, float | None]) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.Name):
        found = values[node.id]
        if found is None:
            raise _NoPointError
        return found
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, values)
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        left, right = _value(node.left, values), _value(node.right, values)
        if isinstance(node.op, ast.Div) and right == 0:
            raise _NoPointError
        return _ARITHMETIC[type(node.op)](left, right)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARED:
        left, right = _value(node.left, values), _value(node.comparators[0], values)
        return float(_COMPARED[type(node.ops[0])](left, right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _called(node.func.id, node.args, values)
    raise ValueError(f"the local cloud's metric math does not know: {ast.unparse(node)}")


def _called(name: str, given: list[ast.expr], values: Mapping[str, float | None]) -> float:
    if name == "FILL" and len(given) == 2:
        try:
            return _value(given[0], values)
        except _NoPointError:
            return _value(given[1], values)
    if name == "IF" and len(given) == 3:
        return _value(given[1] if _value(given[0], values) else given[2], values)
    raise ValueError(f"the local cloud's metric math does not know: {name} with {len(given)} arguments")


def queries_of(alarm: Mapping[str, Any]) -> tuple[str, list[Mapping[str, Any]]]:
    """Return the expression that an alarm looks at, and the metrics that it reads."""
    rows: list[Mapping[str, Any]] = list(alarm["Metrics"])
    shown = [row for row in rows if row.get("ReturnData", True) and row.get("Expression")]
    if len(shown) != 1:
        raise ValueError("exactly one expression of an alarm's Metrics has ReturnData")
    return str(shown[0]["Expression"]), [row for row in rows if row.get("MetricStat")]
