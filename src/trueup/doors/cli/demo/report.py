"""The page-long report at the end of the demo, in figures that were read back."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trueup.app.demo.summary import Month, Summary
from trueup.doors.cli.demo import versions as demo_versions
from trueup.doors.cli.serve import DEFAULT_PORT
from trueup.foundation.text import listing, plural, seconds

_MOST_SHOWN = 8


def report(summary: Summary, folder: Path, console: Console) -> None:
    """Print the report."""
    if summary.looked is not None:
        console.print(demo_versions.looked(summary.looked, folder))
    first, last = summary.months[0].month, summary.months[-1].month
    console.rule(f"[bold]What happened, {first} to {last}[/bold]", align="left", style="dim")
    console.print(_verdict_on_retraining(summary))
    console.print(_months(summary))
    console.print(_retrainings(summary))
    console.print(_alerts(summary))
    console.print(_books(summary))
    console.print(demo_versions.kept(summary.versions))
    console.print(_time(summary))
    _next(summary, folder, console)


def _verdict_on_retraining(summary: Summary) -> Text:
    """Whether it was worth it, said as it is."""
    overall = summary.overall
    if overall.versions == (summary.months[0].versions[0],):
        return Text("No retrained model served, so there is no gain to speak of.")
    gain = overall.first["brier"] - overall.served["brier"]
    worse = [m.month for m in summary.months if _gain(m) < 0]
    text = Text.assemble(
        "Over all, retraining ",
        ("helped" if gain > 0 else "did not help", "bold green" if gain > 0 else "bold red"),
        f": Brier score {overall.served['brier']:.4f} served, {overall.first['brier']:.4f} had the "
        "first model been left alone (lower is better); "
        f"AUROC {overall.served['roc_auc']:.4f} against {overall.first['roc_auc']:.4f}.",
    )
    if worse:
        text.append(f" It did harm in {listing(worse)}.")
    return text


def _months(summary: Summary) -> Table:
    # Two lines of heading, so that the table fits 80 columns.
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("\nmonth", no_wrap=True)
    for name in ("predic-\ntions", "\nlate", "Brier\nserved", "first\nalone", "\ngain"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("AUROC\nserved", "first\nalone", "gap\nserved", "first\nalone"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("\nversions", no_wrap=True)
    for month in (*summary.months, summary.overall):
        if "brier" not in month.served:
            continue
        gain = _gain(month)
        style = "dim" if abs(gain) < 5e-5 else ("green" if gain > 0 else "red")
        table.add_row(
            month.month,
            f"{month.predictions:,}",
            f"{month.late_rate:.1%}",
            f"{month.served['brier']:.4f}",
            f"{month.first['brier']:.4f}",
            Text("same" if style == "dim" else f"{gain:+.4f}", style=style),
            _metric(month.served, "roc_auc"),
            _metric(month.first, "roc_auc"),
            _metric(month.served, "calibration_gap"),
            _metric(month.first, "calibration_gap"),
            ", ".join(v.rpartition("@")[2] for v in month.versions),
            style="bold" if month is summary.overall else "",
        )
    return table


def _metric(values: dict[str, float], name: str) -> str:
    return f"{values[name]:.3f}" if name in values else "–"


def _gain(month: Month) -> float:
    return month.first.get("brier", 0.0) - month.served.get("brier", 0.0)


def _retrainings(summary: Summary) -> Text:
    text = Text.assemble(("\nRetrainings", "bold"), f"  {len(summary.retrainings)} proposed\n")
    for proposal in summary.retrainings:
        mark = {"done": ("✓ ", "green"), "refused": ("✗ ", "red")}.get(proposal.state, ("· ", ""))
        text.append_text(
            Text.assemble(
                "  ",
                mark,
                f"{proposal.proposed_at:%Y-%m-%d} {proposal.candidate or 'no candidate'}, ",
                f"because of '{proposal.goal}'. {proposal.why}\n",
            )
        )
    text.append("Releases\n", style="bold")
    for release in summary.releases[:_MOST_SHOWN]:
        since = f"{release.started_at:%Y-%m-%d}" if release.started_at else "–"
        until = f"{release.ended_at:%Y-%m-%d}" if release.ended_at else "now"
        text.append(
            f"  {release.number}  {release.model_ref}  {since} to {until}  "
            f"{release.state}  {release.why}\n"
        )
    return text


def _alerts(summary: Summary) -> Text:
    judged = [alert.judged for alert in summary.alerts]
    evaluated = plural(summary.evaluations, "evaluation")
    warnings = summary.findings.get("warning", 0)
    text = Text.assemble(
        ("Alerts", "bold"),
        f"  {plural(len(judged), 'alert')} in {evaluated}. Once all labels of its window were "
        f"there, the limit was still broken: {judged.count('true')}; it was not, a false alarm: "
        f"{judged.count('false')}; not yet known: {judged.count('unknown')}.\n"
        f"  {plural(warnings, 'finding')} of drift or data quality warned and alerted nobody.\n",
    )
    for alert in summary.alerts[:_MOST_SHOWN]:
        text.append(
            f"  {alert.raised_at:%Y-%m-%d} {alert.monitor} of {alert.model_ref}: "
            f"{alert.value:.3f}, limit {alert.limit:g}; {alert.cause}\n"
        )
    return text


def _books(summary: Summary) -> Text:
    books = summary.books
    ledger = "intact" if not summary.ledger_problems else summary.ledger_problems[0]
    return Text.assemble(
        ("Books", "bold"),
        f"  {books.acknowledged:,} predictions acknowledged, {books.journaled:,} in the journal: ",
        (f"{books.lost} lost, {books.doubled} doubled", "bold"),
        f"; {plural(books.failed, 'row')} failed.\n"
        f"  {books.labels:,} labels came later. A request took {books.p50_ms:.1f} ms at the "
        f"median, {books.p95_ms:.1f} ms at the 95th percentile, with 8 callers at once.\n"
        f"  {summary.events:,} events in the ledger: {ledger}.",
    )


def _time(summary: Summary) -> Text:
    parts = {name: s for name, s in summary.seconds.items() if name != "all together"}
    whole = summary.seconds.get("all together", 0.0)
    text = Text.assemble(("\nTime", "bold"), f"  {seconds(whole)} in all\n")
    for name, spent in sorted(parts.items(), key=lambda item: -item[1]):
        text.append(f"  {seconds(spent):>12}  {name}\n", style="dim")
    return text


def _next(summary: Summary, folder: Path, console: Console) -> None:
    console.print(Text("Try", style="bold"))
    for command, words in (
        (f"cd {folder}", ""),
        (f"trueup why {summary.a_prediction}", "from one prediction to rows, commit and people"),
        ("trueup status", "what is live, what is true, what needs you"),
        ("trueup audit verify", "prove the event log"),
        ("trueup data log flights", "the versions of its data"),
        ("trueup diff flights@1 flights@2", "two models in data, code, parameters and metrics"),
        ("trueup up", f"pages at http://127.0.0.1:{DEFAULT_PORT}"),
    ):
        console.print(Text.assemble("  ", (command, "bold cyan"), f"  {words}"), soft_wrap=True)
