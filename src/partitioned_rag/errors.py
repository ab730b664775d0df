"""Everything that can go wrong for a reason that is not a bug.

    PragError                 what happened, where, what to do
    ├─ InputError             the caller must change something            (exit 2)
    │  ├─ BoxError            missing, a file, unreadable, .prag is a link
    │  ├─ ContactError        empty, reserved, malformed, ambiguous
    │  ├─ ContactsError       contacts.toml cannot be used: which line, and why
    │  └─ MessageTooLongError by how many tokens
    └─ WorkError              the input was fine, the work failed         (exit 1)
       ├─ StoreError          locked, damaged, made by another embedder
       ├─ EmbedderError       weights missing or not the verified ones
       ├─ OllamaError         not running, model not pulled, refused, timed out
       │  └─ ContextLengthError  the prompt is longer than the model's window
       ├─ TokenizerError      the model's tokenizer cannot be rebuilt
       └─ StaleSourcesError   sources kept changing while the model was thinking

Floor: words. Imports nothing of ours. No message quotes content or names anything outside the
partition at hand. Misuse by a programmer is a plain `ValueError` instead.
"""

from typing import ClassVar


class PragError(Exception):
    """What happened, where, and what to do about it.

    Attributes:
        what: What happened.
        where: The path, contact, host or model it happened to; may be empty.
        fix: What the reader can do now; may be empty.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        remedy = f": {self.fix}" if self.fix else ""
        return f"{self.what}{place}{remedy}"


class InputError(PragError):
    """The caller must change something."""

    exit_code: ClassVar[int] = 2


class BoxError(InputError):
    """The OMBox is missing, is no folder, cannot be read, or cannot hold its index."""


class ContactError(InputError):
    """A contact's id is empty, reserved, malformed or ambiguous."""


class ContactsError(InputError):
    """The owner's `contacts.toml` cannot be used, so who a sender is cannot be known."""


class MessageTooLongError(InputError):
    """The message alone does not fit the budget.

    Attributes:
        excess_tokens: By how many tokens.
    """

    def __init__(self, what: str, *, excess_tokens: int, where: str = "", fix: str = "") -> None:
        super().__init__(what, where=where, fix=fix)
        self.excess_tokens = excess_tokens


class WorkError(PragError):
    """The input was fine, the work failed."""


class StoreError(WorkError):
    """A partition's index cannot be used."""


class EmbedderError(WorkError):
    """The embedder cannot be loaded or failed."""


class OllamaError(WorkError):
    """The model's server is not running, refused, or broke off."""


class ContextLengthError(OllamaError):
    """The model's server refused a prompt, or a text to embed, as longer than its window.

    Attributes:
        excess_tokens: How many tokens it must lose at least; None if the server did not say.
    """

    def __init__(
        self, what: str, *, excess_tokens: int | None, where: str = "", fix: str = ""
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.excess_tokens = excess_tokens


class EmptyReplyError(OllamaError):
    """The model answered, and said nothing."""


class TokenizerError(WorkError):
    """A model's tokenizer cannot be rebuilt from what its server says of it."""


class StaleSourcesError(WorkError):
    """What was quoted kept changing in the folder before the answer could leave."""
