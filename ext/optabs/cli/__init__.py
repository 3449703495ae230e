"""The command line: ``optabs COMMAND``, a module for each."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
import threading
from collections.abc import Sequence

from optabs.cli.changed import add_changed
from optabs.cli.check import add_check
from optabs.cli.envs import add_envs
from optabs.cli.evidence import add_evidence
from optabs.cli.importing import add_import
from optabs.cli.live import add_live
from optabs.cli.new import add_new
from optabs.cli.report import add_report
from optabs.cli.verify import add_verify
from optabs.cli.worker import add_worker
from optabs.errors import OptabsError
from optabs.version import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    arguments = _make_parser().parse_args(argv)
    _exit_on_signals()
    try:
        status: int = arguments.command(arguments)
        sys.stdout.flush()
    except OptabsError as error:
        print(f"optabs: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interruption:
        text = str(interruption) or "what had finished is kept"
        print(f"\noptabs: interrupted; {text}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _discard_output()
        return 1
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _discard_output()
        place = f": {error.filename}" if error.filename else ", so not all is written"
        print(f"optabs: the disk is full{place}\nmake room there, and start again", file=sys.stderr)
        return 2
    return status


def _discard_output() -> None:
    """Let nothing that is still to be written fail once more when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _exit_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the command as an exception does: its workers end with it."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, leave)


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="optabs", description="A catalogue of machine-learning ops, verified by running it."
    )
    parser.add_argument("--version", action="version", version=f"optabs {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (
        *(add_verify, add_live, add_check, add_changed, add_report),
        *(add_evidence, add_new, add_import, add_envs, add_worker),
    ):
        add(commands)
    return parser
