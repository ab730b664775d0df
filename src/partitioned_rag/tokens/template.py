"""What a model's chat template puts around the contents of messages.

Pure: it is given a function that renders. It learns from probes of its own alone, never from what
anybody wrote.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from partitioned_rag.values import Message, Role

Render = Callable[[Sequence[Message]], str | None]
Shape = tuple[Role, ...]

# Nothing that a template could have of its own, trim, or take for structure. The second is longer
# and has a line break: what a template does to that, it would do to a message.
PROBES: Final = ("q{}xjq", "Vwk {}: jqx,\nzzq {} vwx.")


@dataclass(frozen=True, slots=True)
class Template:
    """The text around the contents of one shape of prompt.

    Attributes:
        order: Which message's content stands first, second and so on.
        literals: What stands before, between and behind them: one more than there are messages.
    """

    order: tuple[int, ...]
    literals: tuple[str, ...]

    def fill(self, contents: Sequence[str]) -> str:
        """Write a prompt as the model sees it.

        Args:
            contents: Of the messages, in their order; without white space at their ends, which
                templates take off.
        """
        between = zip((contents[at] for at in self.order), self.literals[1:], strict=True)
        return self.literals[0] + "".join(content + literal for content, literal in between)


def learn(render: Render, shape: Shape) -> Template | None:
    """Find out what a template adds to messages of these roles.

    Returns:
        None if it does more than put text around contents, or cannot be seen.

    Raises:
        OllamaError: As `render`.

    >>> def render(messages):
    ...     return "".join(f"<{m.role}>{m.content}</>" for m in messages)
    >>> learn(render, (Role.SYSTEM, Role.USER)).literals
    ('<system>', '</><user>', '</>')
    """
    first, second = (
        [Message(role=role, content=probe.format(at, at)) for at, role in enumerate(shape)]
        for probe in PROBES
    )
    rendered = render(first)
    if rendered is None:
        return None
    found = _taken_apart(rendered, [message.content for message in first])
    # Once more with other contents: else it only looks as if they stood in it as they are.
    if found is None or render(second) != found.fill([message.content for message in second]):
        return None
    return found


def _taken_apart(rendered: str, contents: Sequence[str]) -> Template | None:
    if any(rendered.count(content) != 1 for content in contents):
        return None
    order = sorted(range(len(contents)), key=lambda at: rendered.index(contents[at]))
    literals: list[str] = []
    for at in order:
        before, _, rendered = rendered.partition(contents[at])
        literals.append(before)
    return Template(order=tuple(order), literals=(*literals, rendered))
