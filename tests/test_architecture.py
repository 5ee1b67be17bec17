"""The design's rules about imports, sizes and names, read from the source."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "evalkit"
MODULES = sorted(PACKAGE.rglob("*.py"))

FOUNDATION = {"core", "store"}
AUDIO = {"audio", "corpora", "conditions", "systems", "models", "training", "metrics", "run"}
TABLES = {"statistics", "cohorts", "report", "compare", "terminal"}
TOP = {"cli", "mitigation", ""}
MAY_IMPORT = {**dict.fromkeys(FOUNDATION, FOUNDATION),
              **dict.fromkeys(AUDIO, FOUNDATION | AUDIO),
              **dict.fromkeys(TABLES, FOUNDATION | TABLES),
              **dict.fromkeys(TOP, FOUNDATION | AUDIO | TABLES | TOP)}
HEAVY = {"torch", "torchaudio", "speechbrain", "librosa", "soundfile", "soxr", "pesq", "pystoi"}


def part(module: Path) -> str:
    first = module.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imports(module: Path, *, top_level: bool = False) -> set[str]:
    tree = ast.parse(module.read_text())
    nodes = tree.body if top_level else ast.walk(tree)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def functions(module: Path) -> list[tuple[str, int]]:
    """Names and lengths, docstrings aside, of a module's functions."""
    found = []
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            found.append((f"{module.name}:{node.name}", length))
    return found


def test_every_part_has_a_band() -> None:
    assert {part(m) for m in MODULES} <= FOUNDATION | AUDIO | TABLES | TOP


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_arrows_between_the_bands_go_one_way(module: Path) -> None:
    used = {name.split(".")[1] for name in imports(module) if name.startswith("evalkit.")}
    used &= FOUNDATION | AUDIO | TABLES | TOP
    assert used <= MAY_IMPORT[part(module)], f"{module} imports {used - MAY_IMPORT[part(module)]}"


@pytest.mark.parametrize("module", [m for m in MODULES if part(m) in FOUNDATION | TABLES],
                         ids=lambda m: str(m.relative_to(PACKAGE)))
def test_tables_and_foundation_are_free_of_audio_packages(module: Path) -> None:
    """But for the report's pictures of the recordings that lie beside it, and for the types of
    the protocols, which are never imported when evalkit runs."""
    allowed = {"spectrograms.py": {"soundfile"}, "protocols.py": {"torch"}}.get(module.name, set())
    assert not {name.split(".")[0] for name in imports(module)} & HEAVY - allowed


@pytest.mark.parametrize("statement", [
    "import evalkit", "import evalkit.cli",
    "import evalkit.core.config, evalkit.core.plugins, evalkit.store.manifest, "
    "evalkit.store.runfolder"])
def test_imports_stay_light(statement: str) -> None:
    check = (f"{statement}; import sys; "
             "print({'torch', 'matplotlib', 'librosa'} & set(sys.modules))")
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True,
                            check=True)
    assert result.stdout.strip() == "set()"


def test_functions_are_short() -> None:
    lengths = sorted((length, name) for module in MODULES for name, length in functions(module))
    assert lengths[-1][0] <= 50, f"the longest function is {lengths[-1]}"
    assert lengths[int(0.9 * len(lengths))][0] <= 20


def test_every_module_says_what_it_is() -> None:
    silent = [str(m) for m in MODULES if not ast.get_docstring(ast.parse(m.read_text()))]
    assert not silent


def test_every_entry_point_leads_somewhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for group in project["entry-points"].values():
        for target in group.values():
            module, _, name = target.partition(":")
            path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
            tree = ast.parse(path.read_text())
            assert name in {getattr(node, "name", None) for node in tree.body}, target


def test_nothing_unsafe_is_called() -> None:
    for module in MODULES:
        text = module.read_text()
        for call in ("pickle.", "yaml.load(", "shell=True", "weights_only=False",
                     "allow_pickle=True"):
            assert call not in text, f"{module}: {call}"
        calls = [node.func.id for node in ast.walk(ast.parse(text))
                 if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
        assert not {"eval", "exec", "hash"} & set(calls), module
