"""A tour in a minute: one folder, one question, four audiences, four answers.

    python examples/demo.py

Needs no model server, no network and no account. With Ollama running it ends in replies.
The example is copied to a temporary folder first, so nothing here is changed.
"""

import os
import re
import shutil
import sys
import tempfile
import textwrap
from pathlib import Path

from partitioned_rag import Hit, OMBox, PragError, Prompt, View
from partitioned_rag.ollama_address import host_of
from partitioned_rag.ollama_api import Ollama

EXAMPLE = Path(__file__).with_name("OMBox")
QUESTION = "Are you free on Sunday?"
AWKWARD = "Is someone moving out of the room above the bakery?"
ODILE, PIP = "15550100123", "friend"
AUDIENCES = {
    "anyone at all": (),
    "Odile": (ODILE,),
    "Pip": (PIP,),
    "Odile and Pip together": (ODILE, PIP),
}
WIDTH = 78
RUN_WORDS = 6
LAST_MESSAGES = 3
MANY = 2
COLOURS = {"bold": "1", "dim": "2", "green": "32", "red": "31", "cyan": "36"}
IS_PLAIN = (
    not sys.stdout.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") in {None, "dumb"}
)


def main() -> None:
    """Give the tour."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "OMBox")
        shutil.copytree(EXAMPLE, folder)
        introduce(folder)
        with OMBox(folder, ollama_host=host_of(os.environ.get("OLLAMA_HOST"))) as box:
            index(box)
            views = {who: box.view(*contacts) for who, contacts in AUDIENCES.items()}
            ask_everyone(views)
            ask_awkwardly(views)
            prompts = {who: view.prompt(QUESTION) for who, view in views.items()}
            show_prompt(prompts["Pip"])
            check(folder, prompts)
            change_a_mind(folder, views["Pip"])
            reply(views)


# ---------------------------------------------------------------- the stations of the tour


def introduce(folder: Path) -> None:
    """Say whose folder this is."""
    say()
    say(paint("partitioned_rag: give the model no secrets to keep", "bold"))
    say()
    paragraph(
        "Juno mends bicycles. People write to her, and a small model on her own machine drafts the"
        " answers. It may use what lies in her folder, and this is the folder (all made up):"
    )
    say()
    chats = {ODILE: "Odile, the baker next door", PIP: "Pip, who lives above the bakery"}
    for part in ("public", ODILE, PIP):
        held = [path for path in (folder / part).iterdir() if path.is_file()]
        turns = sum(len(texts(path)) for path in held if path.name == "chat.log")
        what = f"{chats[part]}: {turns} messages" if turns else "what anyone may know"
        say(f"   {part + '/':<14}{len(held)} files   {what}")
    say()
    words = sum(len(text.split()) for path in files(folder) for text in texts(path))
    paragraph(
        f"These are {words:,} words, more than the model can read at once: the right ones must be"
        " found. And Odile must not hear about her surprise party, nor Pip that Odile may give up"
        " the shop. Juno knows both. The model should not have to."
    )


def index(box: OMBox) -> None:
    """Read, cut and embed everything."""
    station("The folder is read", "prag index")
    print("   loading the embedder ...", file=sys.stderr)
    report = box.index()
    for partition in report.partitions:
        held = f"{partition.sources} files   {partition.chunks:>3} chunks"
        say(f"   {partition.id:<14}{held}   {len(partition.skipped)} skipped")
    say()
    paragraph("Three partitions, three indexes, three directories. No index holds two of them.")


def ask_everyone(views: dict[str, View]) -> None:
    """Ask one question as everyone, and show what each may read and what is found."""
    station(f'One question: "{QUESTION}"')
    for who, view in views.items():
        say(f"   {paint(f'asked by {who}', 'bold')}")
        command(f'prag search "{QUESTION}"', view)
        say(f"     may read  {', '.join(view.partitions)}")
        found = view.search(QUESTION)
        quote("finds", nearest(found, view), QUESTION)
        if others := {hit.source for hit in found} - {nearest(found, view).source}:
            paragraph(f"and in {listed(sorted(others))}", indent=15)
        say()
    paragraph(
        "The number says how well a piece of text answers, by its words and its meaning, at most 1."
        " Two who ask together get what each of them may read. Nothing is filtered out of a common"
        " pile: there is no common pile."
    )


def ask_awkwardly(views: dict[str, View]) -> None:
    """Ask what would hurt, and show the best hit of each."""
    station(f'The awkward one: "{AWKWARD}"')
    for who, view in views.items():
        if len(view.audience.contacts) < MANY:
            say(f"   {paint(f'asked by {who}', 'bold')}")
            quote("finds", nearest(view.search(AWKWARD), view), AWKWARD)
            say()
    paragraph("Each of the two finds their own half of the truth, and not the other's.")


def show_prompt(prompt: Prompt) -> None:
    """Show what would be sent for Pip, and what it costs."""
    station("What the model is given, when Pip asks", f'prag prompt "{QUESTION}" --as {PIP}')
    system, *chat = prompt.messages
    rules, _, context = system.content.partition("\n\n")
    show_message("system", rules, lines=3)
    intro, *excerpts = [f"@@@ {text}" for text in context.removesuffix("@@@").split("\n@@@ ")]
    show_message("", intro.removeprefix("@@@ "), lines=3)
    own = [text for text in excerpts if text.startswith(f"@@@ {PIP}/")]
    for text in [*excerpts[:1], *own[-1:]]:
        show_message("", text, lines=4)
    listing = f"… in all {len(excerpts)} excerpts, {len(own)} of them from {PIP}/"
    say(f"   {'':11}{paint(listing, 'dim')}")
    if between := chat[:-LAST_MESSAGES]:
        say(f"   {'':11}{paint(f'… {len(between)} more messages of the chat with Pip', 'dim')}")
    for message in chat[-LAST_MESSAGES:]:
        show_message(message.role.value, message.content, lines=4)
    say()
    widest = max((item.tokens for item in prompt.bill), default=1) or 1
    for item in filter(lambda item: item.tokens, prompt.bill):
        bar = "█" * round(36 * item.tokens / widest)
        say(f"   {item.part:<22}{item.tokens:>7,} tokens  {paint(bar, 'cyan')}")
    say(f"   {'in all':<22}{prompt.tokens:>7,} of {prompt.budget:,}, {prompt.count.value}")
    reasons: dict[str, int] = {}
    for omitted in prompt.omitted:
        reasons[omitted.reason.value] = reasons.get(omitted.reason.value, 0) + 1
    for reason, count in sorted(reasons.items()):
        say(f"   {'left out':<22}{count:>7,} found, {reason}")


def check(folder: Path, prompts: dict[str, Prompt]) -> None:
    """Look for the words of each folder in the prompts of those who may not read it."""
    station("Is that so? Six words in a row that only one folder has")
    of = {part: runs_of(folder / part) for part in ("public", ODILE, PIP)}
    secrets = {
        "Odile": of[ODILE] - of[PIP] - of["public"],
        "Pip": of[PIP] - of[ODILE] - of["public"],
    }
    row = "   {:<38}" + "{:>18}" * len(secrets)
    say(row.format("", *(f"{name}'s folder" for name in secrets)))
    say(row.format("such runs in it", *(f"{len(secret):,}" for secret in secrets.values())))
    leaks = 0
    for who, prompt in prompts.items():
        sent = runs("\n".join(message.content for message in prompt.messages))
        found = [
            "theirs" if who == name else verdict(len(sent & secret))
            for name, secret in secrets.items()
        ]
        leaks += sum("LEAK" in each for each in found)
        say(row.format(f"in the prompt for {who}", *found))
    everything = set[str]().union(*of.values())
    seen = [f"{len(everything & secret):,} LEAK" for secret in secrets.values()]
    say(row.format("the same search in one pile of it all", *seen))
    say()
    if leaks:
        sys.exit("   Something of one folder stands in the prompt of another: this is a bug.")
    paragraph("Nothing of Odile's folder stands in Pip's prompt, and nothing of Pip's in Odile's.")


def verdict(found: int) -> str:
    """Say what a number of foreign runs in a prompt means."""
    return f"{found:,} LEAK" if found else "0 ok"


def change_a_mind(folder: Path, view: View) -> None:
    """Delete the file that answers best, and ask again."""
    hits = view.search(QUESTION)
    best = hits[0].source
    station("The folder is the truth", f"rm {best}")
    before = sum(hit.source == best for hit in hits)
    (folder / best).unlink()
    after = sum(hit.source == best for hit in view.search(QUESTION))
    paragraph(
        f"Hits from that file among Pip's first ten: {before} before it was deleted, {after} in"
        " the very next search. No command in between."
    )


def reply(views: dict[str, View]) -> None:
    """Let the model answer, if there is one."""
    station("The answers", f'prag ask "{QUESTION}" --as {PIP}')
    try:
        with Ollama(host_of(os.environ.get("OLLAMA_HOST"))) as ollama:
            pulled = ollama.models()
    except PragError:
        paragraph(
            "The prompts are ready, and no Ollama runs here to answer them. For replies, get it"
            " from ollama.com, run `ollama serve` and `ollama pull qwen3:4b`, and come back."
        )
        return
    talkers = [name for name in pulled if not re.search(r"embed|minilm|bge", name)]
    usual = [name for name in talkers if name.startswith("gemma4")]
    wanted = os.environ.get("PRAG_MODEL") or next(iter(usual + talkers), "")
    if not wanted:
        paragraph(
            "Ollama runs here and has no model yet: run `ollama pull qwen3:4b`, and come back."
        )
        return
    for who, view in views.items():
        say(f"   {paint(f'to {who}', 'bold')} ({wanted})")
        try:
            answer = view.reply(QUESTION, model=wanted)
        except PragError as error:
            paragraph(str(error))
            return
        show_message("", answer.text.strip(), lines=6)


# ---------------------------------------------------------------- looking for words


def files(folder: Path) -> list[Path]:
    """List the files that are text as they stand."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pdf")


