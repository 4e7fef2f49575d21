"""Who may import whom. Each table is the promise; a new arrow is a decision and is written down here."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from house.source import REPOSITORY, imports, is_below, module_of, python_files, tree

STDLIB = sys.stdlib_module_names

# Part of sfumato -> parts of sfumato that it may import. What is not named (cli, evaluation) may import anything.
INSIDE = {
    "sfumato.errors": (),
    "sfumato.change_map": ("sfumato.pictures", "sfumato.errors"),
    "sfumato.composite": ("sfumato.errors",),
    "sfumato.pictures": ("sfumato.errors",),
    "sfumato.steering": ("sfumato.change_map", "sfumato.composite", "sfumato.errors"),
    "sfumato.edits": ("sfumato.steering", "sfumato.change_map", "sfumato.composite", "sfumato.errors"),
    "sfumato.models": ("sfumato.errors",),
    "sfumato.studio": (
        "sfumato.edits",
        "sfumato.steering",
        "sfumato.models",
        "sfumato.change_map",
        "sfumato.composite",
        "sfumato.pictures",
        "sfumato.errors",
    ),
    "sfumato.worker": ("sfumato.studio", "sfumato.models", "sfumato.edits", "sfumato.errors"),
    "sfumato.server": ("sfumato.errors",),
    "sfumato.options": (),
}
# Part -> what it may import from outside, beside the standard library and sfumato_wire. Not named: anything.
OUTSIDE = {
    "sfumato_wire": (),
    "installer": ("sfumato_wire",),
    "installer.demo": ("numpy", "PIL", "websockets", "sfumato_wire", "sfumato"),
    "sfumato.errors": (),
    "sfumato.options": (),
    "sfumato.change_map": ("numpy",),
    "sfumato.pictures": ("numpy", "PIL"),
    "sfumato.composite": ("numpy",),
    "sfumato.steering": ("torch", "diffusers", "numpy", "PIL"),
    "sfumato.edits": ("torch", "numpy", "PIL"),
    "sfumato.server": ("websockets",),
    "krita_sfumato": ("websockets", "krita", "PyQt5", "PyQt6", "pykrita"),
}
HEAVY = {"torch", "numpy", "PIL", "diffusers", "transformers", "accelerate", "safetensors"}


def part_of(module: str, parts: dict[str, tuple[str, ...]]) -> str | None:
    """The innermost named part that a module belongs to."""
    return max((part for part in parts if is_below(module, part)), key=len, default=None)


@pytest.mark.parametrize("name", python_files("backend"))
def test_arrows_inside(name: str) -> None:
    part = part_of(module_of(name), INSIDE)
    if part is None:
        return
    for imported in imports(name):
        if is_below(imported, "sfumato") and imported not in ("sfumato", "sfumato.__version__"):
            allowed = (part, *INSIDE[part])
            assert any(is_below(imported, a) for a in allowed), f"{name}: {part} must not import {imported}"


@pytest.mark.parametrize("name", python_files("backend", "shared", "installer", "krita_plugin"))
def test_arrows_outside(name: str) -> None:
    part = part_of(module_of(name), OUTSIDE)
    if part is None:
        return
    own = part.split(".")[0]
    allowed = {own, "sfumato_wire" if own != "sfumato_wire" else own, *OUTSIDE[part]}
    for imported in imports(name):
        top = imported.split(".")[0]
        assert top in STDLIB or top in allowed, f"{name}: {part} must not import {imported}"


def test_installer_needs_only_python_until_its_environment_is_there() -> None:
    """Everything that `python3 -m installer` loads before it has made an environment."""
    side = ("installer/demo/client.py", "installer/demo/job.py", "installer/demo/page.py")
    inside = (*side, "installer/demo/pictures.py", "installer/demo/scene.py")
    for name in python_files("installer"):
        for imported in imports(name):
            if name not in inside:
                assert imported.split(".")[0] in {*STDLIB, "installer", "sfumato_wire"}, f"{name} imports {imported}"
                assert not any(is_below(imported, module_of(other)) for other in inside)


def test_only_host_imports_krita_and_only_qt_chooses_pyqt() -> None:
    for name in python_files("krita_plugin"):
        tops = {imported.split(".")[0] for imported in imports(name)}
        file = name.rsplit("/", 1)[1]
        assert "krita" not in tops or file == "host.py", f"{name} imports krita"
        assert not tops & {"PyQt5", "PyQt6"} or file == "qt.py", f"{name} imports PyQt"


# What works without Krita and Qt, with all that it imports.
PURE = ("controller", "client", "diagnostics", "heat", "language", "making", "map_look", "presets", "remote")
PURE += ("standing", "strengths")


@pytest.mark.parametrize("start", PURE)
def test_controller_and_client_know_neither_qt_nor_krita(start: str) -> None:
    """Not even through something else that they import."""
    files = {module_of(name): name for name in python_files("krita_plugin")}
    waiting, seen = [f"krita_sfumato.{start}"], set()
    while waiting:
        module = waiting.pop()
        if module in seen or module not in files or module == "krita_sfumato":
            continue
        seen.add(module)
        for imported in imports(files[module]):
            own = imported.removeprefix("krita_sfumato.").split(".")[0]
            assert own not in ("qt", "host", "krita", "PyQt5", "PyQt6"), f"{module} imports {imported}"
            waiting += [imported, imported.rpartition(".")[0]]


def test_server_reaches_nothing_heavy() -> None:
    """Not even through something else that it imports."""
    files = {module_of(name): name for name in python_files("backend", "shared")}
    waiting, seen = [m for m in files if is_below(m, "sfumato.server")], set()
    assert waiting
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        for imported in imports(files[module]):
            assert imported.split(".")[0] not in HEAVY, f"the server reaches {imported} through {module}"
            waiting += [m for m in (imported, imported.rpartition(".")[0]) if m in files]
    assert not any(is_below(module, "sfumato.worker") for module in seen)


def test_importing_the_package_and_the_server_loads_nothing_heavy() -> None:
    code = "import sys, sfumato, sfumato.server; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert not HEAVY & set(said.stdout.split())


@pytest.mark.parametrize("name", python_files("shared"))
def test_wire_reads_in_python_3_10(name: str) -> None:
    ast.parse((REPOSITORY / name).read_text(encoding="utf-8"), feature_version=(3, 10))


PICKLES = ("pickle", "dill", "cloudpickle", "shelve", "marshal")
# Training goes on from checkpoints that it wrote itself, optimiser included; weights_only keeps code out of them.
TRAINING = ("backend/sfumato/models/sketchbook/training_run.py",)


@pytest.mark.parametrize("name", python_files())
def test_no_door_for_code(name: str) -> None:
    """Weights are safetensors only, and text is never run."""
    for imported in imports(name):
        assert imported.split(".")[0] not in PICKLES, f"{name} imports {imported}"
        assert imported != "torch.load", name
    if name.startswith("tests/"):
        return
    for node in ast.walk(tree(name)):
        if not isinstance(node, ast.Call):
            continue
        called, where = ast.unparse(node.func), f"{name}:{node.lineno}"
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        assert called not in ("eval", "exec"), f"{where} calls {called}"
        assert "trust_remote_code" not in keywords, where
        if called == "torch.load":
            assert name in TRAINING, f"{where}: weights are safetensors only"
            assert keywords.get("weights_only") == "True", where
