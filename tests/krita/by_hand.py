"""Run one scenario by hand and print what it wrote down.

    python tests/krita/by_hand.py painting --out FOLDER [--root SYSTEM --home FOLDER]

The Python that runs this must have the backend installed. With --root Krita is started inside that system (chroot).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import harness
from pictures import scene


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario")
    parser.add_argument("--out", type=Path, required=True, help="where report, screenshots and pixels go")
    parser.add_argument("--root", type=Path, help="a system with another Krita in it")
    parser.add_argument("--home", type=Path, help="the home for Krita; with --root, visible there at the same path")
    parser.add_argument("--scripted", action="store_true", help="against the scripted backend (scenario methods)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    krita = harness.Krita(options.home or Path(tempfile.mkdtemp(prefix="sfumato-krita-")))
    krita.install()
    krita.starts_backend(sys.executable)
    # A state folder of its own: the scripted backend's token is no secret, and a real one refuses to use such.
    state = krita.home / "scripted" if options.scripted else krita.state
    (state / "logs" / "krita-plugin.log").unlink(missing_ok=True)  # what an earlier run met is its own affair
    backend = None
    if options.scripted:
        from scripted import Scripted

        backend = Scripted(state)
    elif options.root:
        backend = harness.Backend(sys.executable, os.environ, state)
    try:
        while backend and not (state / "server.json").exists():
            time.sleep(0.2)
        folder = krita.home / "scenario"
        folder.mkdir(exist_ok=True)
        for file in (harness.HERE / "scenarios").glob("*.py"):
            (folder / file.name).write_bytes(file.read_bytes())
        out = krita.home / "out" if options.root else options.out
        picture = scene(krita.home / "scene.png")
        extra = {"SFUMATO_PICTURE": str(picture), "SFUMATO_HOME": str(state)}
        report = krita.run(folder / f"{options.scenario}.py", out, extra=extra, root=options.root)
        if out != options.out:
            for file in out.iterdir():
                (options.out / file.name).write_bytes(file.read_bytes())
    finally:
        if backend:
            backend.stop()
    print(json.dumps(report.results, indent=1, ensure_ascii=False))
    for line in report.failures:
        print("FAILED", line)
    if report.error:
        print(report.error)
    return 1 if report.failures or report.error else 0


if __name__ == "__main__":
    sys.exit(main())
