"""A phrase that stands in a file is found, in whichever script: through the whole search."""

import pytest

from partitioned_rag import OMBox, Weights

KEYS = {
    "english": ("The key is under the blue vase.", "blue vases"),
    "french": ("La clé est sous le vase bleu, à côté du café.", "cafe"),
    "german": ("Der Schlüssel liegt in der Straße am Hafen.", "STRASSE"),
    "russian": ("Ключ лежит под синей вазой.", "КЛЮЧ"),
    "greek": ("Το κλειδί είναι κάτω από το μπλε βάζο.", "ΚΛΕΙΔΙ"),
    "arabic": ("المِفتاح تحت المزهرية الزرقاء.", "المفتاح"),
    "hebrew": ("הַמַּפְתֵּחַ מתחת לאגרטל הכחול.", "המפתח"),
    "hindi": ("चाबी नीले फूलदान के नीचे है।", "फूलदान"),
    "chinese": ("钥匙在蓝色花瓶下面。", "蓝色花瓶"),
    "japanese": ("鍵は青い花瓶の下にあります。", "青い花瓶"),
    "korean": ("열쇠는 파란 꽃병 아래에 있어요.", "꽃병"),
    "thai": ("กุญแจอยู่ใต้แจกันสีน้ำเงิน", "แจกัน"),
    "burmese": ("သော့က အပြာရောင်ပန်းအိုးအောက်မှာရှိတယ်", "ပန်းအိုး"),
    "emoji and words": ("🔑 key → blue vase 🏺", "vase"),
}
BY_WORDS = Weights(cosine=0, speaker=0, sitting=0)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> OMBox:
    root = tmp_path_factory.mktemp("scripts") / "OMBox"
    (root / "public").mkdir(parents=True)
    for name, (text, _) in KEYS.items():
        (root / "public" / f"{name}.txt").write_text(f"{text}\n", encoding="utf-8")
        (root / "public" / f"not {name}.txt").write_text("nothing of the kind\n", encoding="utf-8")
    with OMBox(root, "hashing") as opened:
        opened.index()
    return opened


@pytest.mark.parametrize("script", KEYS)
def test_a_phrase_of_every_script_is_found_by_its_words(box: OMBox, script: str) -> None:
    _, question = KEYS[script]
    hits = box.view().search(question, k=3, weights=BY_WORDS)
    assert script in [hit.source.removeprefix("public/").removesuffix(".txt") for hit in hits[:2]]
    assert hits[0].score > hits[-1].score
