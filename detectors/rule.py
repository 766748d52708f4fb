"""One rule as it is written in a rule set: which detector, and its parameters."""

from __future__ import annotations

from typing import Annotated

import msgspec

from detectors.protocol import Detector
from registry.errors import ShouwangError
from registry.readings import SensorTable

Amount = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class RulesError(ShouwangError):
    """A rule set that does not exist or cannot be read."""


class Rule(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """The keys of a `[[rule]]` table; each detector's module has its own, `type` names it."""

    name: Name

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector.

        Raises:
            RulesError: the parameters do not fit together; the message says what to write instead.
        """
        raise NotImplementedError
