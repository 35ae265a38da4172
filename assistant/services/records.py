"""Answers, routes and passages as plain records: the fields that the command line and HTTP promise.

Pure functions from types to JSON values. Refuses to know how they are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from assistant.services.memory import Memory, Precision
from assistant.stores.manifests import Localized
from assistant.training.report import DataReport, PreviewItem
from assistant.types import Answer, Entity, Passage, Route, Source

_BY_EXAMPLES = Localized("sem versão para este modelo base: por exemplos", "no version for this base: by examples")


def answer_record(answer: Answer, language: str = "pt") -> dict[str, Any]:
    """The fields of `ask`; where no version answers but the base by examples, `reason` says so in `language`."""
    timings = answer.timings
    return {
        "question": answer.question,
        "answer": answer.text,
        "outcome": str(answer.outcome),
        "route": {
            "adapter": answer.route.adapter,
            "version": answer.route.version,
            "score": round(answer.route.score, 4),
            "threshold": round(answer.route.threshold, 4),
            "rejected": answer.route.rejected,
            "scores": _rounded(answer.route),
            "reason": _reason(answer.route, language),
        },
        "sources": [_source_record(source) for source in answer.sources],
        "entities": [entity_record(entity) for entity in answer.entities],
        "usage": {
            "prompt_tokens": answer.usage.prompt_tokens,
            "completion_tokens": answer.usage.completion_tokens,
        },
        "timings_ms": {
            "route": round(timings.route, 1),
            "retrieve": round(timings.retrieve, 1),
            "first_token": round(timings.first_token, 1),
            "total": round(timings.total, 1),
        },
    }


def entity_record(entity: Entity) -> dict[str, Any]:
    """An entity with its character offsets in the input; `confidence` is null where it is not known."""
    known = None if entity.confidence is None else round(entity.confidence, 4)
    return {
        "label": entity.label,
        "text": entity.text,
        "start": entity.start,
        "end": entity.end,
        "confidence": known,
    }


def route_record(text: str, route: Route) -> dict[str, Any]:
    """The fields of `route`; `adapter` is None where no adapter fits, whoever answers instead."""
    return {
        "text": text,
        "adapter": None if route.rejected else route.adapter,
        "score": round(route.score, 4),
        "threshold": round(route.threshold, 4),
        "rejected": route.rejected,
        "scores": _rounded(route),
    }


def passage_record(passage: Passage) -> dict[str, Any]:
    """The fields of one passage of `retrieve`."""
    return {
        "corpus": passage.corpus,
        "document": passage.document,
        "page": passage.page,
        "as_of": passage.as_of,
        "outdated": passage.outdated,
        "score": round(passage.score, 4),
        "text": passage.text,
    }


def found_record(passage: Passage) -> dict[str, Any]:
    """The same with every score and the chunks that its text is made of, in reading order.

    `reranked` is on the scale of the cross-encoder; it is null where none read the chunk.
    """
    return passage_record(passage) | {
        "dense_rank": passage.dense_rank,
        "lexical_rank": passage.lexical_rank,
        "fused": passage.fused,
        "reranked": passage.reranked,
        "chunks": list(passage.chunk_ids),
    }


def report_record(name: str, report: DataReport, shown: Sequence[PreviewItem]) -> dict[str, Any]:
    """The fields of `dataset`; severities are error, warning and info, lines the first of `count`."""
    findings = [
        {
            "severity": str(found.severity),
            "code": found.code,
            "message": found.message.en,
            "count": found.count,
            "lines": list(found.lines),
            "documents": list(found.documents),
        }
        for found in report.findings
    ]
    return {
        "file": name,
        "form": report.form,
        "columns": list(report.columns),
        "mapping": asdict(report.mapping) if report.mapping else None,
        "rows": report.rows,
        "usable": report.usable,
        "ok": report.ok,
        "languages": report.languages,
        "tokens": asdict(report.tokens),
        "labels": report.labels,
        "split": asdict(report.split),
        "findings": findings,
        "preview": [asdict(item) for item in shown],
    }


def memory_record(memory: Memory) -> dict[str, Any]:
    """The fields of `memory`: megabytes by precision, None where not known; `at_least` names lower bounds."""
    known = memory.weights.megabytes
    return {
        "base": memory.base,
        "title": memory.title,
        "predicted_mb": {p.value: round(known[p], 1) if p in known else None for p in Precision},
        "at_least": sorted(memory.weights.least),
        "note": memory.weights.note.en,
        "loaded": memory.loaded,
        "on_gpu": memory.on_gpu,
        "process_mb": None if memory.process_mb is None else round(memory.process_mb, 1),
    }


def _source_record(source: Source) -> dict[str, Any]:
    record = passage_record(source.passage)
    text = record.pop("text")
    return {"marker": source.marker, **record, "quote": source.quote, "text": text}


def _reason(route: Route, language: str) -> str:
    said = [route.reason, _BY_EXAMPLES.get(language) if route.few_shot else ""]
    return "; ".join(part for part in said if part)


def _rounded(route: Route) -> dict[str, float]:
    return {name: round(score, 4) for name, score in route.scores.items()}
