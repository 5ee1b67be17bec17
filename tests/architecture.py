"""Reads evalkit's source, and lists where it breaks a rule of the design.

Every rule is a function that returns faults, one line each, "module: what"."""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "evalkit"

FOUNDATION = {"core", "store"}
AUDIO = {"audio", "recordings", "corpora", "conditions", "systems", "models", "training", "metrics",
         "results", "run"}
TABLES = {"statistics", "cohorts", "report", "compare", "exports", "terminal"}
TOP = {"api", "cli", "mitigation", "pytest_plugin", "__main__", ""}
MAY_IMPORT = {**dict.fromkeys(FOUNDATION, FOUNDATION),
              **dict.fromkeys(AUDIO, FOUNDATION | AUDIO),
              **dict.fromkeys(TABLES, FOUNDATION | TABLES),
              **dict.fromkeys(TOP, FOUNDATION | AUDIO | TABLES | TOP)}
HEAVY = {"torch", "torchaudio", "speechbrain", "librosa", "soundfile", "soxr", "pesq", "pystoi"}

LONGEST_FUNCTION, FUNCTION_P90 = 25, 12
HIGHEST_COMPLEXITY, COMPLEXITY_P90 = 12, 6
LONGEST_MODULE = 300

Function = ast.FunctionDef | ast.AsyncFunctionDef
BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)


