from __future__ import annotations

import io
import sys

import pytest
import structlog

from shouwang import logging


def test_lines_go_to_what_standard_error_is_by_then(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = structlog.get_config()
    try:
        with io.StringIO() as first:
            monkeypatch.setattr(sys, "stderr", first)
            logging.set_up("info", json=True)
            log = structlog.get_logger("test")
            log.info("one")
            assert '"one"' in first.getvalue()
        second = io.StringIO()
        monkeypatch.setattr(sys, "stderr", second)
        log.info("two")
        assert '"two"' in second.getvalue()
    finally:
        structlog.configure(**kept)
