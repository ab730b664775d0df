"""What the shell says of messages: a line for each, and of those that wait.

Floor: street. Pure.
"""

from partitioned_rag.cli.render import hung, many, visible
from partitioned_rag.responder.backlog import Backlog
from partitioned_rag.responder.observer import Outcome, Unanswered
from partitioned_rag.responder.rehearsal import Rehearsed

LISTED = 20


def outcome(done: Outcome) -> str:
    """Say what became of a message.

    >>> outcome(Outcome(contact="15550100001", id="1f", state="delivered", total_s=2.04))
    '15550100001 1f delivered in 2.0 s'
    """
    taken = f" in {done.total_s:.1f} s" if done.total_s else ""
    reason = f": {done.reason}" if done.reason else ""
    return f"{visible(done.contact) or 'inbox'} {visible(done.id)} {done.state}{taken}{reason}"


def unanswered(left: Unanswered) -> str:
    """Say what was left of a contact, and why.

    >>> unanswered(Unanswered(contact="friend", messages=2, reason="so it is", is_trouble=False))
    '2 messages of friend left: so it is'
    """
    what = "messages" if left.messages is None else many(left.messages, "message")
    return f"{what} of {visible(left.contact)} left: {visible(left.reason)}"


def rehearsed(each: Rehearsed) -> str:
    """Show what would become of a message."""
    who = visible(each.contact or each.name)
    asked = f" asks: {visible(each.question)}" if each.question else ""
    return f"{who}{asked}\n  {each.outcome}: {visible(each.text)}\n"


def backlog(found: Backlog, *, width: int) -> str:
    """Say who waits, the longest queue first, and what was put away; nothing if that is nothing."""
    lines: list[str] = []
    if found.waiting:
        total = sum(each.messages or 0 for each in found.waiting)
        lines += ["", f"{many(total, 'message')} to be answered, as `prag run` does:"]
        by_length = sorted(found.waiting, key=lambda each: (-(each.messages or 0), each.contact))
        for each in by_length[:LISTED]:
            how_many = "the queue cannot be read now" if each.messages is None else each.messages
            lines += hung(f"{each.contact}: {how_many}", width=width)
        hidden = len(by_length) - LISTED
        lines += [f"  … and of {hidden} more; --json lists all"] if hidden > 0 else []
    if found.quarantined:
        lines += ["", f"{many(found.quarantined, 'file')} put away as no message, in:"]
        lines += hung(str(found.quarantine), width=width)
    return "".join(line + "\n" for line in lines)
