"""All configuration: environment variables with the prefix ASSISTANT_, each with its meaning.

Read by `bootstrap` and the command line only; everything else takes plain values.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from assistant.errors import ConfigurationError


class Settings(BaseSettings):
    """The settings; `Settings.load()` reports every fault at once."""

    model_config = SettingsConfigDict(env_prefix="ASSISTANT_", extra="ignore", frozen=True)

    home: Path = Field(Path(), description="Folder that holds corpora/, adapters/ and var/.")
    base_model: str = Field("gemma3-270m", description="Base model: catalog name, hub id, folder or .gguf file.")
    engine: Literal["auto", "llama_cpp", "transformers_peft", "scripted"] = Field(
        "auto", description="auto: llama_cpp without a GPU, transformers_peft with one."
    )
    quantization: Literal["auto", "nf4", "int8", "bf16", "fp32"] = Field(
        "auto", description="Weights of transformers_peft; auto: nf4 with a GPU, bf16 without."
    )
    threads: int = Field(0, ge=0, le=256, description="Threads of the engine; 0: one for each core.")
    slots: int = Field(2, ge=1, le=64, description="Answers generated at the same time.")
    context_size: int = Field(4096, ge=512, le=131072, description="Tokens for prompt and answer, each slot.")
    max_question_chars: int = Field(20_000, ge=100, le=1_000_000, description="Longest accepted question.")
    passages: int = Field(3, ge=1, le=12, description="Passages shown to the model for one question.")
    reranker: str = Field(
        "", description="Cross-encoder that reorders what the search finds: folder or hub name; empty: none."
    )
    host: str = Field("127.0.0.1", description="Address the chat is served on; loopback by default.")
    port: int = Field(7860, ge=1, le=65535, description="Port the chat is served on.")
    language: Literal["pt", "en"] = Field("pt", description="Language of the interface at first visit.")
    chroma_url: str = Field("", description="Chroma server (http://host:port); empty: inside the process.")
    data_folder: Path = Field(
        Path("../shared/data"), description="Public data sets that are already here; others are fetched to var/data."
    )

    @classmethod
    def load(cls, **overrides: object) -> Settings:
        """Read the environment; raises `ConfigurationError` listing every fault."""
        try:
            return cls(**overrides)  # type: ignore[arg-type]  # values are validated by pydantic
        except ValidationError as error:
            faults = "; ".join(
                f"ASSISTANT_{str(e['loc'][0]).upper()}={e['input']!r}: {e['msg']}" for e in error.errors()
            )
            raise ConfigurationError(f"Settings that cannot be used: {faults}.") from error

    @property
    def var(self) -> Path:
        """Derived or private state; may be deleted, except conversations and index."""
        return self.home / "var"

    @property
    def adapters(self) -> Path:
        """The registered adapters."""
        return self.home / "adapters"

    @property
    def corpora(self) -> Path:
        """The corpora."""
        return self.home / "corpora"
