"""A local language model writes text: from a folder, with nothing fetched."""

from pathlib import Path

import pytest

from pellucid.errors import InputError, WriterError
from pellucid.models.writer import local_writer

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model of the GPT-2 class with its tokenizer."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {w: k for k, w in enumerate(["[UNK]", "[PAD]", "the", "mass", "is", "oval", "round", "."])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    path = tmp_path_factory.mktemp("model")
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(path)
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=len(words), n_positions=64, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=1
    )
    transformers.GPT2LMHeadModel(config).save_pretrained(path)
    return path


def test_it_writes_the_same_text_each_time(folder: Path) -> None:
    write = local_writer(folder, longest=5)
    said = write("the mass is", "oval .")
    assert said.strip()
    assert write("the mass is", "oval .") == said


def test_a_report_longer_than_the_model_is_one_line(folder: Path) -> None:
    with pytest.raises(WriterError, match="the model holds 64"):
        local_writer(folder)("the", "mass " * 100)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a transformers model"):
        local_writer(tmp_path)


def test_weights_that_would_be_unpickled_are_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(InputError, match="safetensors"):
        local_writer(tmp_path)
