"""`python3 -m installer`. Old Pythons must be able to read this file, so that they get a sentence and no traceback."""

import sys


def start() -> int:
    if sys.version_info < (3, 11):  # noqa: UP036
        found = ".".join(str(part) for part in sys.version_info[:3])
        sys.stderr.write("Sfumato needs Python 3.11 or newer; this is %s. " % found)  # noqa: UP031
        sys.stderr.write("Start it again with a newer one, for example: python3.11 -m installer\n")
        return 1
    from installer.cli import main

    return main()


if __name__ == "__main__":
    sys.exit(start())
