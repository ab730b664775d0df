"""A line on stderr that shows how far an index has come.

Floor: street; the home of rich, so it is imported inside a function only.
"""

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from partitioned_rag import values
from partitioned_rag.cli import render

NAME_CELLS = 16
BAR_CELLS = 12


class Bar:
    """A progress bar, one partition at a time; gone when it is closed."""

    def __init__(self) -> None:
        """Draw nothing yet."""
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=BAR_CELLS),
            TextColumn("{task.fields[files]}", markup=False),
            _Rate(),
            _Left(compact=True),
            console=Console(stderr=True, highlight=False, markup=False, emoji=False),
            transient=True,
        )
        self._task: TaskID | None = None
        self._partition = ""

    def close(self) -> None:
        """Take the bar away; twice is harmless."""
        self._progress.stop()

    def update(self, now: values.Progress) -> None:
        """Show how far the sync of a partition has come."""
        task = self._task
        if task is None or now.partition != self._partition:
            task = self._begin(now.partition)
        self._progress.update(
            task,
            completed=now.bytes_done,
            total=max(1, now.bytes_total),
            files=f"{now.sources_done}/{now.sources_total} files",
            chunks=now.chunks_done,
        )

    def note(self, text: str) -> None:
        """Write a note above the bar."""
        self._progress.console.print(Text(f"note: {render.visible(text)}"))

    def _begin(self, partition: str) -> TaskID:
        if self._task is not None:
            self._progress.remove_task(self._task)
        name = render.clip(render.visible(partition), NAME_CELLS)
        self._task = self._progress.add_task(name, total=None, files="", chunks=0)
        self._partition = partition
        self._progress.start()
        return self._task


class _Rate(ProgressColumn):
    """Chunks per second, over the whole of the partition so far."""

    def render(self, task: Task) -> Text:
        elapsed_s, chunks = task.elapsed or 0.0, int(task.fields["chunks"])
        return Text(f"{chunks / elapsed_s:.0f} chunks/s" if elapsed_s > 0 and chunks else "")


class _Left(TimeRemainingColumn):
    """The time that is left, saying so."""

    def render(self, task: Task) -> Text:
        return super().render(task) + Text(" left")
