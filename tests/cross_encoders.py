"""A cross-encoder that is small, real and knows nothing: it was given its weights by a fixed seed.

It spells every word in letters, so each letter of a text has a part in its score.
"""

import string
from pathlib import Path

import torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

MARKERS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SIGNS = string.ascii_lowercase + string.digits
POSITIONS = 130


def make_cross_encoder(folder: Path, *, outputs: int = 1, width: int = 16) -> Path:
    """Save one, as `CrossEncoder` loads it.

    Args:
        folder: Made if it is not there.
        outputs: How many numbers it has for a pair.
        width: Of what goes from layer to layer.
    """
    tokens = [*MARKERS, *SIGNS, *(f"##{sign}" for sign in SIGNS), *string.punctuation]
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=4 * width,
        max_position_embeddings=POSITIONS,
        initializer_range=0.5,
    )
    config.num_labels = outputs
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = BertForSequenceClassification(config)
    model.save_pretrained(folder)
    vocabulary = {token: number for number, token in enumerate(tokens)}
    BertTokenizer(vocab=vocabulary, model_max_length=POSITIONS).save_pretrained(folder)
    return folder
