"""Numbers that remember what they were made of; plain floats while nobody traces.

The projection is written once. Inside `tracing()` the values of a scenario and the figures of
the catalog enter it as `Traced` numbers, and what comes out holds the tree of all that was done
with them. A formula uses `number`, `zeros`, `least`, `exp`, … in the place of `float`,
`np.zeros`, `min`, `math.exp`, …; nothing turns a traced number back into a float.

    node      the number, its operators, and the walk over a tree
    formulas  what formulas use in the place of built-in functions and numpy
    parts     numbers inside dataclasses, arrays and mappings
    edges     leaves, names, and functions that measure or solve and see plain numbers only
"""

from computesim.traced.edges import (
    Measured,
    conditions,
    decided,
    lifted,
    measured,
    name_all,
    named,
    opaque,
    portion,
    resting,
    steered,
)
from computesim.traced.formulas import (
    average,
    count,
    dot,
    dots,
    exp,
    expm1,
    function,
    interp,
    least,
    log,
    log1p,
    maximum,
    minimum,
    most,
    number,
    sqrt,
    summed,
    summed_along,
    tanh,
    to_power,
    zeros,
)
from computesim.traced.node import (
    CONSTANT,
    Cited,
    Traced,
    Word,
    leaf,
    on,
    ordered,
    reading,
    recomputed,
    tracing,
    walk,
)
from computesim.traced.parts import inside, plain

__all__ = [
    "CONSTANT",
    "Cited",
    "Measured",
    "Traced",
    "Word",
    "average",
    "conditions",
    "count",
    "decided",
    "dot",
    "dots",
    "exp",
    "expm1",
    "function",
    "inside",
    "interp",
    "leaf",
    "least",
    "lifted",
    "log",
    "log1p",
    "maximum",
    "measured",
    "minimum",
    "most",
    "name_all",
    "named",
    "number",
    "on",
    "opaque",
    "ordered",
    "plain",
    "portion",
    "reading",
    "recomputed",
    "resting",
    "sqrt",
    "steered",
    "summed",
    "summed_along",
    "tanh",
    "to_power",
    "tracing",
    "walk",
    "zeros",
]