def texts(path: Path) -> list[str]:
    """Give what a file says: a chat by message, anything else whole."""
    content = path.read_text(encoding="utf-8")
    if path.name == "chat.log":
        return [re.sub(r"^\[.*?\] (them|me): ", "", line) for line in content.splitlines()]
    return [content]


def runs_of(folder: Path) -> set[str]:
    """Give every run of six words of a folder's files."""
    return {run for path in files(folder) for text in texts(path) for run in runs(text)}


def runs(text: str) -> set[str]:
    """Give every run of six words."""
    words = re.findall(r"\w+", text.casefold())
    return {" ".join(words[at : at + RUN_WORDS]) for at in range(len(words) - RUN_WORDS + 1)}


# ---------------------------------------------------------------- showing


def nearest(hits: list[Hit], view: View) -> Hit:
    """Choose the best hit of the asker's own partition; of `public` where there is none."""
    own = [hit for hit in hits if hit.partition != "public"]
    return (own or hits)[0]


def quote(label: str, hit: Hit, question: str) -> None:
    """Show a hit: where it stands, and its line that is closest to the question."""
    wanted = set(re.findall(r"\w{4,}", question.casefold()))
    lines = [line.strip() for line in hit.text.splitlines() if line.strip()]
    # Of equals the last: in a chat, the answer comes after the question.
    best = max(
        reversed(lines), key=lambda line: len(wanted & set(re.findall(r"\w+", line.casefold())))
    )
    best = re.sub(r"^\[(\S+) \S+\] (\w+):", r"\1 \2:", best)
    say(f"     {label:<9} {hit.source}  {paint(f'{hit.score:.2f}', 'dim')}")
    for line in textwrap.wrap(best, WIDTH - 18, max_lines=3, placeholder=" ..."):
        say(f"{'':15}{paint('│', 'dim')} {line}")


