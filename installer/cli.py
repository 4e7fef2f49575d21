"""The commands and their help. Nothing is done here."""

from __future__ import annotations

import argparse
import sys

from .errors import Stop

ABOUT = """Installs, tries, tests and removes Sfumato. Needs nothing but Python 3.11 and this folder.

  demo        see it work: makes an environment, runs one picture through it, leaves sfumato-demo/index.html
  install     for daily use: the backend and the Krita plugin, for this user
  doctor      says what is there, what is missing and what to do next
  test        runs every test, in real Krita too
  uninstall   removes what `install` made, never a picture
  package     builds the plugin's zip and the Python wheel into dist/"""

STOPPED = "Stopped. Run the same command again: it goes on from what is finished."


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; gives the exit code."""
    parser = _parser()
    given = sys.argv[1:] if arguments is None else arguments
    end = given.index("--") if "--" in given else len(given)
    before, after = given[:end], given[end + 1 :]
    chosen = parser.parse_args(before)
    if chosen.command is None:
        parser.print_help()
        return 0
    if after and chosen.command != "test":
        parser.error("only `test` takes arguments after --, for pytest")
    try:
        return _do(chosen, after)
    except Stop as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{STOPPED}", file=sys.stderr)
        return 130


def _do(chosen: argparse.Namespace, after: list[str]) -> int:
    match chosen.command:
        case "demo":
            from .demo.command import demo

            return demo()
        case "test":
            from .checks import test

            return test(after)
        case "doctor":
            from .doctor import doctor

            return doctor()
        case "install":
            from .daily import install

            return install()
        case "uninstall":
            from .daily import uninstall

            return uninstall(sure=chosen.yes)
        case _:
            from .package import package

            return package()


def _parser() -> argparse.ArgumentParser:
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python3 -m installer", description=ABOUT, formatter_class=plain)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=argparse.SUPPRESS, description=text, formatter_class=plain)

    command(
        "demo",
        "Makes .sfumato/venv in this folder, starts a backend of its own, sends it a picture, a map and a prompt,\n"
        "and leaves sfumato-demo/ with canvas.png, map.png, layer.png, result.png and index.html. Where Krita is\n"
        "installed the plugin is put into it. The first run installs about 1.4 GB; the second takes seconds.\n"
        "The exit code is 0 only when every pixel that the map left black is untouched.",
    )
    command(
        "test",
        "Gets the test tools, and Krita, Xvfb and their like from Debian packages where it may; then runs ruff, mypy\n"
        "and every test. What cannot run says why. Arguments after -- go to pytest:\n\n"
        "  python3 -m installer test -- tests/wire -k limits",
    )
    command(
        "install",
        "Puts the backend into this user's data folder and the plugin into this user's Krita. Run it again to\n"
        "update: the new version is complete before the old one goes.",
    )
    command("doctor", "Says what is there, what is missing and what to do next. Changes nothing.")
    remove = command(
        "uninstall",
        "Removes the environments, the plugin and the state that `install` made. Pictures and documents stay.",
    )
    remove.add_argument("--yes", action="store_true", help="do not ask")
    command(
        "package",
        "Builds the Python wheel and the plugin's zip into dist/ (Krita: Tools > Scripts > Import Python Plugin).",
    )
    return parser
