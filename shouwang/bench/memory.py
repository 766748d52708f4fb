"""How much memory does a detector hold? Everything that can be reached from it, counted once."""

from __future__ import annotations

import gc
import sys
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

_SHARED = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType, np.dtype)


def held(owner: object, *, beside: tuple[object, ...] = ()) -> int:
    """Return the bytes of an object and of all it refers to, but for code and for what is named `beside` it.

    An array counts with all its memory, also where only a view of it is held.
    """
    seen = {id(one) for one in beside}
    waiting: list[Any] = [owner]
    total = 0
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, _SHARED):
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        if isinstance(one, np.ndarray) and one.base is not None:
            waiting.append(one.base)
        waiting += gc.get_referents(one)
    return total
