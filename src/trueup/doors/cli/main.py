"""The `trueup` command: finds the command's file when it is called, and ends every error well.

Only click is imported here: `trueup --help` must answer at once. Read `grammar.py` next.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from typing import Any, Final, NoReturn

import click

from trueup import __version__
from trueup.doors.cli.terminal.grammar import Group
from trueup.foundation import collector

# Command name -> (file in this folder, one line of help). The order is the order of a life.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "init": ("init", "Start a project in this Git repository."),
    "demo": ("demo.command", "See the whole life of a model on real flights."),
    "up": ("up", "Open the pages, the API, predictions and the scheduler."),
    "import": ("importing", "Take over what MLflow keeps: runs, files, models."),
    "status": ("status", "What is live, what is true, what needs you."),
    "doctor": ("doctor", "Check this installation and project; each finding has its cure."),
    "why": ("why", "Trace anything to its causes and its effects."),
    "explain": ("explain", "Explain an error code."),
    "run": ("run.command", "Run a pipeline and register what it makes."),
    "check": ("check.command", "Judge a model version by the plan's gates."),
    "score": ("score.command", "How well tested a model is, from live evidence."),
    "release": ("release.command", "How versions come into deployments, and out of them."),
    "approve": ("approve", "Answer a question, as a second person."),
    "rollback": ("rollback", "Undo the newest change of what serves."),
    "checkout": ("checkout", "Restore what a model version was made of."),
    "reproduce": ("reproduce", "Make a run again and compare every result."),
    "plan": ("plan", "The goals, risks and milestones in force."),
    "data": ("data.command", "Versions of data: keep, compare, branch, push and pull."),
    "drift": ("drift", "What has changed between two tables, column by column."),
    "feature": ("feature", "Feature definitions and their versions."),
    "runs": ("runs.command", "Runs of pipelines."),
    "explain-cache": ("run.explain_cache", "Why a step is reused or runs, part by part."),
    "schedule": ("schedule", "When pipelines run by themselves."),
    "model": ("model.command", "Registered models and their versions."),
    "verdict": ("verdict", "What gates said: look at it, prove it, pass it on."),
    "waiver": ("waiver", "Leave to pass in spite of one check, for a while."),
    "diff": ("diff", "Compare two model versions in all that they are made of."),
    "deployment": ("deployment", "Where models serve, and their releases."),
    "serve": ("serve", "Serve predictions only."),
    "predict": ("predict", "Predictions for whole tables: files, folders, databases."),
    "package": ("package", "A model version to run elsewhere: OCI image, folder."),
    "prediction": ("prediction", "Recorded predictions and labels."),
    "monitor": ("monitor", "Evaluate what is live against the plan."),
    "alert": ("alert", "Alerts, with cause and harm."),
    "audit": ("audit", "The event log and its proof."),
    "people": ("people", "Who may do what."),
    "secret": ("secret", "Secrets that steps may read, by name."),
    "webhook": ("webhook", "Addresses that are told of changes of the registry."),
    "ci": ("ci", "Files for servers that build, and builds elsewhere."),
    "git": ("git", "Git hooks, and verdicts under reviews."),
    "lineage": ("lineage", "Runs for catalogues that read OpenLineage."),
}

# Title -> first and last command of a part of the list above.
_SECTIONS: Final = (
    ("Begin", "init", "explain"),
    ("Work", "run", "reproduce"),
    ("Look", "plan", "audit"),
    ("Share", "people", "lineage"),
)


class LazyGroup(Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All command names, in the order of a life."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"trueup.doors.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        for title, first, last in _SECTIONS:
            names = list(COMMANDS)
            chosen = names[names.index(first) : names.index(last) + 1]
            with formatter.section(title):
                formatter.write_dl([(f"{name:10}", COMMANDS[name][1]) for name in chosen])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: trueup demo",
)
@click.version_option(__version__, message="trueup %(version)s")
def cli() -> None:
    """Plan, ship and keep machine-learning models true."""


def main() -> None:
    """The entry point of the `trueup` script."""
    collector.seldom()
    # Waiting OpenMP threads that spin starve each other where cores are shared: a fit of
    # scikit-learn's boosted trees took 7 to 25 s instead of 2. Read when its library is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without Unicode shows '?', never a trace
            stream.reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(run(sys.argv[1:]))


class _Terminated(KeyboardInterrupt):
    """Somebody who is not at the keyboard wants an end: a server that aborts its build."""


def _terminated(*_signal: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # who asks twice does not want to wait
    raise _Terminated


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; no error shows a stack trace."""
    try:
        return _called(arguments)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        click.echo("\nStopped. Nothing is half-written; run the same command to go on.", err=True)
        return 143 if isinstance(error, _Terminated) else 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        from trueup.doors.cli.terminal.failures import explained, show

        known = explained(error)
        show(known, as_json="--json" in arguments)
        return known.exit_code


def _called(arguments: list[str]) -> int:
    if "_TRUEUP_COMPLETE" in os.environ:
        cli.main(arguments, prog_name="trueup", standalone_mode=False)
    # Not cli.main: it would turn Ctrl-C and a closed pipe into exits of its own.
    with cli.make_context("trueup", list(arguments)) as context:
        result: Any = cli.invoke(context)
        sys.stdout.flush()
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    main()
