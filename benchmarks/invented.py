"""Boxes of invented text of any size, the same on every run."""

import random
from pathlib import Path

WORDS = (
    "harbour accordion lantern orchard kettle bicycle museum tram pancake violin umbrella garden "
    "ferry bakery chapel ladder mirror compass quarry fountain the a of and in on with before "
    "after we they she he you it is was will can should never always often seldom brought found "
    "mended "
    "painted sold lost kept carried asked answered Monday Tuesday Sunday morning evening tomorrow "
    "yesterday blue green quiet noisy old new small large cheap warm cold early late seven twelve"
).split()


def sentence(rng: random.Random) -> str:
    """Make up a sentence of six to twenty words."""
    words = rng.choices(WORDS, k=rng.randint(6, 20))
    return " ".join(words).capitalize() + "."


def paragraph(rng: random.Random) -> str:
    """Make up a paragraph of about a chunk."""
    return " ".join(sentence(rng) for _ in range(rng.randint(4, 9)))


class Speaker:
    """Says sentences in which, as in any language, few words are common and most are rare.

    How often a word is said falls with its rank (Zipf, 1949).
    """

    def __init__(self, rng: random.Random, *, words: int = 8_000) -> None:
        """Make up a vocabulary."""
        syllables = "ba ke li mo nu ra si to va ze chi dro fen gal hu jor pla ster".split()
        self._rng = rng
        self._words = ["".join(rng.choices(syllables, k=rng.randint(2, 4))) for _ in range(words)]
        self._weights = [1 / (rank + 3) for rank in range(words)]
        self._small = "the a of and in on with to for is was it he she they we you this".split()

    def words(self, many: int) -> list[str]:
        """Say words that mean something."""
        return self._rng.choices(self._words, self._weights, k=many)

    def sentence(self) -> str:
        """Say a sentence of six to eighteen words."""
        said = [
            word if self._rng.random() < 0.55 else self._rng.choice(self._small)
            for word in self.words(self._rng.randint(6, 18))
        ]
        return " ".join(said).capitalize() + "."


def make_box(folder: Path, *, files: int, paragraphs: int, seed: int = 1) -> Path:
    """Write a box whose `public/` holds `files` text files of `paragraphs` paragraphs each."""
    rng = random.Random(seed)
    for number in range(files):
        path = folder / "public" / f"{number // 100:03}" / f"{number:05}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "\n\n".join(paragraph(rng) for _ in range(paragraphs))
        path.write_text(text + "\n", encoding="utf-8")
    return folder
