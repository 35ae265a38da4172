"""The gate: may a trained version go live? Figures in, a verdict with its reasons out.

Knows the limits and why they are where they are; the intervals are `resampling`'s. Pure: refuses to know
engines, files and what an adapter does. A person may overrule the verdict; that is recorded elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from assistant.stores.manifests import Localized
from assistant.training.evaluate import Ratio, total
from assistant.training.resampling import Interval, paired_bootstrap

FEWEST_ROWS = 20
"""Below, one row is worth more than the differences that are decided about. On 20 rows that are right or wrong the
bootstrap promotes one of two equally good systems in at most 2.5 % of the cases, as often as its level says (0.7 to
2.2 %, all outcomes counted; 2.1 to 2.4 % on 60 rows, 2.1 to 2.3 % on 200): see the tests. A short test misses gains:
with no row lost, four must be won."""
SAME_OUTPUTS = 0.98
"""Share of equal outputs from which two systems are one: simultaneous requests are computed in one batch,
which rounds differently, so that even one adapter run twice differs in a row or two of a hundred."""
MORE_FAULTS = 0.01
"""Parse failures, and inventions, a row more than the live version's; the aim is one in 200 and none, and one in
a hundred is more than chance on the two hundred rows that are usually judged."""
FEW_FAULTS = 2  # more than the live version's are no reason yet, on however few rows: one row of sixty is chance
TAKEN = 0.02
"""Share of other adapters' held-out texts that the new one may draw to itself: the router's own threshold already
costs one in twenty; two in a hundred more is what a visitor would not notice. The shipped cards take 0 to 1.7 %
(`docs/measure_gate.py limits`, docs/results.md)."""
FORGETTING = 1.5
"""Nats per token that general Portuguese may cost more with the adapter on: 4.5 times the base's perplexity. An adapter
acts on its own task only, so that some is no harm, and much is the mark of over-training. Measured by
`docs/measure_gate.py` (docs/results.md): shipped versions 0.04 to 1.10, a really better candidate 0.78, one that
learned noise 1.53, an over-trained one 16.5."""
AS_LIVE = 1.25  # times what the live version forgets is allowed in any case: people live with that already
SLOWER = 0.6
"""Share of the reference's tokens per second: r = 16 costs a fifth (56 -> 45), and 0.6 leaves room for a busy
machine's noise."""
FAST_ENOUGH = 100.0  # tokens per second; nobody reads as fast, so that slower than the reference does not matter
LARGER = 4.0  # times the live adapter's file: every live adapter stays in memory; r = 8 to r = 32 is what pays


@dataclass(frozen=True, slots=True)
class Results:
    """One system on the judged rows: `items` and `outputs` have one entry a row, in the same order.

    `failures` counts rows whose output could not be read or shown; `inventions` counts what the output
    said without a source. `tokens_per_second` 0 where it was not measured.
    """

    items: tuple[Ratio, ...]
    outputs: tuple[str, ...]
    failures: int = 0
    inventions: int = 0
    tokens_per_second: float = 0.0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Collateral:
    """What the candidate costs elsewhere; None where it was not measured.

    `taken` is a share (0 to 1) of other adapters' held-out texts, `forgetting` nats per token above the
    base, `live_forgetting` the same for the live version.
    """

    taken: float | None = None
    forgetting: float | None = None
    live_forgetting: float | None = None


