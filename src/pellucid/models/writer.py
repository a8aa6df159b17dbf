"""A local language model as a writer of text: a folder in the transformers layout, nothing fetched, no code of the folder run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pellucid.errors import InputError, WriterError

LONGEST_ANSWER = 1500
"""Tokens that an answer may have."""


def local_writer(folder: str | Path, longest: int = LONGEST_ANSWER) -> Callable[[str, str], str]:
    """A writer from a folder with a causal language model and its tokenizer; always its most probable words.

    Raises InputError where the folder holds no such model, WriterError where transformers is not installed.
    """
    path = Path(folder)
    if not (path / "config.json").is_file():
        raise InputError(f"{path}: expected a folder with a transformers model (config.json), got none")
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ModuleNotFoundError as error:
        raise WriterError(
            f"a local language model needs {error.name}, which is not installed: pip install transformers torch"
        ) from None
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
        model: Any = AutoModelForCausalLM.from_pretrained(
            path, local_files_only=True, trust_remote_code=False, use_safetensors=True
        ).eval()
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: expected a causal language model with safetensors weights, got: {str(error)[:200]}") from None

    def write(instructions: str, text: str) -> str:
        asked = _asked(tokenizer, instructions, text)
        held = getattr(model.config, "max_position_embeddings", None) or 32_768
        if asked["input_ids"].shape[1] + 16 > held:
            raise WriterError(f"{path}: the report takes {asked['input_ids'].shape[1]} tokens, the model holds {held}")
        room = min(longest, held - asked["input_ids"].shape[1])
        with torch.inference_mode():
            found = model.generate(**asked, max_new_tokens=room, do_sample=False, pad_token_id=tokenizer.pad_token_id or 0)
        said = tokenizer.decode(found[0, asked["input_ids"].shape[1] :], skip_special_tokens=True)
        if not said.strip():
            raise WriterError(f"{path}: expected a text, got an empty one")
        return said

    return write


def _asked(tokenizer: Any, instructions: str, text: str) -> Any:
    """The question as tokens, in the model's own form of a conversation where it has one."""
    if tokenizer.chat_template:
        turns = [{"role": "system", "content": instructions}, {"role": "user", "content": text}]
        told = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return tokenizer(told, return_tensors="pt", add_special_tokens=False)
    return tokenizer(f"{instructions}\n\n{text}\n\n", return_tensors="pt")
