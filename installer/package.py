"""`package`: what others can install without this checkout."""

from __future__ import annotations

from . import plugin
from .environment import Environment
from .places import CHECKOUT, DIST, WORK
from .run import run
from .say import Task, line


def package() -> int:
    """dist/ with the plugin's zip and the wheel. Raises Stop."""
    environment = Environment(WORK / "venv", WORK / "logs" / "environment.log")
    environment.make()
    DIST.mkdir(exist_ok=True)
    with Task("Building the wheel") as task:
        for old in DIST.glob("sfumato-*.whl"):
            old.unlink()
        wheel_of = ["--no-deps", "--no-build-isolation", "-w", DIST, CHECKOUT]
        command = [environment.python, "-m", "pip", "wheel", *wheel_of]
        run(command, task=task, log=WORK / "logs" / "package.log", what="Building the wheel", cwd=CHECKOUT)
    archive = plugin.package_zip(DIST / "krita_sfumato.zip")
    (wheel,) = DIST.glob("sfumato-*.whl")
    line(f"{wheel}  ({wheel.stat().st_size / 1e6:.1f} MB)")
    line(f"{archive}  ({archive.stat().st_size / 1e6:.1f} MB; Krita: Tools > Scripts > Import Python Plugin)")
    return 0
