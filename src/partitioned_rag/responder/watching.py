"""`Watch`: learns from the operating system that something has changed, so that nobody has to look.

Floor: street; the home of watchfiles. Where a file system gives no events, as over a network,
nothing is rung: whoever relies on it also looks now and then.
"""

import os
import threading
from collections.abc import Callable, Collection
from pathlib import Path

import watchfiles

# Events are gathered for so long; what is shorter wakes an idle process more often.
STEP_MS = 20
DEBOUNCE_MS = 200


class Watch:
    """A thread that tells of changes in folders."""

    def __init__(
        self,
        root: Path,
        *,
        exchanges: Collection[Path],
        ignored: Path,
        on_exchange: Callable[[], None],
        on_source: Callable[[], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        """Begin to watch; `close` ends it.

        Args:
            root: The box.
            exchanges: Folders of inboxes and outboxes, within the box or elsewhere.
            ignored: The index, if it lies in the box.
            on_exchange: Told that something has changed in one of those.
            on_source: Told that something else has changed in the box.
            on_trouble: Told, in a sentence, that there will be no events, and why.
        """
        self._root = root
        self._exchanges = tuple(f"{folder}{os.sep}" for folder in exchanges)
        self._ignored = f"{ignored}{os.sep}"
        self._on_exchange = on_exchange
        self._on_source = on_source
        self._on_trouble = on_trouble
        self._closed = threading.Event()
        self._folders = {root, *(each for each in exchanges if not each.is_relative_to(root))}
        self._thread = threading.Thread(target=self._run, name="prag-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._closed.set()

    def _run(self) -> None:
        try:
            for changes in watchfiles.watch(
                *self._folders,
                watch_filter=self._matters,
                step=STEP_MS,
                debounce=DEBOUNCE_MS,
                stop_event=self._closed,
                raise_interrupt=False,
            ):
                paths = [path for _, path in changes]
                if any(path.startswith(self._exchanges) for path in paths):
                    self._on_exchange()
                if not all(path.startswith(self._exchanges) for path in paths):
                    self._on_source()
        # The library raises its own errors, those of the system, and bare ones of its Rust half.
        except Exception as error:  # noqa: BLE001
            self._on_trouble(
                f"the folder is looked at now and then, since it gives no events: {error}"
            )

    def _matters(self, _: watchfiles.Change, path: str) -> bool:
        """Pass over the index, and the replies that we write ourselves."""
        return not path.startswith(self._ignored) and not path.endswith(".reply")
