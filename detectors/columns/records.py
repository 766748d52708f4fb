"""Reading and writing a bank's rows whole: one pass over memory instead of one for each column.

Ten thousand sensors among a hundred thousand lie far apart; ten columns gathered one by one miss the cache ten
times. `take` and a view as raw bytes move rows an order of magnitude faster than NumPy's structured indexing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.columns.bank import Bank

Records = NDArray[Any]
"""(n,) structured, the columns of a bank."""


def read(bank: Bank, keys: NDArray[np.integer]) -> Records:
    """Return copies of the rows of some keys."""
    return bank.rows().take(keys)


def write(bank: Bank, keys: NDArray[np.integer], records: Records) -> None:
    """Overwrite the rows of some keys, each there once."""
    raw = f"V{bank.nbytes}"
    bank.rows().view(raw)[keys] = np.ascontiguousarray(records).view(raw)
