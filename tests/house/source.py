"""The repository's own Python files, and what they import."""

from __future__ import annotations

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
VENDOR = "krita_plugin/krita_sfumato/vendor/"
# Where a file's import name begins.
ROOTS = ("backend", "shared", "krita_plugin", "")


@functools.cache
def tracked() -> tuple[str, ...]:
    """Every file that git knows or would add, relative to the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return tuple(sorted(name for name in set(listed.split("\0")) if name and (REPOSITORY / name).is_file()))


def python_files(*folders: str) -> tuple[str, ...]:
    """Our own Python files, or those below the folders; what is vendored is not ours."""
    ours = (name for name in tracked() if name.endswith(".py") and not name.startswith(VENDOR))
    return tuple(name for name in ours if not folders or name.startswith(tuple(f"{f}/" for f in folders)))


def text(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


@functools.cache
def tree(name: str) -> ast.Module:
    return ast.parse(text(name), name)


def module_of(name: str) -> str:
    """backend/sfumato/server/__init__.py -> sfumato.server"""
    root = next(root for root in ROOTS if name.startswith(f"{root}/") or not root)
    parts = Path(name).relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def imports(name: str) -> tuple[str, ...]:
    """Every module and imported name of a file, absolute, wherever in the file; what only type checkers read is not."""
    package = module_of(name).split(".")
    if not name.endswith("__init__.py"):
        package = package[:-1]
    found = []
    for node in _runtime(tree(name)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            found += [f"{origin}.{alias.name}" for alias in node.names]
    return tuple(found)


def _runtime(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for other in child.orelse:
                yield from _runtime(other)
        else:
            yield from _runtime(child)


def is_below(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")
