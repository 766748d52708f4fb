"""Numbers and addresses that are shown whole, as documented shapes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dashboards.shapes.terms import Asked, Shown, Word


class NewReveal(Asked):
    """What to show, and what for; both stand on the audit trail before the answer goes out."""

    kind: Literal["phone", "messenger", "address"] = Field(
        description="A person's number or messenger, or a home's address"
    )
    of: Word = Field(description="Id of the person or household", examples=["p-0042"])
    reason: Word = Field(examples=["Ambulance asks which floor"])


class Reveal(Shown):
    """A number or an address whole."""

    kind: Literal["phone", "messenger", "address"]
    of: str
    text: str
