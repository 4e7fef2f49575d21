"""The plugin's zip through Krita's own importer, in a Krita that has never heard of it."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pytest

from . import harness

pytestmark = pytest.mark.krita
SCENARIOS = Path(__file__).parent / "scenarios"


def test_imported_used_and_imported_over_it(tmp_path: Path) -> None:
    if reason := harness.missing():
        pytest.skip(reason)
    package = harness.installer().package_zip(tmp_path / "krita_sfumato.zip")
    krita = harness.Krita(tmp_path / "home")
    krita.install(plugin=False)
    krita.starts_backend(sys.executable)

    def run(name: str, out: str) -> harness.Report:
        report = krita.run(SCENARIOS / f"{name}.py", tmp_path / out, extra={"SFUMATO_ZIP": str(package)})
        assert report.error is None, report.error
        assert not report.failures
        assert "Traceback" not in report.log
        return report

    run("importing", "1")
    rc = krita.config / "kritarc"
    assert "enable_krita_sfumato=true" in rc.read_text()
    pykrita = krita.resources / "pykrita"
    with zipfile.ZipFile(package) as archive:
        named = {name for name in archive.namelist() if not name.endswith("/")}
        folders = {name for name in archive.namelist() if name.endswith("/")}
        for name in named:
            assert (pykrita / name).read_bytes() == archive.read(name)
    # The importer finds a plugin by its folder's own entry only; so does every one below it have one.
    assert folders == {f"{parent.as_posix()}/" for name in named for parent in Path(name).parents} - {"./"}

    # Twice: what the first one saved is there in the second one, which runs what was imported over it.
    for out in ("2", "3"):
        report = run("imported", out)
        there = set(json.loads(report.results["in the plugin's folder"]))
        assert there == {name.removeprefix("krita_sfumato/") for name in named} - {"krita_sfumato.desktop"}
    assert "evening" in report.results["styles at first"], "a style did not outlive the import"
