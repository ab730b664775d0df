"""How fast the rebuilt tokenizers count, and how often they are wrong.

Needs the vocabularies and texts of shared/data beside the repository.
Both sides work in one thread, so that time of the processor is compared, which others at work on
the machine disturb least: `python benchmarks/tokens.py` (about two minutes).
"""

import gzip
import json
import random
import sys
import tempfile
import time
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import tiktoken
from ratio import ratios, save

from partitioned_rag.tokens import tokenizer
from partitioned_rag.tokens.cache import load, store
from partitioned_rag.tokens.exact import Tokenizer

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FAMILIES = {
    "qwen2": "Byte BPE (qwen2, 152 k tokens)",
    "gpt-oss": "Byte BPE (gpt-4o, 201 k tokens)",
    "mistral-spm": "SentencePiece (Mistral, 33 k tokens)",
    "bert-bge": "WordPiece (bge, 31 k tokens)",
}
# Of the recorded texts, what people write; the others are there to be nasty.
PLAIN = ("english", "chat", "code", "lang:")
PART_CHARS = 1_000
WARM_UP_PARTS = 600
RUN_PARTS = 250
RUNS = 7

Info = dict[str, object]
Case = dict[str, object]


def seconds(work: Callable[[], object]) -> float:
    """Time one call, by the processor's time for this process."""
    began = time.process_time()
    made = work()
    spent = time.process_time() - began
    del made  # to throw it away is no part of the work
    return spent


def vocabulary(name: str) -> Info:
    """Read the `model_info` of a vocabulary."""
    with gzip.open(DATA / "vocabularies" / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        info: Info = json.load(file)["model_info"]
    return info


def recorded() -> list[Case]:
    """Read the texts of which llama.cpp's ids are known."""
    with gzip.open(DATA / "vocabularies" / "cases.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def parts(cases: Sequence[Case]) -> list[str]:
    """Cut what people write into parts of a thousand characters, in a random but fixed order."""
    plain = [str(c["text"]) for c in cases if str(c["category"]).startswith(PLAIN)]
    abstracts = (DATA / "cranfield" / "cran.all.1400.xml").read_text(encoding="utf-8")
    text = "\n".join([*plain, abstracts])
    cut = [text[i : i + PART_CHARS] for i in range(0, len(text), PART_CHARS)]
    random.Random(1).shuffle(cut)
    return cut


def baseline(info: Info) -> Callable[[str], int]:
    """Make tiktoken's encoder of the same merges; it is compiled code, and in one thread here."""
    letters = {}
    beyond = 0x100
    for byte in range(0x100):
        visible = 0x21 <= byte <= 0x7E or 0xA1 <= byte <= 0xAC or byte >= 0xAE
        letters[chr(byte if visible else beyond)] = byte
        beyond += not visible
    ranks = {bytes([byte]): byte for byte in range(0x100)}
    merges = info["tokenizer.ggml.merges"]
    for merge in merges if isinstance(merges, list) else ():
        ranks.setdefault(bytes(letters[each] for each in merge.replace(" ", "")), len(ranks))
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    encoding = tiktoken.Encoding("qwen2", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return lambda text: len(encoding.encode_ordinary(text))


def speed(ours: Tokenizer, theirs: Callable[[str], int], texts: list[str]) -> dict[str, float]:
    """Compare how many bytes a second are counted, of texts that neither has seen before.

    Each run is as a prompt is: a counter that remembers nothing, and as many texts as candidates.
    They are prompts of a process that has counted others before; how fast it counts its very first
    one, without compiled code, is said beside.
    """
    first = megabytes_per_second(ours.counter(), texts[:RUN_PARTS])
    megabytes_per_second(ours.counter(), texts[RUN_PARTS:WARM_UP_PARTS])
    unseen = (
        texts[i : i + RUN_PARTS] for i in range(WARM_UP_PARTS, len(texts) - RUN_PARTS, RUN_PARTS)
    )
    # Each of a pair gets the same texts: ours goes first and fetches them.
    at_hand: list[str] = []

    def ours_next() -> float:
        at_hand[:] = next(unseen)
        return megabytes_per_second(ours.counter(), at_hand)

    found = ratios(ours_next, lambda: megabytes_per_second(theirs, at_hand), runs=RUNS)
    return found | {"first_prompt": first}


def megabytes_per_second(count: Callable[[str], int], texts: Sequence[str]) -> float:
    """Count texts one by one."""
    size = sum(len(text.encode()) for text in texts)
    return size / 1e6 / seconds(lambda: [count(text) for text in texts])


def loading(info: Info) -> dict[str, float]:
    """Compare loading from the cache with reading the JSON of the arrays alone, in seconds."""
    raw = json.dumps([v for v in info.values() if isinstance(v, list)])
    with tempfile.TemporaryDirectory() as folder:
        store(Path(folder), "digest", info, tokenizer(info))
        (path,) = Path(folder).iterdir()
        found = ratios(
            lambda: seconds(lambda: load(Path(folder), "digest")),
            lambda: seconds(lambda: json.loads(raw)),
            runs=RUNS,
        )
        return found | {"file_megabytes": path.stat().st_size / 1e6}


def wrong(name: str, made: Tokenizer, cases: Sequence[Case]) -> int:
    """Count the texts of which the ids are not llama.cpp's."""

    def summary(text: str) -> Iterator[int]:
        for ids in (made.ids(text), made.ids(text, special=False, bos=False)):
            yield from (len(ids), zlib.crc32(array("i", ids).tobytes()))

    return sum([*summary(str(c["text"]))] != c["expect"][name] for c in cases)  # type: ignore[index]


def main() -> None:
    """Ask each question of each family."""
    if not DATA.is_dir():
        sys.exit(f"needs {DATA}")
    cases = recorded()
    texts = parts(cases)
    theirs = baseline(vocabulary("qwen2"))
    answers: dict[str, object] = {}
    for name, family in FAMILIES.items():
        info = vocabulary(name)
        made = tokenizer(info)
        question = f"{family}: MB/s counted of unseen text, against tiktoken with qwen2's merges."
        found = speed(made, theirs, texts)
        answers[f"{name} speed"] = {"question": question} | found
        question = f"{family}: seconds to load from the cache, against JSON of the same arrays."
        answers[f"{name} load"] = {"question": question} | loading(info)
        answers[f"{family}: texts"] = len(cases)
        answers[f"{family}: texts with other ids than llama.cpp's"] = wrong(name, made, cases)
    save("tokens", answers, packages=("tiktoken",))


if __name__ == "__main__":
    main()
