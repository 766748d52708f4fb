"""Whatever sensors and people do, in any order: no step is forgotten, none runs twice (promises 2 and 3).

A few hundred runs by default, always the same. Ten thousand, about eight minutes of one processor:

    .venv/bin/python -m pytest tests/unit/test_alerts_lifecycle_machine.py --hypothesis-profile=thorough

Another ten thousand with `--hypothesis-seed=N`; several such commands with different seeds share the work.
"""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.alerts_machine import AlertMachine

_USUALLY = 200
_asked = settings().max_examples
_thorough = _asked > _USUALLY

pytestmark = pytest.mark.timeout(0 if _thorough else 900)
"""Long enough to make the example that fails a small one, which takes hypothesis up to five minutes."""

AlertMachine.TestCase.settings = settings(
    max_examples=max(_USUALLY, _asked), derandomize=not _thorough, stateful_step_count=30, deadline=None
)
TestAlertMachine = AlertMachine.TestCase