@cache
def modules() -> dict[str, ast.Module]:
    """Dotted names and syntax trees of all modules; a package's name stands for its __init__."""
    return {dotted(path): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def path_of(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def part(module: str) -> str:
    """The package of first level that a module belongs to, "" for evalkit itself."""
    return [*module.split("."), ""][1]


def imported(tree: ast.Module) -> Iterator[str]:
    """Dotted names that a module imports, at its head, within functions, and for types alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, "relative imports are not read"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def used_modules(module: str) -> set[str]:
    """The modules of evalkit that ``module`` imports, or names of; its version is everyone's."""
    names = {name for name in imported(modules()[module]) if name.split(".")[0] == "evalkit"}
    names.discard("evalkit.__version__")
    used = {name if name in modules() else name.rpartition(".")[0] for name in names}
    return used & modules().keys() - {module}


def arrows_between_bands() -> list[str]:
    return [f"{module}: imports {used}" for module in modules()
            for used in sorted(used_modules(module)) if part(used) not in MAY_IMPORT[part(module)]]


def circles_of_imports() -> list[str]:
    graph, circles = {module: used_modules(module) for module in modules()}, []
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1]
            circles.append(f"{circle[0]}: circle of imports {' <- '.join(circle)}")
            graph[circle[1]].discard(circle[0])
        else:
            return circles


def audio_packages_among_tables() -> list[str]:
    """But for the report's pictures of the recordings that lie beside it, and for the types of
    the protocols, which are never imported when evalkit runs."""
    allowed, faults = {"spectrograms": {"soundfile"}, "protocols": {"torch"}}, []
    for module, tree in modules().items():
        if part(module) in FOUNDATION | TABLES:
            used = {name.split(".")[0] for name in imported(tree)} & HEAVY
            used -= allowed.get(module.rpartition(".")[2], set())
            faults += [f"{module}: imports {name}" for name in sorted(used)]
    return faults


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def length(function: Function) -> int:
    """Lines of a function's body, docstring aside."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def complexity(function: Function) -> int:
    """McCabe's number: one more than there are branches; a comprehension, its conditions, and
    every ``and`` and ``or`` are branches too."""
    count = 1
    for node in ast.walk(function):
        if isinstance(node, BRANCHES):
            count += 1
        elif isinstance(node, ast.comprehension):
            count += 1 + len(node.ifs)
        elif isinstance(node, ast.BoolOp):
            count += len(node.values) - 1
    return count


def measured_functions() -> list[tuple[str, int, int]]:
    """(name, length, complexity) of every function."""
    return [(f"{module}: {function.name}", length(function), complexity(function))
            for module, tree in modules().items() for function in functions(tree)]


def p90(numbers: Sequence[int]) -> int:
    return sorted(numbers)[int(0.9 * len(numbers))]


def long_functions() -> list[str]:
    return [f"{name} has {lines} lines" for name, lines, _ in measured_functions()
            if lines > LONGEST_FUNCTION]


def complex_functions() -> list[str]:
    return [f"{name} has complexity {number}" for name, _, number in measured_functions()
            if number > HIGHEST_COMPLEXITY]


def long_modules() -> list[str]:
    lines = {module: len(path_of(module).read_text().splitlines()) for module in modules()}
    return [f"{module}: has {n} lines" for module, n in lines.items() if n > LONGEST_MODULE]


def classes() -> Iterator[tuple[str, ast.ClassDef]]:
    for module, tree in modules().items():
        yield from ((module, node) for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def classes_of_one_name() -> list[str]:
    """A package is a folder of first level with all that is in it."""
    homes = defaultdict(list)
    for module, node in classes():
        homes[part(module), node.name].append(module)
    return [f"{where[-1]}: class {name} is also in {', '.join(where[:-1])}"
            for (_, name), where in homes.items() if len(where) > 1]


def is_protocol(node: ast.ClassDef) -> bool:
    return any("Protocol" in ast.unparse(base) for base in node.bases)


def members(node: ast.ClassDef) -> set[str]:
    """Names that a class defines: methods, fields, and what its methods set on ``self``."""
    names: set[str] = set()
    for child in ast.walk(node):
        if isinstance(child, Function):
            names.add(child.name)
        elif isinstance(child, ast.Attribute) and isinstance(child.ctx, ast.Store):
            names.add(child.attr)
        elif isinstance(child, ast.AnnAssign | ast.Assign):
            targets = [child.target] if isinstance(child, ast.AnnAssign) else child.targets
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def read_attributes() -> set[str]:
    """Names that are read of anything but ``self``, protocols' own definitions aside."""
    names = set()
    for tree in modules().values():
        inside = {id(child) for node in ast.walk(tree)
                  if isinstance(node, ast.ClassDef) and is_protocol(node)
                  for child in ast.walk(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and id(node) not in inside and not (
                    isinstance(node.value, ast.Name) and node.value.id == "self"):
                names.add(node.attr)
    return names


def idle_protocols() -> list[str]:
    """Protocols that nothing mentions, and members that nothing reads or nobody implements."""
    read, faults = read_attributes(), []
    implemented = set().union(*(members(n) for _, n in classes() if not is_protocol(n)))
    mentioned = {name for tree in modules().values() for node in ast.walk(tree)
                 for name in names_in(node)}
    for module, node in classes():
        if not is_protocol(node):
            continue
        if node.name not in mentioned:
            faults.append(f"{module}: nothing asks for protocol {node.name}")
        for member in sorted(members(node) - {"__call__"}):
            faults += [f"{module}: {what} {node.name}.{member}" for what, names in
                       (("nothing reads", read), ("nobody implements", implemented))
                       if member not in names]
    return faults


def names_in(node: ast.AST) -> list[str]:
    """Names that a piece of code mentions; annotations in quotes count too."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [node.attr]
    return []


DECLARED_OTHERWISE: dict[tuple[str, str], str] = {}
"""(module, name) of each hasattr or getattr with a name written out, and why it has to be."""


def name_tricks() -> list[str]:
    faults = []
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            name = node.args[1] if node.func.id in ("hasattr", "getattr") else None
            if isinstance(name, ast.Constant) and (module, name.value) not in DECLARED_OTHERWISE:
                faults.append(f"{module}: line {node.lineno}: {ast.unparse(node)}")
    return faults


JSON_READERS = ("json.load", "json.loads")
NO_DOCUMENTS = {
    "evalkit.corpora.beside": "rows of a user's manifest",
    "evalkit.core.alignment": "an alignment, one column of the outputs",
    "evalkit.metrics.meetings.seglst": "a user's segments",
    "evalkit.models.card": "counts that the module itself has made",
    "evalkit.models.transducer.phrases": "a user's list of names",
    "evalkit.models.tensors": "the header of a file of weights",
    "evalkit.run.shard": "rows of the outputs, by stage",
    "evalkit.run.stages": "rows of the outputs, by stage",
    "evalkit.run.tables": "rows of the outputs, by stage",
    "evalkit.systems.http": "answers of a service",
    "evalkit.systems.staying": "answers of a user's program",
    "evalkit.systems.transcripts.lines": "a user's hypotheses",
}
"""Modules outside of store/ that read JSON or trees which are no documents, and what they are."""


def documents_read_as_trees() -> list[str]:
    """JSON that is read outside of store/, and keys of keys: ``one["two"]["three"]``."""
    faults = []
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if part(module) == "store" or module in NO_DOCUMENTS:
                continue
            if isinstance(node, ast.Call) and ast.unparse(node.func) in JSON_READERS:
                faults.append(f"{module}: line {node.lineno}: reads JSON")
            if is_keyed(node) and is_keyed(node.value):  # type: ignore[attr-defined]
                faults.append(f"{module}: line {node.lineno}: {ast.unparse(node)}")  # type: ignore[attr-defined]
    return faults


def is_keyed(node: ast.AST) -> bool:
    return (isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str))


def entry_points() -> Iterator[tuple[str, str, str]]:
    """(group, name, target) of evalkit's own plug-ins in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for group, entries in project["entry-points"].items():
        if group.startswith("evalkit."):
            yield from ((group, name, target) for name, target in entries.items())


WORDS = {"cohort", "table", "reference", "noise", "kaldi", "command", "speechbrain",
         "pocketsphinx", "resemblyzer", "dnsmos", "transformers", "worker", "http", "lhotse",
         "faster_whisper", "onnx", "onnx_asr", "sherpa_onnx", "jsonl", "ctm", "stm", "clipping",
         "room", "transducer", "webrtcvad"}
"""Plug-ins whose names are also the names of columns, packages and formats."""
KNOWN_BY_NAME = {
    "wer": "the score that is looked at unless another is asked for",
    "cer": "scored beside it unless other metrics are asked for",
    "tree": "the finder of mitigation unless another is asked for",
    "plain": "the arm that others are compared with",
    "arw_pw": "the arm that is tried unless others are asked for",
    "precomputed": "what `evalkit score` makes of hypotheses",
    "event_log": "what `evalkit score` makes of logs of events",
    "endpoint_delay": "what `evalkit endpoints` shows",
    "perceived_latency": "shown beside it",
    "common_voice": "told by its layout", "librispeech": "told by its layout",
    "fsdd": "told by its layout", "nemo": "JSON lines that are no manifest",
    "audio_folder": "recordings in no known layout",
    "chain": "what several conditions in one line of eval.yaml are",
    "impulse_responses": "its key in eval.yaml stands for its folder",
}
"""Built-in plug-ins that other modules know by name, and why: they are defaults."""
DEFAULTS_OF = {"tree": {"mitigation"}, "plain": {"mitigation"}, "arw_pw": {"mitigation"},
               "precomputed": {"run"}, "event_log": {"run"},
               "endpoint_delay": {"statistics"}, "perceived_latency": {"statistics"},
               "common_voice": {"store"},
               "librispeech": {"store"}, "fsdd": {"store"}, "nemo": {"corpora"},
               "audio_folder": {"corpora"}, "chain": {"core"}, "impulse_responses": {"core"}}
"""The only packages that know them."""


def plugins_known_by_name() -> list[str]:
    """Built-in plug-ins whose name another module than their own has in a string."""
    homes = defaultdict(set)
    for _, name, target in entry_points():
        homes[name].add(target.partition(":")[0])
    faults = []
    for module, tree in modules().items():
        for node in ast.walk(tree):
            name = node.value if isinstance(node, ast.Constant) else None
            if name in homes.keys() - WORDS and module not in homes[name] and not (
                    name in KNOWN_BY_NAME and part(module) in DEFAULTS_OF.get(
                        name, {part(module)})):
                faults.append(f"{module}: line {node.lineno}: knows {name!r}")
    return faults


RULES = (arrows_between_bands, circles_of_imports, audio_packages_among_tables,
         classes_of_one_name, idle_protocols, long_functions, complex_functions, long_modules,
         name_tricks, documents_read_as_trees, plugins_known_by_name)


def report() -> str:
    """All faults, by rule."""
    numbers = measured_functions()
    lines = [f"p90 of functions: {p90([n for _, n, _ in numbers])} lines (at most {FUNCTION_P90}), "
             f"complexity {p90([n for _, _, n in numbers])} (at most {COMPLEXITY_P90})"]
    for rule in RULES:
        faults = rule()
        lines += ["", f"== {rule.__name__}: {len(faults)}", *sorted(faults)]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report())
