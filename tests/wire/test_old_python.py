"""The wire runs inside Krita, whose Python may be 3.10: no later syntax, no later names, and only the stdlib."""

import ast
import sys
from pathlib import Path

import pytest
import sfumato_wire

FILES = sorted(Path(sfumato_wire.__file__).parent.glob("*.py"))
NEWER = {
    "asyncio": {"TaskGroup", "timeout", "Runner"},
    "datetime": {"UTC"},
    "enum": {"StrEnum", "verify", "member", "nonmember", "global_enum", "ReprEnum"},
    "hashlib": {"file_digest"},
    "itertools": {"batched"},
    "typing": {"Self", "LiteralString", "Never", "assert_never", "assert_type", "reveal_type", "override", "Unpack"}
    | {"NotRequired", "Required", "TypeVarTuple", "TypeAliasType", "dataclass_transform"},
}
NEWER_MODULES = {"tomllib"}
NEWER_BUILTINS = {"ExceptionGroup", "BaseExceptionGroup", "PythonFinalizationError"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_python_3_10(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 10))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.TryStar), "except* is Python 3.11"
        if isinstance(node, ast.Name):
            assert node.id not in NEWER_BUILTINS
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert node.attr not in NEWER.get(node.value.id, set()), node.attr
        if isinstance(node, ast.Attribute):
            assert node.attr != "add_note"
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module is not None
            modules = [node.module]
            assert not {alias.name for alias in node.names} & NEWER.get(node.module, set())
        for module in modules:
            assert module.partition(".")[0] in sys.stdlib_module_names - NEWER_MODULES, f"{module} is not for the wire"


def test_the_rule_sees_the_files() -> None:
    assert {"connection.py", "frames.py", "messages.py"} <= {path.name for path in FILES}
