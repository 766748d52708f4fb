"""Payloads in, records out: one file for each format, and `decode` to choose among them."""

from ingest.decoders.dispatch import TOPICS, decode

__all__ = ["TOPICS", "decode"]
