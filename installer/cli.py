"""The commands and their help. Nothing is done here."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass

from .errors import Stop

ABOUT = "Installs, tries, tests and removes Sfumato. Needs nothing but Python 3.11 and this folder."
STOPPED = "Stopped. Nothing is broken: run the same command again."


@dataclass(frozen=True)
class Command:
    """short: one line for the list; long: its own help; run: imports what it needs only when it is wanted."""

    short: str
    long: str
    run: Callable[[argparse.Namespace], int]


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; gives the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    end = given.index("--") if "--" in given else len(given)
    parser = _parser()
    chosen = parser.parse_args(given[:end])
    chosen.for_pytest = given[end + 1 :]
    if chosen.command is None:
        parser.print_help()
        return 0
    if chosen.for_pytest and chosen.command != "test":
        parser.error("only `test` takes arguments after --, for pytest")
    signal.signal(signal.SIGTERM, _interrupt)  # so that what it started ends with it
    try:
        return COMMANDS[chosen.command].run(chosen)
    except Stop as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except OSError as error:  # no rights, no room, a broken disk: whichever command met it
        where = f" {error.filename}" if error.filename else ""
        reason = (error.strerror or str(error)).lower()
        print(f"\nThis cannot go on:{where}: {reason}. Mend that, then run the same command again.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{STOPPED}", file=sys.stderr)
        return 130


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    def plain(prog: str) -> argparse.HelpFormatter:
        return argparse.RawDescriptionHelpFormatter(prog, max_help_position=24)

    parser = argparse.ArgumentParser(prog="python3 -m installer", description=ABOUT, formatter_class=plain)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, command in COMMANDS.items():
        added = commands.add_parser(name, help=command.short, description=command.long, formatter_class=plain)
        if name == "uninstall":
            added.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def _demo(_: argparse.Namespace) -> int:
    from .demo.command import demo

    return demo()


def _install(_: argparse.Namespace) -> int:
    from .daily import install

    return install()


def _doctor(_: argparse.Namespace) -> int:
    from .doctor import doctor

    return doctor()


def _test(chosen: argparse.Namespace) -> int:
    from .checks import test

    return test(chosen.for_pytest)


def _uninstall(chosen: argparse.Namespace) -> int:
    from .uninstall import uninstall

    return uninstall(sure=chosen.yes)


def _package(_: argparse.Namespace) -> int:
    from .package import package

    return package()


COMMANDS = {
    "demo": Command(
        "see it work: one picture, edited, on a page",
        "Makes .sfumato/venv in this folder, starts a backend of its own, sends it a picture, a map and a prompt,\n"
        "and leaves sfumato-demo/ with canvas.png, map.png, layer.png, result.png and index.html. Where Krita is\n"
        "installed the plugin is put into it. The first run installs about 1.3 GB; the second takes seconds.\n"
        "The exit code is 0 only when every pixel that the map left black is untouched.",
        _demo,
    ),
    "install": Command(
        "for daily use: the backend and the Krita plugin, for this user",
        "Puts the backend into this user's data folder and the plugin into this user's Krita. Run it again to\n"
        "update: the new version is complete before the old one goes.",
        _install,
    ),
    "doctor": Command(
        "says what is there, what is missing and what to do next",
        "Says what is there, what is missing and what to do next. Changes nothing.",
        _doctor,
    ),
    "test": Command(
        "runs every test, in real Krita too",
        "Gets the test tools, and Krita, Xvfb and their like from Debian packages where it may; then runs ruff, mypy\n"
        "and every test. What cannot run says why. Arguments after -- go to pytest:\n\n"
        "  python3 -m installer test -- tests/wire -k limits",
        _test,
    ),
    "uninstall": Command(
        "removes what `install` made, never a picture",
        "Removes the environments, the plugin and the state that `install` made. Pictures and documents stay.",
        _uninstall,
    ),
    "package": Command(
        "builds the plugin's zip and the Python wheel into dist/",
        "Builds the Python wheel and the plugin's zip into dist/ (Krita: Tools > Scripts > Import Python Plugin).",
        _package,
    ),
}
