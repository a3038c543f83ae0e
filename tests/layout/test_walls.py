"""The rooms of evalsuite/: each may import those above it in this table, and imports never run in a circle."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from tests.conftest import ROOT

PACKAGE = ROOT / "evalsuite"
FOR_ALL = {"errors", "files", "bounded", "experiment"}  # the files on the first level, which every room may import
ROOMS = {
    "statistics": set(),
    "grading": set(),
    "store": set(),
    "tasks": {"grading"},
    "engine": {"store"},
    "plan": {"engine", "store", "tasks"},
    "pipeline": {"engine", "grading", "plan", "store", "tasks"},
    "progress": {"plan", "store"},
    "sweep": {"engine", "pipeline", "plan", "progress", "store"},
    "collect": {"store", "tasks"},
    "summary": {"statistics"},
    "report": {"collect", "store", "summary"},
    "convert": set(),
    "housekeeping": {"collect", "store"},
    "launch": {"plan", "tasks"},
}
GRADING = {"read": set(), "compare": {"read"}, "find": {"read", "compare"}}  # the rooms inside grading/


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name below `evalsuite`."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The package's modules that a file imports, inside functions and for type checkers too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "evalsuite":
            assert node.level == 0, f"{path}: imports are absolute"
            base = node.module.removeprefix("evalsuite").lstrip(".")
            for name in node.names:
                full = f"{base}.{name.name}".lstrip(".")
                yield full if full in known else base
        elif isinstance(node, ast.Import):
            yield from (name.name.removeprefix("evalsuite.") for name in node.names
                        if name.name.startswith("evalsuite."))  # fmt: skip


def edges() -> list[tuple[str, str]]:
    """Pairs of modules, the first of which imports the second."""
    known = modules()
    return [(module, other) for module, path in known.items() for other in imports(path, known) if other != module]


def test_rooms_import_only_the_rooms_that_the_table_allows() -> None:
    wrong = []
    for module, other in edges():
        room, wanted = module.split(".")[0], other.split(".")[0]
        if room in ROOMS and wanted not in ROOMS[room] | FOR_ALL | {room, ""}:
            wrong.append(f"{module} imports {other}")
    assert wrong == []


def test_the_rooms_of_the_grader_import_in_one_direction() -> None:
    wrong = []
    for module, other in edges():
        parts, wanted = module.split("."), other.split(".")
        if parts[0] == wanted[0] == "grading" and len(parts) > 2 and parts[1] in GRADING:
            allowed = GRADING[parts[1]] | {parts[1]}
            if wanted[1] not in allowed:
                wrong.append(f"{module} imports {other}")
    assert wrong == []


def test_the_table_knows_every_room_and_its_own_order_has_no_circle() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(ROOMS) | {"shell"}
    list(TopologicalSorter(ROOMS).static_order())  # raises CycleError


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for module, other in edges():
        graph.setdefault(module, set()).add(other)
    list(TopologicalSorter(graph).static_order())


def test_the_first_level_is_small_and_imports_no_room() -> None:
    first = {path.stem for path in PACKAGE.glob("*.py")}
    assert first == FOR_ALL | {"__init__"}
    assert not [(module, other) for module, other in edges()
                if module in FOR_ALL | {""} and other not in FOR_ALL]  # fmt: skip


def test_the_statistics_import_neither_lighteval_nor_vllm_nor_files() -> None:
    heavy = {"lighteval", "vllm", "torch", "transformers", "os", "pathlib", "io", "json"}
    for path in (PACKAGE / "statistics").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not heavy & {name.split(".")[0] for name in names}, path


def test_every_room_says_what_it_is_for() -> None:
    for room in ROOMS:
        assert ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text(encoding="utf-8"))), room


def test_no_folder_of_tests_has_the_name_of_a_standard_module() -> None:
    import sys

    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert not folders & set(sys.stdlib_module_names)
