"""What `prag run` says of each message, a line for each.

Floor: street. Pure.
"""

from partitioned_rag.cli.render import visible
from partitioned_rag.responder.observer import Outcome
from partitioned_rag.responder.rehearsal import Rehearsed


def outcome(done: Outcome) -> str:
    """Say what became of a message.

    >>> outcome(Outcome(contact="15550100001", id="1f", state="delivered", total_s=2.04))
    '15550100001 1f delivered in 2.0 s'
    """
    taken = f" in {done.total_s:.1f} s" if done.total_s else ""
    reason = f": {done.reason}" if done.reason else ""
    return f"{visible(done.contact) or 'inbox'} {visible(done.id)} {done.state}{taken}{reason}"


def rehearsed(each: Rehearsed) -> str:
    """Show what would become of a message."""
    who = visible(each.contact or each.name)
    asked = f" asks: {visible(each.question)}" if each.question else ""
    return f"{who}{asked}\n  {each.outcome}: {visible(each.text)}\n"
