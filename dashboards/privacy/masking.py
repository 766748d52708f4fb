"""What pages show of numbers and addresses until somebody says why they need to see all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from registry.masking import address, messenger, phone

__all__ = ["FILTERS", "REASONS", "address", "messenger", "phone"]

FILTERS: Final[Mapping[str, Callable[[str], str]]] = {"masked_phone": phone, "masked_address": address}
"""For templates; what a view's rows hold is masked already, and stays as it is."""

REASONS: Final[Mapping[str, str]] = {
    "call": "To call them",
    "visit": "To go there",
    "emergency": "For the fire brigade, an ambulance or the police",
    "correct": "To check or correct the entry",
    "other": "Something else: say what",
}
"""Why a number or an address is revealed, by the code that is written down."""
