"""`Responder`: takes messages in, answers them in turn, and gives each reply to the bridge once.

Floor: street. The order of the durable steps is the promise; a crash between any two of them:

    recorded in the queue    │ the file in the inbox is there still, and known when it comes again
    file removed             │ the queue has the message
    thinking                 │ it is answered anew
    reply written beside     │ it is answered anew: nobody knows any more what it quotes
    ready                    │ the same
    renamed                  │ ready, and nothing lies beside: it was sent
    receipt, delivered       │ done
"""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from partitioned_rag.box import OMBox
from partitioned_rag.durable import PRIVATE_FILE
from partitioned_rag.errors import BoxError, ContactError, InputError, StoreError, WorkError
from partitioned_rag.responder import inbox, quarantine, receipts, schedule
from partitioned_rag.responder.outbox import Outbox
from partitioned_rag.responder.queue import QUEUE, Queue, Queued, State

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
MAX_AGE_S = 6 * 3600.0
LOCK = "responder.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one message, or of one file that is none.

    Attributes:
        contact: Who wrote; empty for a file that is no message.
        id: Of the message, or the name of the file.
        state: `delivered`, `ignored`, `failed`, `quarantined`, or `received` for one that waits
            to be tried again.
        reason: A sentence; empty where there is nothing to say.
    """

    contact: str
    id: str
    state: str
    reason: str = ""


class Responder:
    """Answers what a bridge drops into the inbox of a box. One at a time for each box."""

    def __init__(
        self,
        box: OMBox,
        *,
        model: str | None = None,
        max_age_s: float = MAX_AGE_S,
        tell: Callable[[Outcome], None] | None = None,
    ) -> None:
        """Choose who answers; nothing is read yet.

        Args:
            box: Stays the caller's to close.
            model: Name of an Ollama model.
            max_age_s: What is older is not answered any more.
            tell: Told of each message that is done with, postponed or put away.
        """
        self._box = box
        self._model = model
        self._max_age_s = max_age_s
        self._tell = tell or _tell_nobody
        self._outbox = Outbox(box.path / "outbox")
        self._last: str | None = None
        self._waiting: set[str] = set()

    def drain(self) -> None:
        """Take in what there is, and answer all that can be answered now.

        What waits for the bridge to take an earlier reply, and what is to be tried again later,
        stays in its queue.

        Raises:
            StoreError: Another responder is at work on this box, or a queue cannot be used.
            BoxError: The box cannot be read or written.
        """
        with self._alone():
            self._recover()
            self._work(threading.Event())

    def run(self, stop: threading.Event) -> None:
        """Answer until told to stop; the message at hand is then finished first.

        Args:
            stop: Set by another thread or a signal's handler.

        Raises:
            StoreError, BoxError: As `drain`.
        """
        with self._alone():
            self._recover()
            while not stop.is_set():
                self._work(stop)
                stop.wait(LOOK_EVERY_S)

    def _work(self, stop: threading.Event) -> None:
        self._take_in()
        while not stop.is_set() and (found := self._next()) is not None:
            self._last = found[0]
            self._answer(*found)
            self._take_in()

    # ------------------------------------------------------------ in

    def _take_in(self) -> None:
        now = time.time()
        for path in inbox.message_files(self._box.path / "inbox"):
            arrival = inbox.read(path)
            if arrival is None:
                continue
            content = arrival.content
            if isinstance(content, inbox.Message):
                self._record(arrival, content)
            elif not content.may_be_unfinished or abs(now - arrival.arrived_at) > inbox.YOUNG_S:
                self._put_away(arrival, content.reason)

    def _record(self, arrival: inbox.Arrival, message: inbox.Message) -> None:
        contact = message.contact
        try:
            (self._box.path / contact).mkdir(exist_ok=True)
        except OSError as error:
            raise BoxError(
                f"a contact's folder cannot be made: {error.strerror}",
                where=str(self._box.path / contact),
                fix="see that the OMBox can be written",
            ) from error
        is_new = self._queue(contact).take_in(
            id=message.id,
            said=message.said,
            question=message.question,
            # A clock that was wrong must not make it young for ever.
            arrived_at=min(arrival.arrived_at, time.time()),
        )
        # Another message may have been written over it: that one is read at the next look.
        if inbox.is_unchanged(arrival):
            arrival.path.unlink(missing_ok=True)
        self._waiting.add(contact)
        if is_new and message.question is None:
            self._tell(Outcome(contact=contact, id=message.id, state=State.IGNORED))

    def _put_away(self, arrival: inbox.Arrival, reason: str) -> None:
        if not inbox.is_unchanged(arrival):
            return
        quarantine.put_away(arrival.path, self._box.prepared_index() / "quarantine", reason=reason)
        self._tell(Outcome(contact="", id=arrival.path.name, state="quarantined", reason=reason))

    # ------------------------------------------------------------ in turn

    def _next(self) -> tuple[str, Queued] | None:
        """Choose the next message: of each contact the first alone, and only if it can be sent."""
        now = time.time()
        heads: dict[str, Queued] = {}
        for contact in sorted(self._waiting):
            unfinished = self._queue(contact).unfinished()
            if not unfinished:
                self._waiting.discard(contact)
            elif unfinished[0].not_before <= now and self._outbox.is_free(contact):
                heads[contact] = unfinished[0]
        if not heads:
            return None
        contact = schedule.next_contact(heads, self._last)
        return contact, heads[contact]

    def _answer(self, contact: str, message: Queued) -> None:
        if schedule.is_stale(message.arrived_at, time.time(), max_age_s=self._max_age_s):
            self._fail(contact, message, "it is too old to be answered")
            return
        queue = self._queue(contact)
        queue.think(message.id)
        try:
            view = self._box.view(contact)
            reply = view.reply(message.question, model=self._model, said=message.said)
            receipt = receipts.of_reply(reply, view, id=message.id, question=message.question)
            self._outbox.prepare(contact, message.id, reply.text)
            queue.ready(message.id, receipt=receipt)
            if not view.stands(reply.prompt):
                # First the state: ready with nothing beside would mean that it was sent.
                queue.return_it(message.id)
                self._outbox.discard(contact, message.id)
                return
            self._outbox.send(contact, message.id)
        except BoxError:
            queue.return_it(message.id)
            raise
        except InputError as error:
            self._fail(contact, message, _reason(error))
        except (WorkError, OSError) as error:
            self._postpone(contact, message, error)
        else:
            self._finish(contact, message.id, receipt)

    def _postpone(self, contact: str, message: Queued, error: WorkError | OSError) -> None:
        pause_s = schedule.pause_s(message.attempts + 1)
        self._queue(contact).postpone(message.id, until=time.time() + pause_s)
        self._outbox.discard(contact, message.id)
        self._tell(Outcome(contact=contact, id=message.id, state=State.RECEIVED, reason=str(error)))

    def _fail(self, contact: str, message: Queued, reason: str) -> None:
        receipt = receipts.of_failure(
            id=message.id, question=message.question, contact=contact, reason=reason
        )
        receipts.keep(self._box.kept_for(contact), message.id, receipt)
        self._queue(contact).finish(message.id, State.FAILED)
        self._outbox.discard(contact, message.id)
        self._tell(Outcome(contact=contact, id=message.id, state=State.FAILED, reason=reason))

    def _finish(self, contact: str, id: str, receipt: str) -> None:  # noqa: A002 — the message's
        receipts.keep(self._box.kept_for(contact), id, receipt)
        self._queue(contact).finish(id, State.DELIVERED)
        self._tell(Outcome(contact=contact, id=id, state=State.DELIVERED))

    # ------------------------------------------------------------ after a crash

    def _recover(self) -> None:
        """Go on where the last run ended, wherever that was."""
        for path in sorted((self._box.prepared_index() / "partitions").glob(f"*/{QUEUE}")):
            contact = path.parent.name
            try:
                queue = self._queue(contact)
            except ContactError:  # somebody's own folder within the index
                continue
            for message in queue.unfinished():
                self._waiting.add(contact)
                is_prepared = self._outbox.is_prepared(contact, message.id)
                if message.state is State.READY and not is_prepared:
                    self._finish(contact, message.id, message.receipt)
                    continue
                if message.state is not State.RECEIVED:
                    queue.return_it(message.id)
                self._outbox.discard(contact, message.id)

    def _queue(self, contact: str) -> Queue:
        return Queue(self._box.kept_for(contact))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep a second responder off the box; the kernel lets go when this process ends."""
        try:
            (self._box.path / "outbox").mkdir(exist_ok=True)
            descriptor = os.open(
                self._box.prepared_index() / LOCK,
                os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW,
                PRIVATE_FILE,
            )
        except OSError as error:
            raise StoreError(
                f"the responder cannot begin: {error.strerror}", where=str(self._box.path)
            ) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StoreError(
                    "another responder answers from this OMBox",
                    where=str(self._box.path),
                    fix="stop that one first",
                ) from error
            yield
        finally:
            os.close(descriptor)


def _reason(error: InputError) -> str:
    return f"{error.what}: {error.fix}" if error.fix else error.what


def _tell_nobody(_: Outcome) -> None:
    pass
