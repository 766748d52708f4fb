"""Messages and calls as the API shows them; instants are microseconds UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import format_datetime

from registry.instants import SECOND, to_datetime
from simulators.twilio.problems import DELIVERY

API = "2010-04-01"
FINAL = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})
"""Statuses in which a call is over."""
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_PARTS_OF_A_CALL = (
    "notifications", "recordings", "payments", "events", "siprec", "streams", "transcriptions",
    "user_defined_message_subscriptions", "user_defined_messages",
)  # fmt: skip


@dataclass(slots=True)
class Message:
    """An SMS, `direction` outbound-api, outbound-reply or inbound."""

    sid: str
    account: str
    sender: str | None
    to: str
    body: str
    created: int
    direction: str = "outbound-api"
    service: str | None = None
    status: str = "queued"
    callback: str | None = None
    sent: int | None = None
    updated: int = 0
    error: int | None = None

    def __post_init__(self) -> None:
        self.updated = self.updated or self.created

    @property
    def day(self) -> int:
        """When it is listed: as of its sending, or else its making."""
        return self.created if self.sent is None else self.sent

    def as_json(self) -> Mapping[str, object]:
        """Return it as the API shows it."""
        path = f"/{API}/Accounts/{self.account}/Messages/{self.sid}"
        return {
            "body": self.body,
            "num_segments": str(segments(self.body)),
            "direction": self.direction,
            "from": self.sender,
            "to": self.to,
            "date_updated": date(self.updated),
            "price": None,
            "error_message": None if self.error is None else DELIVERY.get(self.error, DELIVERY[30008]),
            "uri": f"{path}.json",
            "account_sid": self.account,
            "num_media": "0",
            "status": self.status,
            "messaging_service_sid": self.service,
            "sid": self.sid,
            "date_sent": None if self.sent is None else date(self.sent),
            "date_created": date(self.created),
            "error_code": self.error,
            "price_unit": "USD",
            "api_version": API,
            "subresource_uris": {"media": f"{path}/Media.json"},
        }


@dataclass(slots=True)
class Call:
    """A call by the API; `orders` are the fields of the request that made it."""

    sid: str
    account: str
    sender: str
    to: str
    created: int
    number_sid: str
    orders: Mapping[str, list[str]] = field(default_factory=dict)
    status: str = "queued"
    updated: int = 0
    answered: int | None = None
    ended: int | None = None
    answered_by: str | None = None
    news: int = 0

    def __post_init__(self) -> None:
        self.updated = self.updated or self.created

    @property
    def day(self) -> int:
        """When it is listed: as of its start, or else its making."""
        return self.created if self.answered is None else self.answered

    def is_over(self) -> bool:
        """Whether nothing more can become of it."""
        return self.status in FINAL

    @property
    def seconds(self) -> int:
        """How long it was talked for."""
        return 0 if self.answered is None or self.ended is None else (self.ended - self.answered) // SECOND

    def order(self, name: str, default: str = "") -> str:
        """Return a field of the request that made it."""
        return self.orders.get(name, [default])[-1]

    def as_json(self) -> Mapping[str, object]:
        """Return it as the API shows it."""
        path = f"/{API}/Accounts/{self.account}/Calls/{self.sid}"
        started = self.answered if self.answered is not None else self.ended
        return {
            "sid": self.sid,
            "date_created": date(self.created),
            "date_updated": date(self.updated),
            "parent_call_sid": None,
            "account_sid": self.account,
            "to": self.to,
            "to_formatted": self.to,
            "from": self.sender,
            "from_formatted": self.sender,
            "phone_number_sid": self.number_sid,
            "status": self.status,
            "start_time": None if started is None else date(started),
            "end_time": None if self.ended is None else date(self.ended),
            "duration": None if self.ended is None else str(self.seconds),
            "price": None,
            "price_unit": "USD",
            "direction": "outbound-api",
            "answered_by": self.answered_by,
            "api_version": API,
            "forwarded_from": None,
            "group_sid": None,
            "caller_name": None,
            "queue_time": "0",
            "trunk_sid": None,
            "uri": f"{path}.json",
            "subresource_uris": {
                part: f"{path}/{''.join(word.title() for word in part.split('_'))}.json" for part in _PARTS_OF_A_CALL
            },
        }


def date(micros: int) -> str:
    """Return an instant as RFC 2822 writes it, to the second, as all dates of this API."""
    return format_datetime(to_datetime(micros).replace(microsecond=0))


def segments(body: str) -> int:
    """Return how many SMS a text takes: 160 or 153 characters each in GSM 03.38, else 70 or 67 of UCS-2."""
    if set(body) <= _GSM:
        length, one, more = len(body), 160, 153
    else:
        length, one, more = len(body.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= one else -(-length // more)
