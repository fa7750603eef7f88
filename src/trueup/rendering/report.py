"""Self-contained HTML reports: one file without links, to archive, to mail or to open anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from trueup.foundation.records import Record
from trueup.rendering import pairs, svg, words
from trueup.rendering.charts import Chart


class Card(Record):
    """One of many small things of a section, each with a picture.

    Attributes:
        title: What it is.
        state: How it is.
        words: A sentence.
        picture: SVG that `pairs.py` or `curves.py` drew.
        facts: Name and value, in one line.
    """

    title: str
    state: str = ""
    words: str = ""
    picture: str = ""
    facts: dict[str, str] = {}


class Section(Record):
    """One part of a report; what is empty is left out.

    Attributes:
        title: Its heading.
        words: A paragraph.
        facts: Name and value.
        columns: Headings of a table.
        rows: Its rows, already worded.
        states: Column of the table that holds states, shown with their marks; -1 for none.
        chart: A picture, with its summary.
        text: Preformatted text, such as a patch.
        key: What the two looks of the cards' pictures mean.
        cards: Small things side by side, each with a picture.
    """

    title: str
    words: str = ""
    facts: dict[str, str] = {}
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    states: int = -1
    chart: Chart | None = None
    text: str = ""
    key: tuple[str, str] | None = None
    cards: tuple[Card, ...] = ()


def html(title: str, sections: Iterable[Section], *, state: str = "", note: str = "") -> str:
    """A whole page.

    Args:
        title: Heading and title.
        sections: Its parts, in order.
        state: A state that stands beside the heading.
        note: The line at the end: what was measured, where, when.
    """
    body = "\n".join(_section(section) for section in sections)
    badge = f" {_state(state)}" if state else ""
    foot = f"<footer>{escape(note)}</footer>" if note else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}{_PAIRS}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}{badge}</h1>\n{body}\n{foot}\n</main>\n</body>\n</html>\n"
    )


def _section(section: Section) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>"] if section.title else []
    if section.words:
        parts.append(f"<p>{escape(section.words)}</p>")
    if section.facts:
        facts = (f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in section.facts.items() if v)
        parts.append(f"<dl>{''.join(facts)}</dl>")
    if section.rows:
        parts.append(_table(section.columns, section.rows, section.states))
    if section.chart is not None:
        picture = svg.svg(section.chart.spec)
        parts.append(f"<figure>{picture}<figcaption>{escape(section.chart.summary)}</figcaption>")
        parts.append("</figure>")
    if section.key is not None:
        parts.append(pairs.key(*section.key))
    if section.cards:
        parts.append(f'<div class="cards">{"".join(map(_card, section.cards))}</div>')
    if section.text:
        parts.append(f"<pre>{escape(section.text)}</pre>")
    return "<section>" + "\n".join(parts) + "</section>"


def _card(card: Card) -> str:
    badge = f" {_state(card.state)}" if card.state else ""
    facts = " · ".join(f"{escape(name)} {escape(value)}" for name, value in card.facts.items())
    return (
        f"<article><h3>{escape(card.title)}{badge}</h3><p>{escape(card.words)}</p>"
        f"{card.picture}<footer>{facts}</footer></article>"
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], states: int) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    lines = []
    for row in rows:
        cells = [
            _state(value) if index == states else escape(value or words.NOTHING)
            for index, value in enumerate(row)
        ]
        marked = (f"<td{_whole(value)}>{cell}</td>" for value, cell in zip(row, cells, strict=True))
        lines.append("<tr>" + "".join(marked) + "</tr>")
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _whole(value: str) -> str:
    """A figure with its unit stays on one line."""
    return ' class="figure"' if len(value) < 20 and value[:1] in "0123456789<−+" else ""


def _state(name: str) -> str:
    shown = words.state(name)
    return f'<span class="state {shown.tone}">{escape(shown.mark)} {escape(shown.word)}</span>'


_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c2024;--dim:#60646c;--line:#d9d9e0;--paper:#fff;
--good:#18794e;--bad:#c62a2f;--warn:#8f5e00;--busy:#0b68cb;--was:#c9ced6;--now:#1f6fb2}
@media (prefers-color-scheme:dark){:root{--ink:#edeef0;--dim:#b0b4ba;--line:#363a3f;--paper:#111;
--good:#3dd68c;--bad:#ff9592;--warn:#ffca16;--busy:#70b8ff;--was:#454b54;--now:#6cb2f0}}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:72rem;margin:0 auto;padding:2rem 1.25rem}
h1{font-size:1.5rem;margin:0 0 1.5rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
p{max-width:46rem}.wide{overflow-x:auto}td:last-child{overflow-wrap:anywhere}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}
th{text-align:left;font-weight:500;color:var(--dim)}
th,td{padding:.35rem .9rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.25rem;margin:.5rem 0}
dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
pre{overflow-x:auto;font:13px/1.45 ui-monospace,monospace;padding:.75rem;
border:1px solid var(--line)}
figure{margin:1rem 0}figure svg{max-width:100%;height:auto}figcaption,footer{color:var(--dim)}
footer{margin-top:2.5rem;border-top:1px solid var(--line);padding-top:.75rem}
.figure{white-space:nowrap}.state{white-space:nowrap;font-weight:500}.good{color:var(--good)}.bad{color:var(--bad)}
.warn{color:var(--warn)}.busy{color:var(--busy)}.quiet{color:var(--dim)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,19.5rem),1fr));gap:1rem}
article{border:1px solid var(--line);border-radius:6px;padding:.8rem 1rem;display:flex;
flex-direction:column;break-inside:avoid;min-width:0}
h3{font-size:.95rem;margin:0;display:flex;gap:.75rem;justify-content:space-between;
overflow-wrap:anywhere}article p{margin:.25rem 0 .6rem;font-size:.85rem;color:var(--dim)}
article .pair{margin-top:auto}article footer{margin:.6rem 0 0;padding:.5rem 0 0;font-size:.8rem;
font-variant-numeric:tabular-nums}
@media print{main{max-width:none}}
""".replace("\n", "")
_PAIRS: Final = pairs.STYLE.replace("\n", "")
