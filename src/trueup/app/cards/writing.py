"""A card as Markdown with the front matter of Hugging Face, as a page, or as JSON; and held again.

The digest of all that it says stands in each of them, and `difference` holds a kept one against
what is true now.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import msgspec
import yaml

from trueup.app.cards.records import TAGS, Card
from trueup.foundation.records import builtins
from trueup.lifecycle.gates.records import HOLDOUT
from trueup.rendering import report

Format = Literal["md", "html", "json"]
MARK: Final = "trueup_digest"
_KEPT = re.compile(rf'{MARK}(?:: |" content="|":\s*")(?P<digest>b3:[0-9a-f]+)')
_LIBRARIES: Final = {
    **{"skops": "sklearn", "xgboost": "xgboost", "lightgbm": "lightgbm", "onnx": "onnx"},
    **{"safetensors": "pytorch"},
}


def text(card: Card, form: Format) -> str:
    """The card in one of its forms; the same card gives the same bytes."""
    if form == "json":
        whole = {MARK: card.address, "card": builtins(card)}
        return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n"
    if form == "html":
        page = report.html(card.ref, sections(card), note=f"Card {card.address}")
        mark = f'<meta name="{MARK}" content="{card.address}">\n<title>'
        return page.replace("<title>", mark, 1)
    return f"---\n{_front(card)}---\n\n{_markdown(card)}"


def difference(card: Card, kept: str) -> str:
    """Why a kept card is not what is true now, in words; empty when it is."""
    found = _KEPT.search(kept)
    if found is None:
        return "it carries no digest, so it is no card that Trueup wrote"
    if found["digest"] != card.address:
        return (
            f"it was written as {found['digest'][:19]}, and the evidence gives {card.address[:19]}"
        )
    forms: tuple[Format, ...] = ("md", "html", "json")
    if kept not in {text(card, form) for form in forms}:
        return "its words were changed after it was written"
    return ""


def _front(card: Card) -> str:
    """What Hugging Face reads of a card."""
    model = card.ref.partition("@")[0]
    whole = [each for each in card.figures if not each.slice and each.value is not None]
    head: dict[str, Any] = {
        **({"library_name": _LIBRARIES[card.format]} if card.format in _LIBRARIES else {}),
        "pipeline_tag": TAGS[card.task],
        "tags": ["trueup", TAGS[card.task]],
        **({"datasets": sorted(card.data)} if card.data else {}),
        **({"metrics": [each.metric for each in whole]} if whole else {}),
        "model-index": [
            {
                "name": model,
                "results": [
                    {
                        "task": {"type": TAGS[card.task]},
                        "dataset": _judged_on(card),
                        "metrics": [
                            {"type": each.metric, "value": each.value, "verified": False}
                            for each in whole
                        ],
                    }
                ],
            }
        ],
        "trueup_version": card.ref,
        MARK: card.address,
    }
    if not whole:
        del head["model-index"]
    words: str = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=1000)
    return words


def _judged_on(card: Card) -> dict[str, str]:
    if card.judged_on == HOLDOUT:
        return {"type": HOLDOUT, "name": "rows set aside"}
    return {"type": card.judged_on, "name": card.judged_on}


def _markdown(card: Card) -> str:
    lines = [f"# {card.ref}", ""]
    for section in sections(card):
        lines += [f"## {section.title}", ""]
        if section.words:
            lines += [_plain(section.words), ""]
        if section.facts:
            lines += [f"- **{name}**: {_plain(value)}" for name, value in section.facts.items()]
            lines.append("")
        if section.rows:
            lines.append(f"| {' | '.join(section.columns)} |")
            lines.append(f"|{' --- |' * len(section.columns)}")
            lines += [f"| {' | '.join(map(_plain, row))} |" for row in section.rows]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _plain(words: str) -> str:
    """Words that cannot end a table, begin a tag or run over a line."""
    return re.sub(r"([|<\\`])", r"\\\1", " ".join(words.split()))


def sections(card: Card) -> list[report.Section]:
    """The parts of a card that have something to say."""
    figure = [
        (each.metric, each.slice or "all", _value(each.value), f"{each.rows:,}")
        for each in card.figures
    ]
    columns = [
        (each.name, each.kind, "may be missing" if each.nullable else "") for each in card.inputs
    ]
    section = report.Section
    parts = [
        section(
            title="Intended use", words=card.purpose, rows=_rows(card.claims), columns=("claim",)
        ),
        section(
            title="Limits",
            rows=_rows((*card.limits, *(f"Risk: {threat}" for threat in card.risks))),
            columns=("limit",),
        ),
        section(
            title="Metrics",
            columns=("metric", "slice", "value", "rows"),
            rows=tuple(figure),
        ),
        section(
            title="Verdict",
            words=card.verdict,
            columns=("goal", "check", "outcome", "finding"),
            rows=tuple((each.goal, each.check, each.outcome, each.words) for each in card.findings),
        ),
        section(
            title="Approvals",
            columns=("of", "answer", "by", "at", "reason"),
            rows=tuple((a.subject, a.state, a.by, a.at, a.reason) for a in card.approvals),
        ),
        section(
            title="Tested by hand",
            columns=("test", "counts", "by", "at", "reason"),
            rows=tuple((a.subject, a.state, a.by, a.at, a.reason) for a in card.attested),
        ),
        section(title="Inputs", columns=("input", "kind", ""), rows=tuple(columns)),
        section(title="Data", facts=_data(card)),
        section(
            title="Lineage",
            facts={"version": card.digest, "registered": card.registered, **card.made_by},
            columns=("released as", "state", "from", "until"),
            rows=tuple((p.release, p.state, p.since, p.until) for p in card.places),
        ),
        section(title="Parameters", facts=card.parameters),
        section(
            title="Environment",
            facts=card.environment,
            columns=("package", "version"),
            rows=tuple(card.packages.items()),
        ),
        section(title="Cost", facts=_cost(card)),
    ]
    return [part for part in parts if part.words or part.facts or part.rows]


def _data(card: Card) -> dict[str, str]:
    rows = {} if card.training_rows is None else {"rows trained on": f"{card.training_rows:,}"}
    return {
        **card.data,
        **rows,
        **({"label": card.label, "answers": card.answers} if card.label else {}),
    }


def _cost(card: Card) -> dict[str, str]:
    if not card.seconds:
        return {}
    return {"run": f"{card.seconds:,.1f} s", "processor": f"{card.cpu_seconds:,.1f} s"}


def _rows(words: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple((each,) for each in words)


def _value(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.4f}"
