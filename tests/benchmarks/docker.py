"""How long the docker holds a painter's hand up: `python tests/benchmarks/docker.py [--side 4096] [--real] [--json]`.

A picture with a map over most of it is applied three times in a real Krita on a virtual screen: against a scripted
backend, which answers at once and so shows the plugin alone, and with --real against the embedded one.

A gap is the time in which the UI thread comes to nothing else; "Krita's calls" is what of it passed in calls into
Krita. "Our own" is what the plugin's code had to compute on that thread, and what the plugin's other threads computed
while it had nothing else to do: for so long they may have kept Python from it. Those are processor times, so that a
busy machine does not count as ours. Nothing is asserted: machines differ.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "krita"))
sys.path.insert(0, str(Path(__file__).parents[1]))

import harness
from scripted import Scripted

TIMES = (  # what is timed, and its words
    ("to the first byte", "Apply to the first byte sent"),
    ("sending", "first to last byte sent"),
    ("receiving", "first to last byte received"),
    ("last byte to news", "last byte received to the docker's turn"),
    ("last byte to layer", "last byte received to the layer"),
    ("last byte to end", "last byte received to the end of the edit"),
    ("last byte to seen", "... and to all of it drawn"),
    ("all", "Apply to all of it drawn"),
)


def measure(backend: str, options: argparse.Namespace) -> harness.Report:
    """A Krita and its three edits."""
    krita = harness.Krita(Path(tempfile.mkdtemp(prefix="sfumato-krita-")))
    krita.install()
    krita.starts_backend(sys.executable)
    state = krita.home / "scripted" if backend == "scripted" else krita.state
    script = Scripted(state) if backend == "scripted" else None
    said = {"SFUMATO_HOME": str(state), "SFUMATO_SIDE": str(options.side), "SFUMATO_DEPTH": options.depth}
    try:
        time.sleep(1)
        out = krita.home / "out"
        report = krita.run(harness.HERE / "scenarios" / "gaps.py", out, timeout=1200, extra={**said, **os_says()})
    finally:
        if script:
            script.stop()
    if report.error or report.failures:
        raise SystemExit(f"{report.error or report.failures}\n{report.log[-2000:]}")
    return report


def os_says() -> dict[str, str]:
    return {name: os.environ[name] for name in ("SFUMATO_TIMES",) if name in os.environ}


def show(backend: str, results: dict[str, Any]) -> None:
    runs = [results[name] for name in sorted(results) if name.startswith("run ")]
    idle = results["idle"][0] if results["idle"] else {"gap": 0.0, "own": 0.0, "krita": 0.0}
    print(f"\n{backend} backend, Krita {results['krita']}; milliseconds, {len(runs)} runs and their median\n")
    for name, words in TIMES:
        row(words, [run[name] for run in runs])
    row("longest gap", [max((g["gap"] for g in run["longest"]), default=0.0) for run in runs])
    row("most of Krita's calls in a gap", [max((g["krita"] for g in run["longest"]), default=0.0) for run in runs])
    row("most of our own in a gap", [max((g["own"] for g in run["longest own"]), default=0.0) for run in runs])
    work = [max((g["work"] for g in run["longest work"]), default=0.0) for run in runs]
    row("... of which the UI thread computes", work)
    row("idle: longest gap (a busy machine)", [idle["gap"]])
    print("\nthe longest of our own in the last run, ms:")
    for gap in (*runs[-1]["longest own"][:6], *runs[-1]["longest work"][:6]):
        parts = ", ".join(f"{name} {ms}" for name, ms in gap["calls"].items())
        own, work, krita, whole = (1000 * gap[name] for name in ("own", "work", "krita", "gap"))
        print(f"  {own:6.1f} ({work:5.1f} by the UI thread) in a gap of {whole:7.1f}, Krita {krita:7.1f}: {parts}")


def row(words: str, seconds: list[float | None]) -> None:
    known = [1000 * value for value in seconds if value is not None]
    if known:
        print(f"{words:44}{''.join(f'{value:10.1f}' for value in known)}{statistics.median(known):12.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=4096, help="pixels along each side of the picture")
    parser.add_argument("--depth", choices=("U8", "U16", "F32"), default="U8", help="of its channels")
    parser.add_argument("--real", action="store_true", help="against the embedded backend, too")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if reason := harness.missing():
        raise SystemExit(reason)
    figures = {}
    for backend in ("scripted", "embedded") if options.real else ("scripted",):
        report = measure(backend, options)
        figures[backend] = report.results
        if not options.json:
            show(backend, report.results)
    if options.json:
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
