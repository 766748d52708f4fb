"""The emulated provider: it takes messages and calls, and lets happen what the script says, by a clock it is told.

Nothing happens between two calls of `advance`; what is due by then happens in its order, at its own time. Asking the
service for TwiML and telling it news is done without holding any lock, so the service may ask back meanwhile.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import md5

from registry.instants import SECOND
from simulators.twilio import telephony, texting
from simulators.twilio.post import Answer, Carrier, PostOffice
from simulators.twilio.problems import RefusedError
from simulators.twilio.resources import Call, Message
from simulators.twilio.script import Fault, Pickup, Reception, Script, Telephone

Process = Iterator[float]
"""Something that takes its time: it yields seconds to wait."""


@dataclass(slots=True)
class _Trouble:
    """A fault, and how often it may still strike."""

    fault: Fault
    begins: int
    left: int | None

    def strikes(self, now: int, to: str | None) -> bool:
        """Say whether a request is hit now."""
        lasts = self.fault.lasts
        return (
            self.begins <= now
            and (lasts is None or now < self.begins + round(lasts * SECOND))
            and (self.fault.to is None or self.fault.to == to)
            and self.left != 0
        )


class Exchange:
    """One account with its numbers, messages and calls."""

    def __init__(
        self,
        account: str,
        auth_token: str,
        carrier: Carrier,
        now: int,
        script: Script | None = None,
        *,
        numbers: Collection[str] | None = None,
        sms_url: str | None = None,
    ) -> None:
        """`numbers` are the account's own, None for any; `sms_url` is where SMS to them are posted."""
        script = script or Script()
        self.account = account
        self.auth_token = auth_token
        self.now = now
        self.sms_url = sms_url
        self.office = PostOffice(auth_token, carrier, script.callbacks)
        self.messages: dict[str, Message] = {}
        self.calls: dict[str, Call] = {}
        self.debugger: list[tuple[int, str]] = []
        """Codes and sentences of what went wrong with TwiML and callbacks, as Twilio's debugger lists them."""
        self._numbers = None if numbers is None else frozenset(numbers)
        self._telephones: dict[str, Telephone] = dict(script.numbers)
        self._taken: dict[tuple[str, str], int] = {}
        self._troubles: list[_Trouble] = []
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._lock = threading.RLock()
        for fault in script.faults:
            self.ail(fault)

    def script(self, number: str, telephone: Telephone) -> None:
        """Let a telephone behave otherwise from now on, from the beginning of its lists."""
        with self._lock:
            self._telephones[number] = telephone
            self._taken = {key: taken for key, taken in self._taken.items() if key[0] != number}

    def ail(self, fault: Fault) -> None:
        """Let a fault begin, `fault.start` seconds from now."""
        with self._lock:
            self._troubles.append(_Trouble(fault, self.now + round(fault.start * SECOND), fault.times))

    def fault(self, to: str | None) -> Fault | None:
        """Return what ails a request that arrives now, if anything does."""
        with self._lock:
            for trouble in self._troubles:
                if trouble.strikes(self.now, to):
                    if trouble.left is not None:
                        trouble.left -= 1
                    return trouble.fault
            return None

    def owns(self, number: str) -> bool:
        """Say whether a number is the account's."""
        return self._numbers is None or number in self._numbers

    def telephone(self, number: str) -> Telephone:
        """Return how a number behaves."""
        return self._telephones.get(number, Telephone())

    def reception(self, number: str) -> Reception:
        """Take the next entry of what becomes of an SMS to a number."""
        entries = self.telephone(number).sms
        return entries[min(self._turn(number, "sms"), len(entries) - 1)]

    def pickup(self, number: str) -> Pickup:
        """Take the next entry of what becomes of a call to a number."""
        entries = self.telephone(number).calls
        return entries[min(self._turn(number, "calls"), len(entries) - 1)]

    def opt(self, number: str, *, out: bool) -> None:
        """Note that somebody wants no more SMS, or wants them again."""
        with self._lock:
            before = self.telephone(number)
            self._telephones[number] = Telephone(
                exists=before.exists, opted_out=out, sms=before.sms, calls=before.calls
            )

    def create_message(self, form: Mapping[str, list[str]]) -> Message:
        """Take an SMS on.

        Raises:
            RefusedError: it cannot be sent.
        """
        with self._lock:
            message, reception = texting.take(self, form)
            self.messages[message.sid] = message
            self.begin(texting.deliver(self, message, reception))
            return message

    def create_call(self, form: Mapping[str, list[str]]) -> Call:
        """Take a call on.

        Raises:
            RefusedError: it cannot be made.
        """
        with self._lock:
            call, pickup = telephony.take(self, form)
            self.calls[call.sid] = call
            self.begin(telephony.dial(self, call, pickup))
            return call

    def end_call(self, call: Call, status: str) -> None:
        """End a call that somebody cancels or completes.

        Raises:
            RefusedError: it is over, or cannot be cancelled any more.
        """
        if call.is_over() or (status == "canceled" and call.status == "in-progress"):
            raise RefusedError(21220)
        rings = call.status != "in-progress"
        telephony.mark_ended(self, call, "canceled" if rings else status)
        self.later(0.0, partial(telephony.tell_progress, self, call, call.status))

    def text(self, sender: str, body: str, to: str) -> None:
        """Let somebody send an SMS to one of the account's numbers."""
        texting.receive(self, sender, body, to)

    def advance(self, to: int) -> None:
        """Let everything happen that is due by then (microseconds UTC).

        Raises:
            ValueError: time does not run backwards.
        """
        if to < self.now:
            raise ValueError(f"the exchange is at {self.now}, it cannot go back to {to}")
        while (action := self._next(to)) is not None:
            action()
        self.now = max(self.now, to)

    def next_at(self) -> int | None:
        """Return when something happens next (microseconds UTC), None if nothing will."""
        with self._lock:
            return self._due[0][0] if self._due else None

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Have something done after a while."""
        with self._lock:
            self._count += 1
            heapq.heappush(self._due, (self.now + round(seconds * SECOND), self._count, action))

    def begin(self, process: Process) -> None:
        """Have a process go on after each wait it asks for."""
        self.later(0.0, partial(self._go_on, process))

    def sid(self, prefix: str) -> str:
        """Return a name nobody has yet."""
        with self._lock:
            self._count += 1
            return prefix + md5(f"{self.account}{self._count}".encode(), usedforsecurity=False).hexdigest()

    def ask(self, url: str, method: str, form: Mapping[str, str]) -> Answer | None:
        """Send a form now; what went wrong is noted. None where nobody was there or the status was an error."""
        answer = self.office.ask(url, method, form, self.sid("IT"), self.now)
        if answer is None or answer.status >= 400:
            found = "nobody is there" if answer is None else f"it answered {answer.status}"
            self.debugger.append((11200, f"{method} {url}: {found}"))
            return None
        return answer

    def tell(self, url: str, method: str, form: Mapping[str, str], *, last: bool) -> None:
        """Send news as the script has them travel."""
        token = self.sid("IT")

        def send() -> None:
            answer = self.office.ask(url, method, form, token, self.now)
            if answer is None or answer.status >= 400:
                self.debugger.append((11200, f"{method} {url}: {None if answer is None else answer.status}"))

        self.office.tell(self.later, send, last=last)

    def _turn(self, number: str, what: str) -> int:
        turn = self._taken.get((number, what), 0)
        self._taken[number, what] = turn + 1
        return turn

    def _next(self, to: int) -> Callable[[], None] | None:
        with self._lock:
            if not self._due or self._due[0][0] > to:
                return None
            at, _, action = heapq.heappop(self._due)
            self.now = max(self.now, at)
            return action

    def _go_on(self, process: Process) -> None:
        wait = next(process, None)
        if wait is not None:
            self.later(wait, partial(self._go_on, process))
