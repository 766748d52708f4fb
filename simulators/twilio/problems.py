"""Refusals as Twilio writes them: a code, a sentence and a page about it (twilio.com/docs/api/errors)."""

from __future__ import annotations

from collections.abc import Mapping

from simulators.errors import SimulationError

_STATUS = {20003: 401, 20004: 405, 20404: 404, 20429: 429, 20503: 503}
"""HTTP status of codes that are not answered with 400."""

_SENTENCE = {
    20001: "The request cannot be understood: {what}",
    20003: "Authenticate",
    20004: "Method not allowed",
    20404: "The requested resource {what} was not found",
    20429: "Too Many Requests",
    20503: "Service unavailable",
    21201: "No 'To' number is specified",
    21205: "Url is not a valid URL: {what}",
    21211: "Invalid 'To' Phone Number: {what}",
    21212: "Invalid 'From' Number (caller ID): {what}",
    21213: "No 'From' number is specified",
    21220: "Unable to update record. Call is not in-progress. Cannot redirect.",
    21602: "Message body is required.",
    21603: "A 'From' phone number is required.",
    21604: "A 'To' phone number is required.",
    21606: "The 'From' phone number {what} is not a valid, SMS-capable inbound phone number or short code for your "
    "account.",
    21609: "Invalid 'StatusCallback' URL: {what}",
    21610: "Attempt to send to unsubscribed recipient",
    21614: "'To' number is not a valid mobile number: {what}",
    21617: "The concatenated message body exceeds the 1600 character limit.",
    30409: "Message cannot be updated: it is on its way",
}

DELIVERY = {
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Carrier violation",
    30008: "Unknown error",
}
"""Why a message that was taken did not arrive; 30008 stands for every other code."""


class RefusedError(SimulationError):
    """The API refuses a request, with one of Twilio's codes."""

    def __init__(self, code: int, what: str = "") -> None:
        self.code = code
        self.status = _STATUS.get(code, 400)
        super().__init__(_SENTENCE.get(code, "Refused").format(what=what))

    def as_json(self) -> Mapping[str, object]:
        """Return it as the API answers it."""
        return {
            "code": self.code,
            "message": str(self),
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
