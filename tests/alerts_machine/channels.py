"""What befalls messages: channels fail in every way they can, and providers tell late, twice, or never."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from alerts.channels.port import ChannelError, Trouble
from alerts.messages.delivery import note_result
from alerts.model import NotificationStatus
from registry.instants import MINUTE
from tests.alerts_machine.street import PICK, PROVIDER, Street, newest

_TOLD = st.sampled_from(
    [
        NotificationStatus.SENT, NotificationStatus.DELIVERED, NotificationStatus.MISSED, NotificationStatus.FAILED,
        NotificationStatus.FAILED,
    ]
)  # fmt: skip


class ChannelsFail(Street):
    """Channels and their providers."""

    @rule(trouble=st.sampled_from([None, None, *Trouble]), retry=st.booleans())
    def a_channel_breaks_or_is_mended(self, trouble: Trouble | None, retry: bool) -> None:  # noqa: FBT001 - drawn
        retry_at = self.world.now + MINUTE if retry else None
        self.broken = None if trouble is None else ChannelError(trouble, retry_at, trouble)
        if trouble is not None:
            self.book.met[f"trouble {trouble}"] += 1

    @rule(pick=PICK, status=_TOLD, trouble=st.sampled_from([None, *Trouble]))
    def a_provider_tells(self, pick: int, status: NotificationStatus, trouble: Trouble | None) -> None:
        taken = [one for one in self.book.outbox.values() if one.channel == PROVIDER]
        gone = [one for one in taken if one.status is not NotificationStatus.QUEUED]
        if not gone:
            return
        before = newest(gone, pick)
        with self.world.books() as book:
            note_result(book, before.id, status, self.world.now, trouble=trouble)
            again = note_result(book, before.id, status, self.world.now, trouble=trouble)
        after = self.book.outbox[before.id].status
        assert not again, "what is told twice changes nothing"
        if before.status not in (NotificationStatus.SENT, NotificationStatus.CANCELLED):
            assert after in (before.status, NotificationStatus.ANSWERED), "a final state stays, but for an answer"
