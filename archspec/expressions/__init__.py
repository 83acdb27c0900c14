"""The arithmetic of specs: own grammar, exact numbers, bounded; nothing here can run code.

`4*$width`, `$a if $b else $c`, `round_to($c * $width, 8)`, `0..len($in)-1`. Decimals are fractions, so
`ceil(1.1 * 10)` is 11. A bare word is text, unless the caller's `facts` give it a value.
"""

from archspec.expressions.expression import Expression, collected, evaluate, interpolate, parse_expression
from archspec.expressions.functions import FUNCTIONS, round_to
from archspec.expressions.values import plain

__all__ = ["FUNCTIONS", "Expression", "collected", "evaluate", "interpolate", "parse_expression", "plain", "round_to"]
