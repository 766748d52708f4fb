"""What can be wrong with what a backtest is asked for."""

from __future__ import annotations

from registry.errors import ShouwangError


class BacktestError(ShouwangError):
    """A backtest that cannot be run as it was asked for; the message says what to write instead."""
