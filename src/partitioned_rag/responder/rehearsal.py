"""What would be answered, without taking anything in or sending anything.

Floor: street.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from partitioned_rag.box import OMBox
from partitioned_rag.errors import ContactError, ContactsError, PragError
from partitioned_rag.responder import inbox, schedule
from partitioned_rag.responder.answering import MAX_AGE_S, TOO_OLD
from partitioned_rag.responder.exchange import Exchange
from partitioned_rag.responder.intake import NOBODY
from partitioned_rag.responder.queues import Queues


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What would become of one message, or of one file that is none.

    Attributes:
        name: Of the file, or the id of a message that waits already.
        contact: Who wrote; empty for a file that is no message.
        question: What is asked; empty where nothing is.
        outcome: `delivered`, `ignored`, `quarantined`, or `received` for what would have to wait.
        text: The reply, or why there is none.
    """

    name: str
    contact: str
    question: str = field(repr=False)
    outcome: str
    text: str = field(repr=False)


def rehearse(box: OMBox, *, model: str | None = None) -> Iterator[Rehearsed]:
    """Answer what waits and what lies in the inbox, and keep every answer to ourselves.

    Only the index is brought up to date, as by every question. No folder is made, so an unknown
    number reads `public` as it would with an empty one. Limits by the hour are not looked at.

    Args:
        box: Stays the caller's to close.
        model: Name of an Ollama model.

    Raises:
        BoxError: The box cannot be read.
    """
    exchange = Exchange.of(box)
    for contact, queue in Queues(box, {exchange.name: exchange}).all():
        for message in queue.unfinished():
            if not message.is_notice:
                yield _answered(
                    box, message.id, contact, message.sender, message.said, message.question, model
                )
    for path in inbox.message_files(exchange.inbox):
        arrival = inbox.read(path)
        if arrival is not None:
            yield _of_file(box, arrival, model)


def _of_file(box: OMBox, arrival: inbox.Arrival, model: str | None) -> Rehearsed:
    name, content = arrival.path.name, arrival.content

    def ends(outcome: str, text: str, *, contact: str = "", question: str = "") -> Rehearsed:
        return Rehearsed(name=name, contact=contact, question=question, outcome=outcome, text=text)

    if isinstance(content, inbox.Broken):
        age_s = time.time() - arrival.arrived_at
        may_become_one = content.may_be_unfinished and age_s <= inbox.YOUNG_S
        return ends("received" if may_become_one else "quarantined", content.reason)
    try:
        contact = box.correspondent(content.sender).contact
    except (ContactError, ContactsError) as error:
        is_nobody = isinstance(error, ContactError)
        return ends("quarantined", NOBODY) if is_nobody else ends("received", str(error))
    if content.question is None:
        return ends("ignored", 'it does not begin with "om", or asks nothing', contact=contact)
    if schedule.is_stale(arrival.arrived_at, time.time(), max_age_s=MAX_AGE_S):
        return ends("failed", TOO_OLD, contact=contact, question=content.question)
    return _answered(box, name, contact, content.sender, content.said, content.question, model)


def _answered(  # noqa: PLR0917 — the fields of a message
    box: OMBox, name: str, contact: str, sender: str, said: str, question: str, model: str | None
) -> Rehearsed:
    try:
        text = box.view(sender).reply(question, model=model, said=said).text
    except PragError as error:
        return Rehearsed(
            name=name, contact=contact, question=question, outcome="received", text=str(error)
        )
    return Rehearsed(name=name, contact=contact, question=question, outcome="delivered", text=text)