@dataclass(frozen=True, slots=True)
class Rivals:
    """What the candidate is compared with; `live` None for the first version."""

    base: Results
    few_shot: Results
    live: Results | None = None

    @property
    def reference(self) -> Results:
        """What answers today: the live version, else the base with a few examples."""
        return self.live or self.few_shot

    def named(self) -> dict[str, Results]:
        """Those that exist, by the names that figures use."""
        found = {"base": self.base, "few_shot": self.few_shot}
        return found | {"live": self.live} if self.live else found


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision. `figures` holds scores, intervals, prices and, under `failed`, the names of failed checks."""

    promote: bool
    reasons: tuple[Localized, ...]
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Fault:
    check: str
    reason: Localized


def decide(candidate: Results, rivals: Rivals, collateral: Collateral) -> Verdict:
    """Promote the candidate or not, with every reason; see the constants above for the limits."""
    intervals = {name: paired_bootstrap(candidate.items, r.items) for name, r in rivals.named().items()}
    fault = _task_fault(candidate, rivals, intervals)
    faults = [*([fault] if fault else []), *_price_faults(candidate, rivals, collateral)]
    reasons = [f.reason for f in faults] if faults else [_better(rivals, intervals)]
    systems = {**rivals.named(), "candidate": candidate}
    figures: dict[str, Any] = {
        "rows": len(candidate.items),
        "score": {name: round(total(r.items), 4) for name, r in systems.items()},
        "difference": {
            name: {key: round(value, 4) for key, value in asdict(interval).items()}
            for name, interval in intervals.items()
        },
        "failures": {name: r.failures for name, r in systems.items()},
        "inventions": {name: r.inventions for name, r in systems.items()},
        "tokens_per_second": {
            name: round(r.tokens_per_second, 1) for name, r in systems.items() if r.tokens_per_second
        },
        "size_bytes": {name: r.size_bytes for name, r in systems.items() if r.size_bytes},
        "taken": collateral.taken,
        "forgetting": collateral.forgetting,
        "failed": [f.check for f in faults],
    }
    return Verdict(not faults, tuple(reasons), figures)


def refused(reason: Localized) -> Verdict:
    """The verdict on a version that the engine would not even load."""
    return Verdict(False, (reason,), {"rows": 0, "failed": ["not_loaded"]})


def _task_fault(candidate: Results, rivals: Rivals, intervals: Mapping[str, Interval]) -> _Fault | None:
    """The first thing that speaks against the candidate on its own task, from the plainest on."""
    rows, score = len(candidate.items), total(candidate.items)
    if rows < FEWEST_ROWS:
        return _fault(
            "too_few_rows",
            f"Só {rows} linhas foram julgadas; com menos de {FEWEST_ROWS} nada se pode concluir.",
            f"Only {rows} rows were judged; with fewer than {FEWEST_ROWS} nothing can be concluded.",
        )
    if _same(candidate, rivals.base):
        return _fault(
            "no_op",
            "Escreve o mesmo que o modelo base: o treino não mudou nada.",
            "It writes the same as the base: the training changed nothing.",
        )
    if rivals.live and _same(candidate, rivals.live):
        return _fault(
            "copy_of_live",
            "Escreve o mesmo que a versão ativa: é uma cópia, não há o que trocar.",
            "It writes the same as the live version: it is a copy, there is nothing to exchange.",
        )
    plain = max(total(rivals.base.items), total(rivals.few_shot.items))
    if score <= plain:
        return _fault(
            "off_domain",
            f"Faz a tarefa pior ({_pt(score)}) que o modelo base com alguns exemplos ({_pt(plain)}): os dados são de "
            "outra tarefa ou estão errados.",
            f"It does the task worse ({_en(score)}) than the base with a few examples ({_en(plain)}): its data are "
            "of another task, or wrong.",
        )
    return _not_better(rivals, intervals)


def _not_better(rivals: Rivals, intervals: Mapping[str, Interval]) -> _Fault | None:
    against = ["live"] if rivals.live else ["base", "few_shot"]
    worst = min((intervals[name] for name in against), key=lambda interval: interval.low)
    if worst.low > 0:
        return None
    name = Localized("a versão ativa", "the live version") if rivals.live else _PLAIN
    pt, en = f"intervalo {_pt(worst.low)} a {_pt(worst.high)}", f"interval {_en(worst.low)} to {_en(worst.high)}"
    if worst.high < 0:
        return _fault(
            "worse",
            f"É claramente pior que {name.pt}: {_pt(worst.value)} pontos ({pt}). Veja o relatório dos dados: rótulos "
            "errados ou treino longo demais fazem isso.",
            f"It is clearly worse than {name.en}: {_en(worst.value)} points ({en}). Look at the data report: wrong "
            "labels or too long a training do this.",
        )
    return _fault(
        "not_better",
        f"Não é comprovadamente melhor que {name.pt}: {_pt(worst.value)} pontos ({pt}).",
        f"It is not shown to be better than {name.en}: {_en(worst.value)} points ({en}).",
    )


def _price_faults(candidate: Results, rivals: Rivals, collateral: Collateral) -> Iterator[_Fault]:
    reference = rivals.reference
    rows = max(len(candidate.items), 1)
    allowed = max(FEW_FAULTS, MORE_FAULTS * rows)
    if candidate.failures - reference.failures > allowed:
        yield _fault(
            "failures",
            f"Mais saídas que não se podem ler: {candidate.failures} contra {reference.failures}, em {rows} linhas.",
            f"More outputs that cannot be read: {candidate.failures} against {reference.failures}, in {rows} rows.",
        )
    if candidate.inventions - reference.inventions > allowed:
        yield _fault(
            "inventions",
            f"Inventa mais: {candidate.inventions} contra {reference.inventions}, em {rows} linhas.",
            f"It invents more: {candidate.inventions} against {reference.inventions}, in {rows} rows.",
        )
    if collateral.taken is not None and collateral.taken > TAKEN:
        yield _fault(
            "collateral",
            f"Tira {_pt(collateral.taken)} % dos textos de outros adaptadores (limite {_pt(TAKEN)} %).",
            f"It takes {_en(collateral.taken)} % of other adapters' texts (limit {_en(TAKEN)} %).",
        )
    limit = max(FORGETTING, AS_LIVE * (collateral.live_forgetting or 0.0))
    if collateral.forgetting is not None and not collateral.forgetting <= limit:  # what is no number is no less
        en, most = f"{collateral.forgetting:.2f}", f"{limit:.2f}"
        pt, maximum = en.replace(".", ","), most.replace(".", ",")
        yield _fault(
            "forgetting",
            f"Esquece demais o português geral: {pt} nats por token a mais que o modelo base (limite {maximum}). "
            "Treine menos épocas ou com taxa menor.",
            f"It forgets too much general Portuguese: {en} nats a token above the base (limit {most}). "
            "Train for fewer epochs or at a lower rate.",
        )
    yield from _machine_faults(candidate, reference)


def _machine_faults(candidate: Results, reference: Results) -> Iterator[_Fault]:
    speed, before = candidate.tokens_per_second, reference.tokens_per_second
    if 0 < speed < min(SLOWER * before, FAST_ENOUGH):
        yield _fault(
            "speed",
            f"Escreve {speed:.0f} tokens por segundo; hoje são {before:.0f}. Use um posto (r) menor.",
            f"It writes {speed:.0f} tokens a second; today it is {before:.0f}. Use a smaller rank (r).",
        )
    if reference.size_bytes and candidate.size_bytes > LARGER * reference.size_bytes:
        size, old = candidate.size_bytes / 1e6, reference.size_bytes / 1e6
        yield _fault(
            "memory",
            f"Ocupa {size:.0f} MB; a versão ativa, {old:.0f} MB. Use um posto (r) menor.",
            f"It takes {size:.0f} MB; the live version takes {old:.0f} MB. Use a smaller rank (r).",
        )


def _better(rivals: Rivals, intervals: Mapping[str, Interval]) -> Localized:
    name = Localized("a versão ativa", "the live version") if rivals.live else _PLAIN
    found = intervals["live"] if rivals.live else min((intervals[n] for n in ("base", "few_shot")), key=_low)
    return Localized(
        f"Melhor que {name.pt} em {_pt(found.value)} pontos (intervalo {_pt(found.low)} a {_pt(found.high)}); o que "
        "custa está dentro dos limites.",
        f"Better than {name.en} by {_en(found.value)} points (interval {_en(found.low)} to {_en(found.high)}); its "
        "price is within the limits.",
    )


_PLAIN = Localized("o modelo base com alguns exemplos", "the base with a few examples")


def _low(interval: Interval) -> float:
    return interval.low


def _same(one: Results, other: Results) -> bool:
    equal = sum(a == b for a, b in zip(one.outputs, other.outputs, strict=True))
    return equal >= SAME_OUTPUTS * len(one.outputs)


def _fault(check: str, pt: str, en: str) -> _Fault:
    return _Fault(check, Localized(pt, en))


def _en(value: float) -> str:
    return f"{100 * value:.1f}"


def _pt(value: float) -> str:
    return _en(value).replace(".", ",")
