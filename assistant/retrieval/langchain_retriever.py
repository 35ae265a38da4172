"""The hybrid retriever as a LangChain retriever, for whoever builds chains on these corpora.

Imported only by those who want it: nothing else of the program needs LangChain's interfaces.
"""

from __future__ import annotations

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from assistant.retrieval.retriever import Retriever
from assistant.types import Passage


class PassageRetriever(BaseRetriever):
    """`invoke(question)` gives the k best passages as documents; `corpora` None searches all."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    retriever: Retriever
    corpora: tuple[str, ...] | None = None
    k: int = 3

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [as_document(passage) for passage in self.retriever.retrieve(query, corpora=self.corpora, k=self.k)]


def as_document(passage: Passage) -> Document:
    """A passage as LangChain exchanges it; `score` is the cosine, `as_of` an ISO date or None."""
    return Document(
        page_content=passage.text,
        id=passage.chunk_id,
        metadata={
            "corpus": passage.corpus,
            "document": passage.document,
            "page": passage.page,
            "as_of": passage.as_of,
            "score": passage.score,
        },
    )
