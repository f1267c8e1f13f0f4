"""The source as data: its files, imports, functions and literals."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "fastgate"
CORE = PACKAGE / "_core.pyx"

CORE_IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import\b|c?import\s+([\w.]+))", re.MULTILINE)
CORE_CALLABLE = re.compile(
    r"^(?P<indent> *)(?:async +)?(?:def|cp?def)\b(?! +(?:class|struct|enum|union|extern|packed|public)\b)"
    r"[^=(]*?(?P<name>\w+) *\("
)
C_FUNCTION = re.compile(r"^(?P<indent> *)static\b[^;=]*?(?P<name>\w+)\([^;]*\) *\{$")
CORE_CLASS = re.compile(r"^ *cdef +class +(\w+)", re.MULTILINE)


class Import(NamedTuple):
    """One imported module, by its absolute name."""

    line: int
    module: str
    nested: bool


class Function(NamedTuple):
    """A function's name and extent."""

    name: str
    line: int
    lines: int


def files(*suffixes: str, under: tuple[str, ...] = ("src",)) -> list[Path]:
    found = [path for folder in under for path in (ROOT / folder).rglob("*") if path.suffix in suffixes and "__pycache__" not in path.parts]
    return sorted(path for path in found if ".build" not in path.parts and not any(part.endswith(".egg-info") for part in path.parts))


def place(path: Path, line: int | None = None) -> str:
    return f"{path.relative_to(ROOT)}:{line}" if line else str(path.relative_to(ROOT))


def component(module: str) -> str:
    """Return the name below `fastgate` that a module belongs to; empty for the package itself."""
    return module.partition(".")[2].partition(".")[0]


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(source: str, module: str, is_package: bool = False) -> list[Import]:
    """Return every import, in functions and under TYPE_CHECKING too; `from x import y` is x and, below fastgate, x.y."""
    tree = ast.parse(source)
    nested = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(outer)
    }
    found: list[Import] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [Import(node.lineno, alias.name, id(node) in nested) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = module.split(".")[: None if is_package and node.level == 1 else -(node.level - is_package)]
                base = ".".join([*up, *filter(None, [node.module])])
            names = [f"{base}.{alias.name}" for alias in node.names] if base == "fastgate" else [base]
            found += [Import(node.lineno, name, id(node) in nested) for name in names]
    return found


def python_functions(source: str) -> list[Function]:
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [Function(node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1) for node in nodes]


def core_functions(source: str) -> list[Function]:
    """Return the functions of a part: Cython's by their indentation, those of verbatim C by their closing brace."""
    lines = source.splitlines()
    found = []
    for at, line in enumerate(lines):
        cython, c = CORE_CALLABLE.match(line), C_FUNCTION.match(line)
        match = cython or c
        if match is None:
            continue
        if c:
            end = next((n for n in range(at + 1, len(lines)) if lines[n] == c["indent"] + "}"), at)
        else:
            end = end_of_block(lines, at, len(match["indent"]))
        found.append(Function(match["name"], at + 1, end - at + 1))
    return found


def end_of_block(lines: list[str], start: int, indent: int) -> int:
    """Return the index of the last line that belongs to the block whose header begins at *start*."""
    end, depth = start, 0
    for n in range(start, len(lines)):
        text = lines[n].strip()
        if n > start and depth <= 0 and text and len(lines[n]) - len(lines[n].lstrip()) <= indent:
            break
        if depth > 0 or n == start:
            depth += sum(map(text.count, "([")) - sum(map(text.count, ")]"))
        if text:
            end = n
    return end


def functions() -> Iterator[tuple[Path, Function]]:
    for path in [*files(".py", under=("src", "tests", "benchmarks")), ROOT / "setup.py"]:
        yield from ((path, function) for function in python_functions(path.read_text()))
    for path in files(".pxi"):
        yield from ((path, function) for function in core_functions(path.read_text()))


def included() -> list[str]:
    return re.findall(r'^include "(.+)"$', CORE.read_text(), re.MULTILINE) if CORE.exists() else []


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Return the string and bytes literals with their lines, bytes as Latin-1."""
    if path.suffix != ".py":
        for at, line in enumerate(path.read_text().splitlines(), 1):
            yield from ((at, match[2]) for match in re.finditer(r"(['\"])([^'\"]*)\1", line.partition("#")[0]))
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            yield node.lineno, node.value if isinstance(node.value, str) else node.value.decode("latin-1")
