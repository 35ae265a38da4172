"""A Gemma 3 of 0.1 million random weights with a byte tokenizer, and the embedded base's config."""

from __future__ import annotations

import json
from pathlib import Path


def write_base_config(folder: Path, hidden_size: int = 640) -> Path:
    """config.json of the embedded base: all that the converter of adapters reads of a checkpoint."""
    fields = {
        "architectures": ["Gemma3ForCausalLM"],
        "model_type": "gemma3_text",
        "vocab_size": 262144,
        "hidden_size": hidden_size,
        "intermediate_size": 2048,
        "num_hidden_layers": 18,
        "num_attention_heads": 4,
        "num_key_value_heads": 1,
        "head_dim": 256,
        "sliding_window": 512,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(fields), "utf-8")
    return folder


def write_tiny_checkpoint(folder: Path) -> Path:
    """A checkpoint that loads in a moment and whose greedy text does not repeat one token."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: at for at, token in enumerate(["<pad>", "<eos>", "<bos>", *alphabet])}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>")
    tokenizer.save_pretrained(folder)

    torch.manual_seed(3)
    config = Gemma3TextConfig(
        vocab_size=len(vocabulary),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        sliding_window=64,
        max_position_embeddings=2048,
        layer_types=["sliding_attention", "full_attention"],
        initializer_range=0.3,
        tie_word_embeddings=False,
        bos_token_id=2,
        eos_token_id=1,
        pad_token_id=0,
    )
    model = Gemma3ForCausalLM(config)
    with torch.no_grad():
        model.lm_head.weight[1].zero_()  # no early end of text
    model.save_pretrained(folder)
    return folder
