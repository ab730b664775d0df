"""`Queues`: the queues of all contacts, and whose message is answered next.

Floor: street. Between calls it holds no text and no open file, only what tells whose turn it is.
"""

import math
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from partitioned_rag.box import OMBox
from partitioned_rag.contacts import Contacts
from partitioned_rag.errors import ContactError, ContactsError
from partitioned_rag.identity import identify
from partitioned_rag.place import PARTITIONS
from partitioned_rag.responder import receipts, schedule
from partitioned_rag.responder.exchange import Exchange
from partitioned_rag.responder.observer import Unanswered
from partitioned_rag.responder.queue import QUEUE, Queue, Queued, State
from partitioned_rag.values import Correspondent

MOST_WAITING = 100
"""Messages of one contact; what comes on top is not answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """Of the message whose turn it is with its contact: where its reply goes, and when.

    Attributes:
        exchange: Name of the exchange it came by.
        address: Where the reply goes.
        due_at: By the clock that nobody sets; never, while nobody can say who has written.
        by: What the owner had written of contacts; None if it could not be used.
        why: Why it is not due; empty if it is.
        is_trouble: Whether that is anything but the limit of the hour.
    """

    exchange: str
    address: str
    due_at: float
    by: Contacts | None = field(repr=False)
    why: str = ""
    is_trouble: bool = False


class Queues:
    """One queue for each contact, each in the folder of what is kept for that contact."""

    def __init__(self, box: OMBox, exchanges: Mapping[str, Exchange]) -> None:
        """Read nothing yet.

        Args:
            box: Whose contacts they are.
            exchanges: By name. Messages that came by another one wait until it is there again.
        """
        self._box = box
        self._exchanges = exchanges
        self._partitions: Path | None = None
        self._heads: dict[str, _Head] = {}
        self._counts: dict[str, int] = {}
        self._failed: dict[str, str] = {}

    def awake(self) -> None:
        """Trust nothing that was seen before a sleep; what is not asked for costs nothing."""
        self._partitions = None

    def prepare(self) -> Path:
        """See that the index is there and is ours: once after each sleep, since it takes a while.

        Returns:
            The folder of what is kept for contacts.

        Raises:
            BoxError: It cannot be written, or is not ours.
        """
        self._partitions = self._box.prepared_index() / PARTITIONS
        return self._partitions

    def kept(self, contact: str) -> Path:
        """Name the private folder of what is kept for a contact; nothing is made yet.

        Raises:
            ContactError: The id is malformed or reserved.
        """
        return (self._partitions or self.prepare()) / identify(contact)

    def of(self, contact: str) -> Queue:
        """Give the queue of a contact; nothing is made yet.

        Raises:
            ContactError: The id is malformed or reserved.
        """
        return Queue(self.kept(contact))

    def all(self) -> Iterator[tuple[str, Queue]]:
        """Give every queue there is, with its contact.

        Raises:
            BoxError: As `prepare`.
        """
        for path in sorted(self.prepare().glob(f"*/{QUEUE}")):
            try:
                yield path.parent.name, self.of(path.parent.name)
            except ContactError:  # somebody's own folder within the index
                continue

    def first(self, contact: str) -> Queued | None:
        """Give the message of a contact whose turn it is.

        Raises:
            StoreError: The queue cannot be read.
        """
        there = self.of(contact).unfinished()
        return next((each for each in there if each.exchange in self._exchanges), None)

    def fail(self, contact: str, message: Queued, reason: str) -> None:
        """Be done with a message that is not answered, and keep the receipt of that.

        Raises:
            StoreError: The queue or the receipt cannot be written.
        """
        receipt = receipts.of_failure(message, contact, reason)
        receipts.keep(self.kept(contact), message.id, receipt)
        self.of(contact).finish(message.id, State.FAILED, at=time.time())

    def postpone(self, contact: str, message: Queued, error: Exception) -> str:
        """Have a message answered later, since answering it failed.

        Returns:
            Why it failed.

        Raises:
            StoreError: The queue cannot be written.
        """
        reason = str(error) or type(error).__name__
        if isinstance(error, ContactsError):  # it waits for the owner, and for no time
            self.of(contact).return_it(message.id)
        else:
            until = time.time() + schedule.pause_s(message.attempts + 1)
            self.of(contact).postpone(message.id, until=until)
            self._failed[contact] = reason
        return reason

    # ------------------------------------------------------------ whose turn

    def drop(self, contact: str) -> None:
        """Pass a contact over, until the next look."""
        self._heads.pop(contact, None)

    @property
    def counts(self) -> dict[str, int]:
        """How many messages of each contact wait, as far as was looked."""
        return dict(self._counts)

    def look(self, contact: str) -> None:
        """See whether a contact's next message can be answered, and when; call it after a change.

        Who has had as many answers in the hour as they get is told so, once in that hour.

        Raises:
            StoreError: The queue cannot be used.
        """
        queue = self.of(contact)
        self._counts.pop(contact, None)
        self._heads.pop(contact, None)
        head = self.first(contact)
        if head is None or not head.attempts:
            self._failed.pop(contact, None)
        if head is None:
            return
        self._counts[contact] = queue.waiting()
        try:
            by = self._box.contacts()
        except ContactsError as error:
            self._heads[contact] = _Head(
                exchange=head.exchange,
                address="",
                due_at=math.inf,
                by=None,
                why=str(error),
                is_trouble=True,
            )
            return
        who = _who(head.sender, by)
        now = time.time()
        # Later than any pause it can only be by a clock that was wrong.
        is_due = head.not_before <= now or head.not_before > now + schedule.LONGEST_PAUSE_S
        not_before = now if is_due else head.not_before
        why = "" if is_due else self._failed.get(contact, "it could not be answered before")
        # Of whom it is not any more, no limit holds it: its turn hands it over.
        if not head.is_notice and who is not None and who.contact == contact:
            wait_s = self.wait_s(contact, who)
            if wait_s > 0:
                if self._tells_to_wait(queue, head, now):
                    self.look(contact)
                    return
                not_before = max(not_before, now + wait_s)
                why = why or f"the limit of {per_hour(who)} an hour is reached"
        self._heads[contact] = _Head(
            exchange=head.exchange,
            address=who.address if who else head.sender,
            due_at=time.monotonic() + not_before - now,
            by=by,
            why=why,
            is_trouble=not is_due,
        )

    def unanswered(self) -> list[Unanswered]:
        """Say what waits of each contact, and why."""
        return [
            Unanswered(
                contact=contact,
                messages=self._counts.get(contact),
                reason=head.why or self._why_not_now(head),
                is_trouble=head.is_trouble,
            )
            for contact, head in sorted(self._heads.items())
        ]

    def _why_not_now(self, head: _Head) -> str:
        is_free = self._exchanges[head.exchange].replies.is_free(head.address)
        return "the responder was told to end" if is_free else "an earlier reply was not taken yet"

    def outdated(self, by: Contacts | None) -> list[str]:
        """Name those to look at again, as the owner has since written something else of contacts.

        A limit, an alias or a fault there decides whether and where a message is answered.

        Args:
            by: What the owner has written by now; None if it cannot be used.
        """
        return [contact for contact, head in self._heads.items() if head.by is not by]

    def wait_s(self, contact: str, who: Correspondent) -> float:
        """Say how long a contact must wait who has had all answers of this hour; 0 if need not.

        Raises:
            StoreError: The queue cannot be read.
        """
        now = time.time()
        answered = self.of(contact).delivered_since(now - schedule.HOUR_S, notices=False)
        return schedule.next_answer_at(answered, now, max_per_hour=per_hour(who)) - now

    def next(self, last: str | None, *, but: Collection[str]) -> str | None:
        """Say whose message can be answered now.

        Args:
            last: Whose was answered before.
            but: Whose is being answered.
        """
        now = time.monotonic()
        eligible = [
            contact
            for contact, head in self._heads.items()
            if contact not in but
            and head.due_at <= now
            and self._exchanges[head.exchange].replies.is_free(head.address)
        ]
        return schedule.next_contact(eligible, last) if eligible else None

    def due_in_s(self) -> float | None:
        """Say in how many seconds the next message is to be tried that waits for its time alone."""
        now = time.monotonic()
        times = [head.due_at - now for head in self._heads.values() if head.due_at > now]
        return min(times, default=None)

    def _tells_to_wait(self, queue: Queue, head: Queued, now: float) -> bool:
        """Put a notice before a message that must wait, unless there was one in the last hour."""
        if queue.delivered_since(now - schedule.HOUR_S, notices=True):
            return False
        return queue.take_in(
            id=f"{head.id}-wait",
            exchange=head.exchange,
            sender=head.sender,
            said="",
            question="wait",
            arrived_at=now,
            is_notice=True,
        )


def _who(sender: str, by: Contacts) -> Correspondent | None:
    """Say who a sender is; None for nobody, which its turn will show."""
    try:
        return by.correspondent(sender)
    except ContactError:
        return None


def per_hour(who: Correspondent) -> int:
    """Say how many answers a contact gets in an hour."""
    return who.max_per_hour or schedule.MAX_PER_HOUR
