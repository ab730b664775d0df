"""`Responder`: takes messages in, has replies made, and gives each to the bridge once.

Floor: street. One thread, that of the caller, does everything that lasts, in the order that
`answering` promises. Others only think, watch, or index, and ring when they are done.
"""

import fcntl
import logging
import math
import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from partitioned_rag.box import OMBox
from partitioned_rag.errors import BoxError, ContactsError, StoreError
from partitioned_rag.responder import schedule
from partitioned_rag.responder.answering import MAX_AGE_S, Answering, Thought
from partitioned_rag.responder.exchange import Exchange
from partitioned_rag.responder.indexing import Indexer
from partitioned_rag.responder.intake import Intake
from partitioned_rag.responder.observer import Guarded, Observer, Unanswered
from partitioned_rag.responder.queue import Queue, Queued, State
from partitioned_rag.responder.queues import Queues

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
"""Where nothing rings, the inbox is looked into so often."""

STOP_WITHIN_S = 10.0
"""A reply that is being made when a stop is asked for has so long to be finished."""


@dataclass(frozen=True, slots=True)
class _Done:
    """What a thinking thread came to."""

    contact: str
    message: Queued
    thought: Thought | None
    error: Exception | None


@dataclass(frozen=True, slots=True)
class _Ailing:
    """A contact whose queue cannot be used.

    Attributes:
        failures: How often it was tried.
        retry_at: When it is tried again, by the clock that nobody sets.
        reason: Why it cannot be used.
    """

    failures: int
    retry_at: float
    reason: str


