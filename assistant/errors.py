"""The one error tree of the project.

Every message names the thing, shows its value and says what to do next. Exceptions of libraries
are translated where the library is called; nothing above the caller knows their types.

    AssistantError
    ├── ConfigurationError      a setting, a card or a recipe says something impossible
    ├── ModelUnavailable        a base model, embedder or server cannot be had here and now
    ├── AdapterError            an adapter or one of its versions cannot be used
    │   ├── AdapterNotFound
    │   ├── AdapterIncompatible     made for another base
    │   └── AdapterBroken           truncated, no manifest, or without any effect
    ├── CorpusError             a corpus cannot be used
    │   ├── CorpusNotFound
    │   ├── DocumentRefused         a file that cannot be read, with its reason
    │   │   └── PasswordNeeded          it opens with a password that was not given, or not with this one
    │   ├── IndexMismatch           made with another embedder
    │   └── StoreBusy               another process writes
    ├── DataError               a data set or a record of it is unusable
    ├── GenerationError         the engine failed in the middle of an answer
    ├── InputRejected           what the visitor sent cannot be answered (empty, too long)
    ├── StorageError            the disk is full or cannot be written
    └── TrainingStopped         somebody stopped a training job; it can go on
"""

from __future__ import annotations


class AssistantError(Exception):
    """Base of all errors a user may see; `str(error)` is fit to be shown.

    Errors that a visitor of the pages can cause give their message in both languages; `str` is the
    English one, for the command line.
    """

    def __init__(self, message: str, pt: str = "") -> None:
        super().__init__(message)
        self._pt = pt

    def text(self, language: str) -> str:
        """The message in `language` ("pt" or "en"); English where it was given in English only."""
        return self._pt if language == "pt" and self._pt else str(self)


class ConfigurationError(AssistantError):
    """A setting, a card or a recipe says something impossible; all faults are listed at once."""


class ModelUnavailable(AssistantError):
    """A base model, an embedder or a server cannot be had here and now."""


class AdapterError(AssistantError):
    """An adapter or one of its versions cannot be used."""


class AdapterNotFound(AdapterError):
    """No adapter, or no version of it, has that name."""


class AdapterIncompatible(AdapterError):
    """The version was trained on another base model; it is listed but never loaded."""


class AdapterBroken(AdapterError):
    """The version is truncated, has no manifest, or changes nothing in the output."""


class CorpusError(AssistantError):
    """A corpus cannot be used."""


class CorpusNotFound(CorpusError):
    """No corpus has that name."""


class DocumentRefused(CorpusError):
    """A file was not ingested; the message gives the reason and the way out."""


class PasswordNeeded(DocumentRefused):
    """The file opens with a password only, and none was given or the wrong one."""


class IndexMismatch(CorpusError):
    """The index was made with another embedder; the message names the command that rebuilds it."""


class StoreBusy(CorpusError):
    """Another process holds the writer's lock of the store."""


class DataError(AssistantError):
    """A data set or one of its records is unusable; the message names file and line."""


class GenerationError(AssistantError):
    """The engine failed in the middle of an answer."""


class InputRejected(AssistantError):
    """What the visitor sent cannot be answered: it is empty or longer than the limit."""


class StorageError(AssistantError):
    """The disk is full or a path cannot be written."""


class TrainingStopped(AssistantError):
    """A training job was stopped on request, with its checkpoint written; resuming goes on from there."""
