"""In which precision, and where, transformers holds the weights of a base.

Knows bitsandbytes' options. Refuses to load a model: it returns the keyword arguments with which
the engine, and training, do.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from assistant.errors import ConfigurationError, ModelUnavailable

Quantization = Literal["nf4", "int8", "bf16", "fp32"]
Device = Literal["auto", "cpu", "cuda"]


def load_options(quantization: str, device: str = "auto") -> dict[str, Any]:
    """Keyword arguments of `from_pretrained` for one precision on one device.

    NF4 has double quantization and computes in bf16 (the setting of QLoRA); INT8 is LLM.int8.
    Raises `ConfigurationError` for names it does not know, `ModelUnavailable` when "cuda" is asked
    for and there is none.
    """
    import torch
    from transformers import BitsAndBytesConfig

    _check(quantization, device)
    options: dict[str, Any] = {
        "dtype": torch.float32 if quantization == "fp32" else torch.bfloat16,
        "device_map": {"": resolve_device(device)},
        "use_safetensors": True,  # never pickle
        "trust_remote_code": False,
        "local_files_only": True,
    }
    if quantization == "nf4":
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    elif quantization == "int8":
        options["quantization_config"] = BitsAndBytesConfig(load_in_8bit=True)
    return options


def resolve_device(device: str) -> str:
    """The device by its torch name; "auto" takes the GPU where there is one."""
    import torch

    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise ModelUnavailable("No GPU is usable here (device=cuda). Set ASSISTANT_ENGINE=llama_cpp.")
    return "cuda" if available and device != "cpu" else "cpu"


def _check(quantization: str, device: str) -> None:
    faults = [
        f"{what} {value!r} is none of {', '.join(get_args(known))}"
        for what, value, known in (("quantization", quantization, Quantization), ("device", device, Device))
        if value not in get_args(known)
    ]
    if faults:
        raise ConfigurationError(f"The model cannot be loaded: {'; '.join(faults)}.")
