"""The lock: exact, complete, with digests, and in step with pyproject.toml."""

from __future__ import annotations

import re
import tomllib

import pytest
from house.source import text
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from installer import lock, places

PROJECT = tomllib.loads(text("pyproject.toml"))
LOCKS = (places.LOCK, places.TEST_LOCK)


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_pin_is_exact_and_has_digests(path) -> None:
    for entry in lock.entries(path):
        first = entry.splitlines()[0]
        assert re.match(r"[A-Za-z0-9][\w.-]*==[\w.!+]+( ;.*)? \\$", first), first
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), first


@pytest.mark.parametrize(
    ("path", "wanted"),
    [(places.LOCK, PROJECT["project"]["dependencies"]), (places.TEST_LOCK, PROJECT["dependency-groups"]["dev"])],
    ids=["lock", "test tools"],
)
def test_what_the_project_asks_for_is_locked(path, wanted: list[str]) -> None:
    pinned: dict[str, list[str]] = {}
    for name, version in lock.pins(path):
        pinned.setdefault(canonicalize_name(name), []).append(version)
    for text_ in wanted:
        requirement = Requirement(text_)
        for version in pinned[canonicalize_name(requirement.name)]:
            assert requirement.specifier.contains(Version(version)), f"{text_} is locked to {version}"


def test_both_locks_agree() -> None:
    main, tools = (dict(lock.pins(path)) for path in LOCKS)
    assert all(main[name] == tools[name] for name in main.keys() & tools.keys())


def test_without_torch_leaves_out_torch_and_cuda_only() -> None:
    left = lock.without_torch(places.LOCK)
    assert "\ntorch==" not in left
    assert "nvidia" not in left
    assert "\ndiffusers==" in left
    assert "\ntokenizers==" in left
