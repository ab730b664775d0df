"""`OMBox`: the owner's object, and the only place that opens partitions.

Floor: facade, over `view`. What it hands to a `View` is exactly what `readable` returned.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from partitioned_rag.audience import readable
from partitioned_rag.contacts import Contacts
from partitioned_rag.contacts_file import ContactsFile
from partitioned_rag.durable import sweep
from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.embedding.registry import DEFAULT_EMBEDDER, open_embedder
from partitioned_rag.embedding.reranker import CrossEncoderReranker, Reranker
from partitioned_rag.errors import ContactError, PragError, StoreError
from partitioned_rag.folders import look_into
from partitioned_rag.identity import PUBLIC, identify, looks_like, phone_digits
from partitioned_rag.partition import Partition
from partitioned_rag.place import IndexFolder, box_folder
from partitioned_rag.reply import gather
from partitioned_rag.summary import Said, summarise, summary_tokens
from partitioned_rag.tokens.models import DEFAULT_WINDOW_TOKENS, Models
from partitioned_rag.values import (
    Audience,
    BoxStatus,
    ContactId,
    Correspondent,
    Finding,
    IndexReport,
    Message,
    PartitionId,
    PartitionReport,
    PartitionSummaries,
    Progress,
    SummaryProgress,
    SummaryReport,
)
from partitioned_rag.view import DEFAULT_MODEL, REPLY_TOKENS, View

# An open partition costs some 5 MB, 11 file handles and 6 threads.
OPEN_AT_MOST = 8
DEFAULT_OLLAMA = "http://127.0.0.1:11434"


class OMBox:
    """A folder of what its owner wants known, `public/` and by contact, and the index of it.

    A context manager. Threads may share it.

    >>> with OMBox("~/OMBox") as box:  # doctest: +SKIP
    ...     hits = box.view("15551234567").search("are you free on sunday?")
    """

    def __init__(
        self,
        path: str | Path,
        embedder: str | Embedder | None = None,
        *,
        index: str | Path | None = None,
        ollama_host: str | None = None,
        reranker: str | Path | Reranker | None = None,
        window: int | None = None,
        asks_once: bool = False,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        """Open an OMBox; nothing is read or written yet.

        Args:
            path: The folder; `~` is expanded.
            embedder: A name (`all-MiniLM-L6-v2`, `hashing`, `ollama:MODEL`, a folder with a
                sentence-transformers model), or an `Embedder`; the first by default.
            index: Where the index is kept; `.prag` in the folder by default.
            ollama_host: As in `OLLAMA_HOST`; this machine's port 11434 by default.
            reranker: A folder with a cross-encoder, or a `Reranker`, which puts the best of what a
                search finds in order; none by default. Nothing is indexed anew for it.
            window: Tokens of the model's window to ask for, prompt and reply together; what Ollama
                has set for the model by default, else 4,096; never more than it was trained for.
            asks_once: Whether the process ends with its first question, as in `open_embedder`.
            notify: Told, a sentence at a time, of waiting and of rebuilding.

        Raises:
            BoxError: The folder is missing, is no folder or cannot be read, or its index cannot be.
            EmbedderError: There is no embedder of that name.
            InputError: The window is too small, or the reranker's folder holds no cross-encoder.
        """
        self.path = box_folder(path)
        self._index = IndexFolder(self.path, index)
        self._contacts = ContactsFile(self.path)
        self._ollama_host = ollama_host or DEFAULT_OLLAMA
        self._embedder = (
            open_embedder(
                embedder or DEFAULT_EMBEDDER, ollama_host=self._ollama_host, asks_once=asks_once
            )
            if embedder is None or isinstance(embedder, str)
            else embedder
        )
        self._reranker = (
            CrossEncoderReranker(reranker) if isinstance(reranker, str | Path) else reranker
        )
        self._notify = notify or _say_nothing
        self._window_tokens = window
        self._models = Models(self._index.tokenizers, window_tokens=window)
        self._partitions: dict[PartitionId, Partition] = {}
        self._pool = threading.Lock()
        if self._index.looks_synced:
            self._notify(
                f"{self._index.path} looks synced to other machines, which can damage it and"
                " uploads what is private: keep it elsewhere (PRAG_INDEX)"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of files and threads; twice is harmless. Views of this box stay usable."""
        with self._pool:
            handed_out = list(self._partitions.values())
        for partition in handed_out:
            partition.close()

    def index(self, *, progress: Callable[[Progress], None] | None = None) -> IndexReport:
        """Bring the index of every partition up to date with its folder.

        A partition whose index cannot be written is reported with its `error`, and the others are
        done all the same. The index of a folder that is no longer there is removed.

        Args:
            progress: Told after every file that was read.

        Raises:
            BoxError: The folder cannot be read.
            EmbedderError: The embedder cannot be loaded.
        """
        began = time.monotonic()
        there, skipped = look_into(self.path)
        self._index.prepare()
        reports: list[PartitionReport] = []
        for name in there.partitions:
            try:
                reports.append(self._partition(name).sync(progress=progress))
            except StoreError as error:
                reports.append(PartitionReport(id=name, error=str(error)))
        reports += self.forget_removed()
        return IndexReport(
            box=str(self.path),
            partitions=tuple(reports),
            skipped=skipped,
            seconds=time.monotonic() - began,
            contacts_error=self._contacts_error(),
        )

    def forget_removed(self) -> list[PartitionReport]:
        """Remove the index of every folder that is no longer there, and all that was kept for it.

        Returns:
            A report for each; one that cannot be removed has its `error`.

        Raises:
            BoxError: The folder cannot be read.
        """
        self._index.prepare()
        # In this order: what is kept for a folder that has just been made is not taken for gone.
        indexed = list(self._indexed())
        there, _ = look_into(self.path)
        known = {*there.partitions, *(refusal.name for refusal in there.refused)}
        reports: list[PartitionReport] = []
        for name in indexed:
            if name in known:
                continue
            try:
                reports.append(self._forget(self._partition(name)))
            except StoreError as error:
                reports.append(PartitionReport(id=name, error=str(error)))
        return reports

    def view(self, *contacts: str) -> View:
        """Make the view of one audience.

        Args:
            contacts: Everyone who will see the answers, as they write or as their folder is named.
                What `contacts.toml` has as an alias is the contact whose it is.
                One contact reads `public` and its own partition; two or more read what every one
                of them may read; none is the public at large. One without a folder reads `public`.

        Raises:
            ContactError: An id is empty, reserved, malformed, or that of a refused folder.
            ContactsError: `contacts.toml` cannot be used. The public at large is answered all the
                same: what it reads and is told depends on nothing in that file.
            BoxError: The folder cannot be read.
        """
        known, audience = self._identified(contacts)
        there, _ = look_into(self.path)
        aliases = known.aliases()
        theirs = {name for contact in audience.contacts for name in aliases.get(contact, ())}
        for refusal in there.refused:
            if refusal.name in theirs.union(audience.contacts):
                raise ContactError(refusal.detail, where=refusal.name)
        names = readable(audience, there.partitions, aliases)
        if names:
            self._index.prepare()
        handles = {name: self._partition(name) for name in names}
        # What came from an alias stands in the chat of that alias, if it has a folder.
        wrote = {identify(contact) for contact in contacts}
        chats = [*(wrote if len(wrote) == 1 else ()), *audience.contacts]
        return View(
            audience,
            handles,
            chat=next((handles[PartitionId(it)] for it in chats if it in handles), None),
            names=known.names_for(audience),
            embedder=self._embedder,
            reranker=self._reranker,
            models=self._models,
            ollama_host=self._ollama_host,
        )

    def kept_for(self, contact: str) -> Path:
        """Name the private folder of what is kept for one contact; removed with the contact.

        Raises:
            ContactError: The id is malformed or reserved.
            BoxError: The index folder cannot be written, or is not ours.
        """
        name = identify(contact)
        self._index.prepare()
        return self._index.partitions / name

    def checked_index(self) -> Path:
        """Name the folder of the index, which is ours or not there at all; changes nothing.

        Raises:
            BoxError: It is that of another OMBox, or no index.
            StoreError: The disk is failing.
        """
        self._index.check()
        return self._index.path

    def prepared_index(self) -> Path:
        """Name the folder of the index, which is there then and is ours.

        Raises:
            BoxError: It cannot be written, or is not ours.
        """
        self._index.prepare()
        return self._index.path

    def summarize(
        self,
        *contacts: str,
        model: str | None = None,
        progress: Callable[[SummaryProgress], None] | None = None,
    ) -> SummaryReport:
        """Have the local model summarise what does not fit a prompt.

        Only partitions that would not fit a prompt whole get summaries, and only of what has none:
        in a chat day by day, elsewhere of some 1,500 tokens each. A summary is kept in its
        partition's own index and goes, in the same step, with the first change of what it was made
        of. What has been made stays if the rest cannot be.

        A partition whose index cannot be written is reported with its `error`.

        Args:
            contacts: As in `view`: what they may read is summarised. None means every partition.
            model: Name of an Ollama model.
            progress: Told how far each partition has come.

        Raises:
            OllamaError: The server is not running, has not got the model, refused or broke off.
            ContactError, BoxError: As `view`.
            EmbedderError: The embedder cannot be loaded.
        """
        from partitioned_rag.ollama_api import Ollama  # noqa: PLC0415 — the door of httpx

        began = time.monotonic()
        known, audience = self._identified(contacts)
        there, _ = look_into(self.path)
        names = there.partitions
        if contacts:
            names = readable(audience, there.partitions, known.aliases())
        self._index.prepare()
        name = model or DEFAULT_MODEL
        done: list[PartitionSummaries] = []
        with Ollama(self._ollama_host) as ollama:
            at_hand = self._models.at_hand(ollama, name)
            window_tokens = at_hand.window_tokens

            def ask(messages: Sequence[Message]) -> Said:
                parts = ollama.chat(
                    name,
                    messages,
                    num_ctx=window_tokens,
                    num_predict=summary_tokens(window_tokens),
                )
                said = gather(parts, model=name, clock=time.monotonic, on_text=None)
                return Said(said.text, said.cut)

            for each in names:
                try:
                    done.append(
                        summarise(
                            self._partition(each),
                            meter=at_hand.meter,
                            window_tokens=window_tokens,
                            whole_tokens=_whole_tokens(window_tokens),
                            ask=ask,
                            progress=progress or _say_nothing,
                        )
                    )
                except StoreError as error:
                    done.append(PartitionSummaries(id=each, error=str(error)))
        return SummaryReport(
            box=str(self.path),
            model=name,
            partitions=tuple(done),
            seconds=time.monotonic() - began,
        )

    def contacts(self) -> Contacts:
        """Give what the owner has written of contacts, as of now: one object as long as it stands.

        Raises:
            ContactsError: `contacts.toml` cannot be used.
        """
        return self._contacts.read()

    def correspondent(self, sender: str) -> Correspondent:
        """Say who a sender is by the owner's word, and where an answer to them goes.

        Args:
            sender: What the message names as its sender, as it stands there.

        Raises:
            ContactError: It is neither a phone number nor an alias that the owner has listed.
            ContactsError: `contacts.toml` cannot be used, so who it is cannot be known.
        """
        return self._contacts.read().correspondent(sender)

    def contact_of(self, written: str) -> ContactId:
        """Say which contact the owner means: by folder, number or alias; changes nothing.

        Raises:
            ContactError: It is empty, reserved or malformed.
            ContactsError: `contacts.toml` cannot be used, so who it is cannot be known.
        """
        return self._contacts.read().contact_of(written).id

    def has_folder(self, contact: str) -> bool:
        """Say whether a contact has a partition of its own.

        Raises:
            ContactError: The id is malformed or reserved.
        """
        return identify(contact) in map(str, look_into(self.path)[0].partitions)

    def surprises(self, *contacts: str) -> list[str]:
        """Say, for the owner's eyes, what could surprise about a view of these contacts.

        Raises:
            ContactError, ContactsError, BoxError: As `view`.
        """
        known, audience = self._identified(contacts)
        there, _ = look_into(self.path)
        names = readable(audience, there.partitions, known.aliases())
        reads = ", ".join(names) or "nothing"
        told: list[str] = []
        if PUBLIC not in there.partitions:
            why = next(
                (each.detail for each in there.refused if looks_like(each.name, PUBLIC)),
                "this OMBox has no folder public/",
            )
            told.append(f"nothing public is read: {why}")
        for contact in audience.contacts:
            if contact in map(str, there.partitions):
                continue
            alone = f": reading {reads} alone" if len(audience.contacts) == 1 else ""
            told.append(f"contact {contact} has no folder in this OMBox{alone}")
            told += [
                f"the folder {each.name!a} is not read: {each.detail}"
                for each in there.refused
                if phone_digits(each.name) == contact
            ]
        if len(audience.contacts) > 1:
            them = ", ".join(audience.contacts)
            told.append(f"for {them} together, reading what each of them may read: {reads}")
        told += [
            f"the folder {name} cannot be read"
            for name in names
            if not os.access(self.path / name, os.R_OK | os.X_OK)
        ]
        return told

    def examine(self, *, model: str | None = None) -> Iterator[Finding]:
        """Look over all that an answer needs, as `prag doctor` does.

        Args:
            model: The Ollama model that would be asked.

        Raises:
            BoxError, StoreError: As `status`.
        """
        from partitioned_rag.doctor import examine  # noqa: PLC0415 — only who asks needs it
        from partitioned_rag.ollama_api import Ollama  # noqa: PLC0415 — the door of httpx

        return examine(
            self.status(),
            self._embedder,
            self._reranker,
            self._models,
            ollama=lambda: Ollama(self._ollama_host),
            model=model or DEFAULT_MODEL,
            contacts_error=self._contacts.problem(),
        )

    def status(self) -> BoxStatus:
        """Say what the box holds; changes nothing and loads no model.

        Raises:
            BoxError: The folder cannot be read, or the index is that of another OMBox.
            StoreError: An index cannot be read.
        """
        there, skipped = look_into(self.path)
        self._index.check()
        try:
            version = self._embedder.version
        except PragError:
            version = "unknown"
        return BoxStatus(
            box=str(self.path),
            index=str(self._index.path),
            partitions=tuple(
                self._partition(name).status(whole_tokens=_whole_tokens(self._window_tokens))
                for name in there.partitions
            ),
            skipped=skipped,
            embedder=self._embedder.name,
            embedder_version=version,
            embedder_runtime=self._embedder.runtime,
            index_bytes=self._index.size_bytes(),
            contacts_error=self._contacts_error(),
        )

    # ------------------------------------------------------------ contacts

    def _identified(self, senders: tuple[str, ...]) -> tuple[Contacts, Audience]:
        """Say who will see an answer; the public at large is nobody whom the owner could list."""
        known = self._contacts.read() if senders else Contacts()
        return known, known.audience_of(senders)

    def _contacts_error(self) -> str:
        problem = self._contacts.problem()
        return str(problem) if problem else ""

    # ------------------------------------------------------------ partitions

    def _partition(self, name: PartitionId) -> Partition:
        """Give the one handle of a partition; of all handles, the last used stay open."""
        with self._pool:
            partition = self._partitions.pop(name, None) or Partition(
                name,
                folder=self.path / name,
                index_folder=self._index.partitions / name,
                embedder=self._embedder,
                notify=self._notify,
            )
            self._partitions[name] = partition  # the last used stands last
            partition.stay_open()
            # A view may hold on to these: they still answer, and open and close for each answer.
            for other in list(self._partitions)[:-OPEN_AT_MOST]:
                self._partitions[other].let_go()
            return partition

    def _indexed(self) -> Iterator[PartitionId]:
        folder = self._index.partitions
        if folder.is_dir():
            sweep(folder)
            for path in sorted(folder.iterdir()):
                if path.is_dir():
                    yield PartitionId(path.name)

    def _forget(self, partition: Partition) -> PartitionReport:
        """Remove the index of a folder that is gone, and all that was kept for it."""
        removed = partition.forget()
        if removed is None:
            return PartitionReport(
                id=partition.id,
                note="this is a folder within the index that is none of an index: left alone",
            )
        with self._pool:
            self._partitions.pop(partition.id, None)
        return PartitionReport(id=partition.id, removed=removed)


def _say_nothing(_: object) -> None:
    pass


def _whole_tokens(window_tokens: int | None) -> int:
    """Say what a prompt may take, where nobody says otherwise."""
    window_tokens = window_tokens or DEFAULT_WINDOW_TOKENS
    return window_tokens - min(REPLY_TOKENS, window_tokens // 2)
