"""Arithmetic for models that cannot count. Understands a bounded part of Python's expressions; runs no Python."""

import ast
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from agiwo.abort import AbortSignal
from agiwo.errors import ToolError
from agiwo.schema.tool import Effect, ExecutionContext
from agiwo.tool.base import BaseTool
from agiwo.tool.result import ToolResult

Number = int | float

_LENGTH = 1000
"""Characters of an expression; more is a program and not a calculation."""

_BITS = 4096
"""Bits of a whole number (1,233 digits), so that no operation takes noticeable time or memory."""

_COUNT = 1000
"""The largest argument of functions that multiply up to it."""

_EXACT = 2**53
"""Whole numbers below it are the same in every JSON reader."""


class Calculator(BaseTool):
    """Evaluates an arithmetic expression."""

    effect: Effect = "read"

    def get_name(self) -> str:
        """`calculator`."""
        return "calculator"

    def get_description(self) -> str:
        """What it understands."""
        return (
            "Evaluate an arithmetic expression, such as (3 + 4) * 2 ** 10 or sqrt(2) * sin(pi / 4). "
            f"Operators: + - * / // % **. Constants: {', '.join(_CONSTANTS)}. Functions: {', '.join(_FUNCTIONS)}."
        )

    def get_parameters(self) -> dict[str, Any]:
        """One string."""
        expression = {"type": "string", "description": "The expression to evaluate, such as 6*7"}
        return {"type": "object", "properties": {"expression": expression}, "required": ["expression"]}

    def is_concurrency_safe(self) -> bool:
        """Always: it changes nothing."""
        return True

    async def execute(
        self, parameters: dict[str, Any], context: ExecutionContext, abort_signal: AbortSignal | None = None
    ) -> ToolResult:
        """The value, or an error result that says what is wrong with the expression."""
        try:
            value = evaluate(parameters["expression"])
        except ToolError as error:
            return ToolResult.failed(str(error))
        text = str(value)
        exact = isinstance(value, float) or abs(value) < _EXACT
        return ToolResult(content=text, output=value if exact else text)


def evaluate(expression: str) -> Number:
    """The value of an arithmetic expression, in bounded time.

    Raises: ToolError that says what is wrong with it.
    """
    if len(expression) > _LENGTH:
        raise ToolError(f"the expression is longer than {_LENGTH} characters")
    try:
        return _value(ast.parse(expression.strip(), mode="eval").body)
    except ZeroDivisionError:
        raise ToolError("division by zero") from None
    except OverflowError:
        raise ToolError("the result is too large") from None
    except (RecursionError, MemoryError):
        raise ToolError("the expression is nested too deeply") from None
    except SyntaxError as error:
        raise ToolError(f"not an expression: {error.msg}") from None
    except (ValueError, TypeError) as error:
        raise ToolError(f"not computable: {error}") from None


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=bool()):
            raise ToolError("truth values are not numbers")
        case ast.Constant(value=int() | float() as value):
            return _bounded(value)
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _OPERATORS:
            return _bounded(_OPERATORS[type(op)](_value(left), _value(right)))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _bounded(_FUNCTIONS[name](*(_value(argument) for argument in args)))
        case _:
            raise ToolError(_not_understood(node))


def _bounded(value: object) -> Number:
    if isinstance(value, int) and value.bit_length() <= _BITS:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise ToolError("the result is too large" if isinstance(value, int | float) else "the result is not a real number")


def _not_understood(node: ast.expr) -> str:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):
        return "^ is not a power here; write ** instead"
    return f"not understood: {ast.unparse(node)[:80]}"


def _power(base: Number, exponent: Number) -> Any:
    if (
        isinstance(base, int)
        and isinstance(exponent, int)
        and abs(base) > 1
        and base.bit_length() * exponent > 2 * _BITS
    ):
        raise OverflowError
    return base**exponent


def _round(number: Number, digits: Number = 0) -> Number:
    if not isinstance(digits, int) or abs(digits) > _COUNT:
        raise ToolError(f"round takes a whole number of digits, at most {_COUNT}")
    return round(number, digits) if digits else round(number)


def _counted(function: Callable[..., int]) -> Callable[..., int]:
    def bounded(*numbers: int) -> int:
        if any(number > _COUNT for number in numbers):
            raise OverflowError
        return function(*numbers)

    return bounded


_CONSTANTS: Final[Mapping[str, float]] = {"pi": math.pi, "e": math.e, "tau": math.tau}

_OPERATORS: Final[Mapping[type[ast.operator], Callable[[Number, Number], Any]]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
    ast.FloorDiv: lambda left, right: left // right,
    ast.Mod: lambda left, right: left % right,
    ast.Pow: _power,
}

_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "abs": abs,
    "round": _round,
    "min": min,
    "max": max,
    "pow": _power,
    "sqrt": math.sqrt,
    "cbrt": math.cbrt,
    "exp": math.exp,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "atan2": math.atan2,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "degrees": math.degrees,
    "radians": math.radians,
    "hypot": math.hypot,
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "isqrt": math.isqrt,
    "gcd": math.gcd,
    "lcm": math.lcm,
    "factorial": _counted(math.factorial),
    "comb": _counted(math.comb),
    "perm": _counted(math.perm),
}
