"""The corpora as a LangChain retriever."""

from assistant.retrieval.langchain_retriever import PassageRetriever


def test_passages_come_as_dated_documents(demo):
    retriever = PassageRetriever(retriever=demo.retriever, corpora=("sistema-solar",), k=2)
    first, second = retriever.invoke("Qual o planeta com mais luas no sistema solar?")
    assert first.metadata["corpus"] == second.metadata["corpus"] == "sistema-solar"
    assert first.metadata["as_of"]
    assert "luas" in first.page_content
