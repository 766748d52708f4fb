"""Reads what Twilio posts and lets in only what it signed."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import parse_qsl

import structlog
from fastapi import Depends
from prometheus_client import CollectorRegistry, Counter
from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from twilio.request_validator import SIGNATURE_HEADER, SIGNATURE_SETTINGS_HEADER

from dashboards.context import Given
from dashboards.problems import Refusal

_LARGEST: Final = 64 * 1024
_MOST_FIELDS: Final = 500

_log = structlog.get_logger(__name__)

Fields = ImmutableMultiDict[str, str]


class WebhookMetrics:
    """What is counted of webhooks."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.taken = Counter(
            "shouwang_twilio_webhooks", "Webhooks of Twilio by what they tell", ["what"], registry=registry
        )
        self.again = Counter(
            "shouwang_twilio_webhooks_again",
            "Webhooks that had been taken before and changed nothing",
            registry=registry,
        )
        self.refused = Counter(
            "shouwang_twilio_webhooks_refused",
            "Webhooks whose signature is missing or wrong",
            ["why"],
            registry=registry,
        )
        self.strangers = Counter(
            "shouwang_twilio_unknown_numbers", "SMS from numbers that nothing was sent to", registry=registry
        )


def metrics_of(request: Request) -> WebhookMetrics:
    """Return where this application counts its webhooks."""
    metrics: WebhookMetrics = request.app.state.webhook_metrics
    return metrics


Counted = Annotated[WebhookMetrics, Depends(metrics_of)]


async def signed(request: Request, given: Given, counted: Counted) -> Fields:
    """Return the fields of a form that Twilio signed.

    Raises:
        Refusal: (403) it did not, or for another address than the configured one; (413) it is too large.
    """
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST:
            raise Refusal(413, "This is larger than anything Twilio sends")
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        pairs = []  # nothing Twilio sends: the signature will not fit either
    fields: Fields = ImmutableMultiDict(pairs)
    signature = request.headers.get(SIGNATURE_HEADER)
    query = request.scope.get("query_string", b"").decode("latin-1")
    how = request.headers.get(SIGNATURE_SETTINGS_HEADER)
    if given.twilio is None or not given.twilio.genuine(request.url.path, query, fields, signature, how):
        why = "forged" if signature else "missing"
        counted.refused.labels(why).inc()
        _log.warning("a webhook was refused", why=why, path=request.url.path)
        raise Refusal(
            403,
            "X-Twilio-Signature is missing or does not fit: only Twilio may post here, and SHOUWANG_PUBLIC_URL must be "
            "the very address it posts to",
        )
    return fields


Signed = Annotated[Fields, Depends(signed)]


def required(fields: Fields, *names: str) -> str:
    """Return the first of these fields that is there.

    Raises:
        Refusal: (422) none is.
    """
    for name in names:
        if fields.get(name):
            return fields[name]
    raise Refusal(422, f"The field {' or '.join(names)} is missing")


def number(fields: Fields, name: str) -> int | None:
    """Return a field that holds a whole number, None where it does not."""
    written = fields.get(name, "")
    return int(written) if written.isascii() and written.isdigit() else None
