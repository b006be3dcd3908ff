"""What a process keeps of the sites that it has served, as far as memory allows."""

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

Asked = ParamSpec("Asked")
Value = TypeVar("Value")


def kept_up_to(
    most: int, size: Callable[[Value], int]
) -> Callable[[Callable[Asked, Value]], Callable[Asked, Value]]:
    """Keep what a function returns for the same arguments, as far as it takes up to `most` bytes.

    What was asked for longest ago is let go of first; what is asked for now stays, whatever its
    size. A value may grow while it is kept, so the size of the one asked for last is taken anew.

    Parameters
    ----------
    most : int
    size : callable
        Returns the bytes of a value.
    """

    def keeping(function: Callable[Asked, Value]) -> Callable[Asked, Value]:
        values: OrderedDict[object, Value] = OrderedDict()
        sizes: dict[object, int] = {}

        @wraps(function)
        def kept(*args: Asked.args, **kwargs: Asked.kwargs) -> Value:
            if values:
                last = next(reversed(values))
                sizes[last] = size(values[last])
            key = (args, tuple(kwargs.items()))
            if key not in values:
                values[key] = function(*args, **kwargs)
            values.move_to_end(key)
            while sum(sizes.values()) > most and len(values) > 1:
                oldest, _ = values.popitem(last=False)
                sizes.pop(oldest)
            return values[key]

        return kept

    return keeping
