"""What every file of the repository keeps to."""

from __future__ import annotations

import re

import pytest
from house.source import REPOSITORY, VENDOR, python_files, tracked

CAP = 300  # lines of a file that answers one question
TEXT = (".py", ".md", ".toml", ".txt", ".html", ".json", ".in", ".cfg", ".sh", ".yml", ".yaml", ".desktop", "run")
OURS = tuple(name for name in tracked() if name.endswith(TEXT) and not name.startswith(VENDOR))

# Said in pieces, so that this file does not hold what it forbids.
HOSTS = ("pypi" + ".org", "pythonhosted" + ".org", "deb.debian" + ".org", "npmjs" + ".org", "download.pytorch" + ".org")
MACHINE = re.compile(r"(?<![\w.~$}])/(?:root|work|opt/dev|opt/wheels)/")


@pytest.mark.parametrize("name", python_files("krita_plugin", "installer", "shared"))
def test_no_file_is_longer_than_it_may(name: str) -> None:
    assert len((REPOSITORY / name).read_text(encoding="utf-8").splitlines()) <= CAP


@pytest.mark.parametrize("name", OURS)
def test_no_machine_and_no_registry_is_named(name: str) -> None:
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    assert not (found := MACHINE.search(text)), f"{name} names a folder of one machine: {found[0] if found else ''}"
    for host in HOSTS:
        assert host not in text, f"{name} names the registry {host}"


def test_nothing_heavy_is_tracked() -> None:
    """A clone stays small: the model is the only large thing in it; it keeps to 60 MB, with its siblings to 80."""
    model = "backend/sfumato/models/sketchbook/"
    sizes = {name: (REPOSITORY / name).stat().st_size for name in tracked()}
    assert sum(size for name, size in sizes.items() if name.startswith(f"{model}weights/")) <= 60_000_000
    assert sum(size for name, size in sizes.items() if name.startswith(model)) <= 80_000_000
    siblings = tuple(f"{model}{name}/" for name in ("weights", "few_steps", "flow"))
    large = {name: size for name, size in sizes.items() if size > 2_000_000 and not name.startswith(siblings)}
    assert not large
