"""`Answering`: one message becomes one reply in the outbox, by durable steps in a fixed order.

Floor: street. The order is the promise; a crash between any two of them:

    recorded in the queue    │ the file in the inbox is there still, and known when it comes again
    file removed             │ the queue has the message
    thinking                 │ it is answered anew
    reply written beside     │ it is answered anew: nobody knows any more what it quotes
    ready                    │ the same
    renamed                  │ ready, and nothing lies beside: it was sent
    receipt, delivered       │ done
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from partitioned_rag.box import OMBox
from partitioned_rag.errors import BoxError, ContactError, ContactsError, InputError, WorkError
from partitioned_rag.responder import receipts, schedule
from partitioned_rag.responder.exchange import Exchange
from partitioned_rag.responder.observer import Observer, Outcome
from partitioned_rag.responder.queue import Queued, State
from partitioned_rag.responder.queues import Queues, per_hour
from partitioned_rag.values import Correspondent, Reply
from partitioned_rag.view import View

MAX_AGE_S = 6 * 3600.0
TOO_OLD = "it is too old to be answered"
UNKNOWN = "its sender is no alias in contacts.toml any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought:
    """A reply that was made, and has not left.

    Attributes:
        receipt: What it was made of.
        stands: Says whether all that it quotes is still in the folder as quoted.
        total_s: How long it took.
    """

    text: str
    receipt: str
    stands: Callable[[], bool]
    total_s: float = 0.0


class Answering:
    """Makes replies and sends them. One contact's messages are answered one after the other."""

    def __init__(
        self,
        box: OMBox,
        exchanges: Mapping[str, Exchange],
        queues: Queues,
        observer: Observer,
        *,
        model: str | None,
        max_age_s: float,
    ) -> None:
        """Read nothing yet.

        Args:
            box: What replies are made from.
            exchanges: By name.
            queues: Where the messages are.
            observer: Told of each.
            model: Name of an Ollama model.
            max_age_s: What is older is not answered.
        """
        self._box = box
        self._exchanges = exchanges
        self._queues = queues
        self._observer = observer
        self._model = model
        self._max_age_s = max_age_s

    def begin(self, contact: str) -> Queued | None:
        """Choose the next message of a contact, and say that a reply is being made.

        Returns:
            None if it turns out that there is none to be made.

        Raises:
            StoreError: A queue cannot be written.
        """
        message = self._queues.first(contact)
        if message is None:
            return None
        try:
            who = self._box.correspondent(message.sender)
        except ContactsError as error:
            self._postpone(contact, message, error)
            return None
        except ContactError:
            self._fail(contact, message, UNKNOWN)
            return None
        if who.contact != contact:
            self._hand_over(contact, message, who.contact)
            return None
        if self._is_past(contact, message, who):
            return None
        self._queues.of(contact).think(message.id)
        self._observer.begun(contact, message.id)
        return message

    def think(self, contact: str, message: Queued) -> Thought:
        """Make a reply. Touches neither queue nor outbox, so that it may be given up at any time.

        Raises:
            PragError: As `View.reply`.
        """
        if message.is_notice:
            return self._notice(contact, message)
        view = self._box.view(message.sender)
        reply = view.reply(
            message.question,
            model=self._model,
            said=message.said,
            on_text=partial(self._observer.said, contact),
            on_discard=partial(self._observer.withdrawn, contact),
        )
        return Thought(
            text=reply.text,
            receipt=receipts.of_reply(reply, view, message),
            stands=lambda: self._stands(contact, message, view, reply),
            total_s=reply.timings.total_s,
        )

    def deliver(self, contact: str, message: Queued, thought: Thought) -> None:
        """Send a reply, if all that it quotes stands at this moment; else have it made anew.

        A contact whose folder was removed meanwhile, and the queue with it, is not answered.

        Raises:
            StoreError: The queue cannot be written.
            OSError: The outbox cannot be synced.
            BoxError: The box is gone.
        """
        queue, replies = self._queues.of(contact), self._exchanges[message.exchange].replies
        try:
            who = self._box.correspondent(message.sender)
            replies.prepare(message.id, thought.text)
            if not queue.ready(
                message.id,
                address=who.address,
                outbox=replies.identity,
                receipt=thought.receipt,
            ):
                replies.discard(message.id)
                return
            stands = who.contact == contact and thought.stands()
            if not (stands and replies.is_free(who.address)):
                # First the state: ready with nothing beside would mean that it was sent.
                queue.return_it(message.id)
                replies.discard(message.id)
                self._observer.withdrawn(contact)
                return
            replies.send(who.address, message.id)
        except BoxError:
            raise
        except (InputError, WorkError, OSError) as error:
            self._postpone(contact, message, error)
            return
        # It is sent: whatever goes wrong from here on must not have it made again.
        replies.sync()
        self.finish(contact, message.id, thought.receipt, total_s=thought.total_s)

    def give_up(self, contact: str, message: Queued, error: Exception) -> None:
        """Deal with a reply that could not be made.

        Raises:
            BoxError: That was the error.
            StoreError: The queue cannot be written.
        """
        if isinstance(error, BoxError):
            raise error
        if isinstance(error, InputError) and not isinstance(error, ContactsError):
            self._fail(contact, message, f"{error.what}: {error.fix}" if error.fix else error.what)
        else:
            self._postpone(contact, message, error)

    def finish(self, contact: str, id: str, receipt: str, *, total_s: float = 0.0) -> None:  # noqa: A002 — the message's
        """Be done with a message whose reply was sent.

        Raises:
            StoreError: The queue cannot be written.
        """
        receipts.keep(self._queues.kept(contact), id, receipt)
        self._queues.of(contact).finish(id, State.DELIVERED, at=time.time())
        self._tell(contact, id, State.DELIVERED, total_s=total_s)

    def _stands(self, contact: str, message: Queued, view: View, reply: Reply) -> bool:
        """Say whether the sender is still who they were, may read the same, and quotes stand."""
        now = self._box.view(message.sender)
        return (
            now.audience.contacts == (contact,)
            and (now.audience, now.partitions, now.names)
            == (view.audience, view.partitions, view.names)
            and view.stands(reply.prompt)
        )

    # ------------------------------------------------------------ what is not answered

    def _notice(self, contact: str, message: Queued) -> Thought:
        who = self._box.correspondent(message.sender)
        limit = per_hour(who)
        minutes = max(1, math.ceil(self._queues.wait_s(contact, who) / 60))
        answers = f"{limit} answers" if limit > 1 else "one answer"
        text = (
            f"That is {answers} within an hour, and I do not give more. I go on in {minutes} min."
        )
        receipt = receipts.of_notice(message, contact, f"more than {limit} messages an hour")
        return Thought(text=text, receipt=receipt, stands=lambda: True)

    def _is_past(self, contact: str, message: Queued, who: Correspondent) -> bool:
        """Say whether the time to answer is over, and if so be done with it."""
        if not (self._box.path / contact).is_dir():  # removed by the owner, with all that was said
            self._queues.of(contact).forget(message.id)
            return True
        if message.is_notice:
            if self._queues.wait_s(contact, who) <= 0:  # the owner has raised the limit meanwhile
                self._queues.of(contact).forget(message.id)
                return True
        elif schedule.is_stale(message.arrived_at, time.time(), max_age_s=self._max_age_s):
            self._fail(contact, message, TOO_OLD)
            return True
        return False

    def _hand_over(self, contact: str, message: Queued, other: str) -> None:
        """Give a message to whom its sender is by now, in an order that loses it nowhere."""
        if message.is_notice:  # it is about answers that the other has not had
            self._queues.of(contact).forget(message.id)
            return
        self._queues.of(other).take_in(
            id=message.id,
            exchange=message.exchange,
            sender=message.sender,
            said=message.said,
            question=message.question,
            arrived_at=message.arrived_at,
        )
        self._queues.of(contact).forget(message.id)
        self._queues.look(other)

    def _postpone(self, contact: str, message: Queued, error: Exception) -> None:
        reason = self._queues.postpone(contact, message, error)
        self._discard(message)
        self._tell(contact, message.id, State.RECEIVED, reason)

    def _fail(self, contact: str, message: Queued, reason: str) -> None:
        self._discard(message)
        self._queues.fail(contact, message, reason)
        self._tell(contact, message.id, State.FAILED, reason)

    def _discard(self, message: Queued) -> None:
        self._exchanges[message.exchange].replies.discard(message.id)

    def _tell(
        self,
        contact: str,
        id: str,  # noqa: A002 — the message's
        state: str,
        reason: str = "",
        *,
        total_s: float = 0.0,
    ) -> None:
        self._observer.done(
            Outcome(contact=contact, id=id, state=state, reason=reason, total_s=total_s)
        )
