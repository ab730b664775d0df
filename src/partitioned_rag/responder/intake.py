"""From the inbox into the queues: a file is removed once what it says is safely recorded.

Floor: street.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from partitioned_rag.box import OMBox
from partitioned_rag.errors import ContactError, ContactsError, StoreError
from partitioned_rag.responder import inbox, quarantine, schedule
from partitioned_rag.responder.exchange import Exchange
from partitioned_rag.responder.observer import Observer, Outcome
from partitioned_rag.responder.queue import State
from partitioned_rag.responder.queues import MOST_WAITING, Queues
from partitioned_rag.values import Correspondent

NOBODY = "its sender is no phone number, and no alias in contacts.toml"
MOST_AT_A_TIME = 20
"""Of one sender, so that a flood keeps nobody's message out."""

TOO_MANY = f"more than {MOST_WAITING} messages were waiting"


@dataclass(frozen=True, slots=True)
class _Refused:
    """A file that could not be moved out of the inbox.

    Attributes:
        stamp: Of the file as it was.
        failures: How often it was tried.
        retry_at: When it is tried again, by the clock that nobody sets.
        text: What was told of it.
    """

    stamp: tuple[int, ...]
    failures: int
    retry_at: float
    text: str


class Intake:
    """Takes messages in, of all exchanges."""

    def __init__(
        self, box: OMBox, exchanges: Iterable[Exchange], queues: Queues, observer: Observer
    ) -> None:
        """Read nothing yet."""
        self._box = box
        self._exchanges = tuple(exchanges)
        self._queues = queues
        self._observer = observer
        self.troubles: tuple[str, ...] = ()
        """Why something stayed in an inbox at the last look, a sentence for each reason."""
        self._ahead: dict[Path, tuple[tuple[int, ...], float]] = {}
        self._refused: dict[Path, _Refused] = {}

    def take_in(self) -> tuple[set[str], bool]:
        """Take in what there is, a little of everybody's.

        What cannot be taken in stays, and keeps nothing else out. While `contacts.toml` cannot be
        used, nobody knows who has written, and everything stays.

        Returns:
            The contacts who have a new message, and whether there is more to be taken in.

        Raises:
            BoxError: The box is gone.
            OSError: An inbox cannot be read.
        """
        found: set[str] = set()
        is_more = False
        present: set[Path] = set()
        troubles: list[str] = []
        for exchange in self._exchanges:
            there = inbox.message_files(exchange.inbox)
            present.update(there)
            some = inbox.some_of_each(there, MOST_AT_A_TIME)
            is_more |= len(some) < len(there)
            for path in some:
                arrival = inbox.read(path)
                if arrival is None:
                    continue
                refused = self._refused.get(path)
                if refused and self._is_left(refused, arrival):
                    troubles.append(refused.text)
                    continue
                try:
                    self._take(exchange, arrival, found)
                except (ContactsError, StoreError) as error:
                    troubles.append(f"messages stay in the inbox: {error}")
                except OSError as error:
                    troubles.append(self._leave(arrival, error))
        before, self.troubles = self.troubles, tuple(dict.fromkeys(troubles))
        for text in self.troubles:
            if text not in before:
                self._observer.told(text)
        for known in (self._ahead, self._refused):
            for path in known.keys() - present:
                del known[path]
        return found, is_more and not troubles

    def _is_left(self, refused: _Refused, arrival: inbox.Arrival) -> bool:
        """Say whether it is too early to try again."""
        return refused.stamp == arrival.stamp and time.monotonic() < refused.retry_at

    def _leave(self, arrival: inbox.Arrival, error: OSError) -> str:
        """Leave a file that cannot be moved where it is, for longer each time."""
        before = self._refused.get(arrival.path)
        failures = before.failures + 1 if before else 1
        text = f"{arrival.path.name!a} cannot be removed from the inbox: {error.strerror}"
        retry_at = time.monotonic() + schedule.pause_s(failures)
        self._refused[arrival.path] = _Refused(arrival.stamp, failures, retry_at, text)
        return text

    def _take(self, exchange: Exchange, arrival: inbox.Arrival, found: set[str]) -> None:
        """Deal with one file; adds to `found` who has written, as soon as that is recorded."""
        content = arrival.content
        if isinstance(content, inbox.Broken):
            if not (content.may_be_unfinished and self._is_young(arrival)):
                self._put_away(arrival, content.reason)
            return
        try:
            who = self._box.correspondent(content.sender)
        except ContactError:
            self._put_away(arrival, NOBODY)
            return
        self._record(exchange, arrival, content, who)
        if content.question is not None:
            found.add(who.contact)
        # Another message may have been written over it: that one is read at the next look.
        if inbox.is_unchanged(arrival):
            arrival.path.unlink(missing_ok=True)

    def _is_young(self, arrival: inbox.Arrival) -> bool:
        """Say whether a file may still be being written.

        One from a machine whose clock is ahead is as old as we have known it.
        """
        age_s = time.time() - arrival.arrived_at
        if age_s < 0:
            stamp, since = self._ahead.get(arrival.path, ((), 0.0))
            if stamp != arrival.stamp:
                since = time.monotonic()
                self._ahead[arrival.path] = (arrival.stamp, since)
            age_s = time.monotonic() - since
        return age_s <= inbox.YOUNG_S

    def _record(
        self,
        exchange: Exchange,
        arrival: inbox.Arrival,
        message: inbox.Message,
        who: Correspondent,
    ) -> None:
        queue = self._queues.of(who.contact)
        folder = self._box.path / who.contact
        try:
            folder.mkdir(mode=0o755, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"a contact's folder cannot be made: {error.strerror}",
                where=str(folder),
                fix="see that the OMBox can be written, and that nothing else is called so",
            ) from error
        if queue.knows(message.id):
            return
        is_too_much = message.question is not None and queue.waiting() >= MOST_WAITING
        queue.take_in(
            id=message.id,
            exchange=exchange.name,
            sender=message.sender,
            said=message.said,
            question=message.question,
            # A clock that was wrong must not make it young for ever.
            arrived_at=min(arrival.arrived_at, time.time()),
        )
        # The owner may have removed the contact's folder, and with it the queue, at this moment.
        recorded = queue.find(message.id)
        if recorded is None:
            raise StoreError("a message could not be recorded", where=str(folder))
        if is_too_much:
            self._queues.fail(who.contact, recorded, TOO_MANY)
            self._tell(who.contact, message.id, State.FAILED, TOO_MANY)
        elif message.question is None:
            self._tell(who.contact, message.id, State.IGNORED)

    def _put_away(self, arrival: inbox.Arrival, reason: str) -> None:
        """Put a file into quarantine."""
        if not inbox.is_unchanged(arrival):
            return
        folder = self._box.prepared_index() / quarantine.FOLDER
        quarantine.put_away(arrival.path, folder, reason=reason)
        self._tell("", arrival.path.name, "quarantined", reason)

    def _tell(self, contact: str, id: str, state: str, reason: str = "") -> None:  # noqa: A002
        self._observer.done(Outcome(contact=contact, id=id, state=state, reason=reason))
