"""One reader a kind of file. All of this runs in a process of its own: see `assistant.retrieval.workers`."""
