"""Server-sent events, made small once for all who hear them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final

BEGIN: Final = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
"""With what a stream of packed events begins (gzip, RFC 1952 §2.3)."""


@dataclass(frozen=True)
class News:
    """One event of a stream; `data` has no line breaks."""

    event: str
    data: str

    @property
    def plain(self) -> bytes:
        """As it goes out (WHATWG HTML §9.2)."""
        return f"event: {self.event}\ndata: {self.data}\n\n".encode()

    @cached_property
    def packed(self) -> bytes:
        """As it goes out to those who take gzip: a piece that refers to none before it, so that streams share it.

        A full flush ends each piece on a byte and forgets what was before (zlib's manual, Z_FULL_FLUSH), so that pieces
        of several compressors follow one another as those of one.
        """
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        return packer.compress(self.plain) + packer.flush(zlib.Z_FULL_FLUSH)
