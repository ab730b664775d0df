"""`Indexer`: keeps the index current behind the responder's back, once the folder has come to rest.

Floor: street. No answer depends on it: a question brings what it reads up to date itself. What was
indexed before only answers sooner.
"""

import threading

from partitioned_rag.box import OMBox
from partitioned_rag.errors import PragError
from partitioned_rag.responder.observer import Observer
from partitioned_rag.values import Progress

QUIET_S = 1.5


class _ClosedError(Exception):
    """Leaves the middle of an index, which is as safe there as a kill."""


class Indexer:
    """A thread that indexes a box when it has been changed and then left alone for a moment."""

    def __init__(self, box: OMBox, observer: Observer) -> None:
        """Begin with the box as it is; `close` ends it."""
        self._box = box
        self._observer = observer
        self._changed = threading.Event()
        self._changed.set()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prag-indexer", daemon=True)
        self._thread.start()

    def note_change(self) -> None:
        """Say that something in the folder has changed."""
        self._changed.set()

    def close(self) -> None:
        """End it, between two files."""
        self._closed.set()
        self._changed.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._changed.wait()
            while self._changed.is_set() and not self._closed.is_set():
                self._changed.clear()
                self._closed.wait(QUIET_S)
            if self._closed.is_set():
                return
            try:
                self._observer.indexed(self._box.index(progress=self._stop_if_closed))
            except _ClosedError:
                return
            except PragError as error:
                self._observer.told(f"the index is not current: {error}")

    def _stop_if_closed(self, _: Progress) -> None:
        if self._closed.is_set():
            raise _ClosedError