def listed(names: list[str]) -> str:
    """Join names as one does in a sentence."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def show_message(role: str, text: str, *, lines: int) -> None:
    """Show the beginning of a message, and how much more there is."""
    wrapped = [
        piece for line in text.splitlines() for piece in textwrap.wrap(line, WIDTH - 16) or [""]
    ]
    for number, line in enumerate(wrapped[:lines]):
        who = "" if number else role
        say(f"   {paint(f'{who:<10}', 'cyan')} {paint('│', 'dim')} {line}")
    if len(wrapped) > lines:
        say(f"   {'':11}{paint(f'│ … {len(wrapped) - lines} more lines', 'dim')}")


def station(title: str, shell: str = "") -> None:
    """Begin a part of the tour, with the command that does the same in a shell."""
    say()
    say(paint(f"── {title} ".ljust(WIDTH, "─"), "bold"))
    if shell:
        say(f"   {paint('$ ' + shell, 'dim')}")
    say()


def command(line: str, view: View) -> None:
    """Show the command that does the same in a shell."""
    asked = "".join(f" --as {contact}" for contact in view.audience.contacts)
    say(f"     {paint(f'$ {line}{asked}', 'dim')}")


def paragraph(text: str, *, indent: int = 3) -> None:
    """Say something at a width that is pleasant to read."""
    for line in textwrap.wrap(text, WIDTH - indent, break_on_hyphens=False):
        say(f"{'':{indent}}{line}")


def paint(text: str, colour: str) -> str:
    """Colour a text, on a terminal alone."""
    return text if IS_PLAIN else f"\033[{COLOURS[colour]}m{text}\033[0m"


def say(line: str = "") -> None:
    """Print a line at once, so that a slow step is not taken for a standstill."""
    print(line.rstrip(), flush=True)


if __name__ == "__main__":
    main()
