"""`python -m trueup` and the `trueup` script: Ctrl-C shows no trace, even while Python still loads.

Nothing may be imported at the top; `doors/cli/main.py` is the command line itself.
"""


def main() -> None:
    """Start the command line."""
    try:
        from trueup.doors.cli.main import main as start

        start()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