class Responder:
    """Answers what a bridge drops into the inbox of a box. One at a time for each box."""

    def __init__(
        self,
        box: OMBox,
        *,
        model: str | None = None,
        exchanges: Sequence[Exchange] | None = None,
        observer: Observer | None = None,
        parallel: int = 1,
        max_age_s: float = MAX_AGE_S,
    ) -> None:
        """Choose who answers; nothing is read yet.

        Args:
            box: Stays the caller's to close.
            model: Name of an Ollama model.
            exchanges: Where messages come from, each with a name of its own; the box's own `inbox/`
                and `outbox/` by default.
            observer: Told of everything.
            parallel: How many replies, to different contacts, are made at the same time. More than
                Ollama answers at a time (OLLAMA_NUM_PARALLEL) only wait there.
            max_age_s: What is older is not answered any more.
        """
        there = tuple(exchanges) if exchanges is not None else (Exchange.of(box),)
        if parallel < 1:
            raise ValueError("parallel must be at least 1")
        if len({each.name for each in there}) < len(there):
            raise ValueError("two exchanges have the same name")
        by_name = {each.name: each for each in there}
        self._box = box
        self._exchanges = there
        self._observer = Guarded(observer or Observer())
        self._parallel = parallel
        self._queues = Queues(box, by_name)
        self._intake = Intake(box, there, self._queues, self._observer)
        self._answering = Answering(
            box, by_name, self._queues, self._observer, model=model, max_age_s=max_age_s
        )
        self._by_name = by_name
        # Can be put to from a signal's handler, which an Event cannot be.
        self._rung: queue.SimpleQueue[_Done | None] = queue.SimpleQueue()
        self._thinking: dict[str, Queued] = {}
        self._ailing: dict[str, _Ailing] = {}
        self.stopping = False
        """Whether a stop was asked for."""
        self._last: str | None = None
        self._told = ""  # of contacts.toml, last

    def stop(self) -> None:
        """Have `run` or `drain` end; another thread, or a signal's handler, may call it.

        A reply that is being made has ten seconds to be finished; then its message is returned to
        its queue.
        """
        self.stopping = True
        self._rung.put(None)

    def drain(self) -> tuple[Unanswered, ...]:
        """Take in what there is, and answer all that can be answered now.

        What waits for the bridge to take an earlier reply, and what is to be tried again later,
        stays in its queue.

        Returns:
            What is left, and why.

        Raises:
            StoreError: Another responder is at work on this box, or a queue cannot be used.
            BoxError: The box cannot be read or written.
        """
        with self._alone():
            try:
                self._recover()
                self._work(until_idle=True)
            except OSError as error:
                raise StoreError(
                    f"messages cannot be dealt with: {error.strerror}",
                    where=str(error.filename or self._box.path),
                    fix="see that it can be written; nothing is lost",
                ) from error
        ailing = ((contact, each.reason) for contact, each in sorted(self._ailing.items()))
        stayed = (("", text) for text in self._intake.troubles)
        return (
            *(
                Unanswered(contact=contact, messages=None, reason=reason, is_trouble=True)
                for contact, reason in (*stayed, *ailing)
            ),
            *self._queues.unanswered(),
        )

    def run(self) -> None:
        """Answer until `stop` is called, and keep the index current meanwhile.

        What goes wrong with the box or a disk after the beginning is told to the observer, and
        tried again.

        Raises:
            StoreError, BoxError: As `drain`, at the beginning.
        """
        with self._alone():
            self._recover()
            with self._watching():
                failures = 0
                while not self.stopping:
                    began = math.inf  # what the pause takes is no time in which it goes well
                    try:
                        if failures:
                            self._wait(schedule.pause_s(failures))
                        began = time.monotonic()
                        if failures:
                            self._recover()
                        self._work(until_idle=False)
                    except (StoreError, BoxError, OSError) as error:
                        went_well = time.monotonic() - began > schedule.LONGEST_PAUSE_S
                        failures = 1 if went_well else failures + 1
                        self._observer.told(f"trying again in a moment: {error}")

    # ------------------------------------------------------------ the loop

    def _work(self, *, until_idle: bool) -> None:
        give_up_at: float | None = None
        while True:
            for exchange in self._exchanges:
                exchange.outbox.mkdir(exist_ok=True)
            found, is_more = (set(), False) if self.stopping else self._intake.take_in()
            for contact in found - self._ailing.keys():
                with self._contained(contact):
                    self._queues.look(contact)
            self._heed_contacts()
            self._mend()
            if not self.stopping:
                self._begin()
            self._observer.waiting(self._queues.counts)
            if not self._thinking and (self.stopping or (until_idle and not is_more)):
                return
            if self.stopping:
                give_up_at = give_up_at or time.monotonic() + STOP_WITHIN_S
                left_s = give_up_at - time.monotonic()
                if left_s <= 0:
                    self._return_all()
                    return
                self._wait(left_s)
            elif is_more:
                self._wait(0)
            else:
                self._wait(min(LOOK_EVERY_S, self._queues.due_in_s() or LOOK_EVERY_S))

    def _heed_contacts(self) -> None:
        """Look again at all that waits when the owner has written something else of contacts."""
        try:
            by, problem = self._box.contacts(), ""
        except ContactsError as error:
            by, problem = None, f"messages wait: {error}"
        for contact in self._queues.outdated(by):
            if contact not in self._thinking:
                with self._contained(contact):
                    self._queues.look(contact)
        if not self._queues.counts:
            problem = ""
        if problem and problem != self._told:
            self._observer.told(problem)
        self._told = problem

    def _begin(self) -> None:
        """Have as many replies made as may be at a time."""
        while len(self._thinking) < self._parallel:
            contact = self._queues.next(self._last, but=self._thinking)
            if contact is None:
                return
            self._last = contact
            with self._contained(contact):
                message = self._answering.begin(contact)
                if message is None:
                    self._queues.look(contact)
                    continue
                self._thinking[contact] = message
                threading.Thread(
                    target=self._think, args=(contact, message), name="prag-thinking", daemon=True
                ).start()

    def _think(self, contact: str, message: Queued) -> None:
        try:
            done = _Done(contact, message, self._answering.think(contact, message), None)
        # A fault of ours with one message must neither end the rest nor lose it.
        except Exception as error:
            log.debug("a reply could not be made", exc_info=error)
            done = _Done(contact, message, None, error)
        self._rung.put(done)

    def _wait(self, timeout_s: float) -> None:
        """Sleep until somebody rings, and deal with all that was rung for."""
        rung: list[_Done | None] = []
        try:
            rung.append(self._rung.get(block=timeout_s > 0, timeout=timeout_s or None))
            while True:
                rung.append(self._rung.get_nowait())
        except queue.Empty:
            pass
        self._queues.awake()
        for done in rung:
            # What was given up on, after a failure or at a stop, is not what is being made now.
            if done is None or self._thinking.get(done.contact) is not done.message:
                continue
            with self._contained(done.contact):
                if done.thought is not None:
                    self._answering.deliver(done.contact, done.message, done.thought)
                elif done.error is not None:
                    self._answering.give_up(done.contact, done.message, done.error)
                del self._thinking[done.contact]
                self._queues.look(done.contact)

    def _return_all(self) -> None:
        for contact, message in list(self._thinking.items()):
            with self._contained(contact):
                self._queues.of(contact).return_it(message.id)
        self._thinking.clear()

    # ------------------------------------------------------------ trouble of one contact

    @contextmanager
    def _contained(self, contact: str) -> Iterator[None]:
        """Keep what goes wrong with the queue of one contact from all others."""
        try:
            yield
        except (StoreError, OSError) as error:
            failures = self._ailing[contact].failures + 1 if contact in self._ailing else 1
            pause_s = schedule.pause_s(failures)
            self._ailing[contact] = _Ailing(failures, time.monotonic() + pause_s, str(error))
            self._thinking.pop(contact, None)
            self._queues.drop(contact)
            if failures == 1:
                self._observer.told(f"contact {contact} waits: {error}")

    def _mend(self) -> None:
        """Try again with those whose time has come, as after a crash."""
        for contact, ailing in list(self._ailing.items()):
            if ailing.retry_at <= time.monotonic():
                with self._contained(contact):
                    self._recover_one(contact, self._queues.of(contact))
                    del self._ailing[contact]

    # ------------------------------------------------------------ after a crash

    def _recover(self) -> None:
        """Go on where the last run ended, wherever that was."""
        self._thinking.clear()
        self._ailing.clear()
        self._box.forget_removed()
        for contact, there in self._queues.all():
            with self._contained(contact):
                self._recover_one(contact, there)

    def _recover_one(self, contact: str, there: Queue) -> None:
        for message in there.unfinished():
            exchange = self._by_name.get(message.exchange)
            if exchange is None:
                continue
            replies = exchange.replies
            # In another folder than it was put into, nothing can be told by its absence.
            if (
                message.state is State.READY
                and message.outbox == replies.identity
                and not replies.is_prepared(message.id)
            ):
                self._answering.finish(contact, message.id, message.receipt)
                continue
            # First the state: ready with nothing beside would mean that it was sent.
            if message.state is not State.RECEIVED:
                there.return_it(message.id)
            replies.discard(message.id)
        self._queues.look(contact)

    # ------------------------------------------------------------ around it

    @contextmanager
    def _watching(self) -> Iterator[None]:
        from partitioned_rag.responder.watching import Watch  # noqa: PLC0415 — door of watchfiles

        indexer = Indexer(self._box, self._observer)
        watch = Watch(
            self._box.path,
            exchanges=[folder for each in self._exchanges for folder in (each.inbox, each.outbox)],
            ignored=self._box.prepared_index(),
            on_exchange=lambda: self._rung.put(None),
            on_source=indexer.note_change,
            on_trouble=self._observer.told,
        )
        try:
            yield
        finally:
            watch.close()
            indexer.close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep a second responder off the box; the kernel lets go when this process ends."""
        with ExitStack() as held:
            try:
                index = self._box.prepared_index()
                for exchange in self._exchanges:
                    for folder in (exchange.inbox, exchange.outbox):
                        folder.mkdir(parents=True, exist_ok=True)
                # Where messages come from, too: another responder may keep its index elsewhere.
                for folder in (index, *(each.inbox for each in self._exchanges)):
                    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                    held.callback(os.close, descriptor)
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StoreError(
                    "another responder answers from this OMBox",
                    where=str(self._box.path),
                    fix="stop that one first",
                ) from error
            except OSError as error:
                raise StoreError(
                    f"the responder cannot begin: {error.strerror}", where=str(self._box.path)
                ) from error
            yield
