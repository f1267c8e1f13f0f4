"""The shape of the source: layers, the line, sizes and words. A rule that no test holds is a wish."""

import ast
import re

import pytest

from tests.source import (
    CORE,
    CORE_CLASS,
    CORE_IMPORT,
    PACKAGE,
    ROOT,
    Function,
    component,
    core_functions,
    files,
    functions,
    imports_of,
    included,
    literals,
    module_of,
    place,
)

# The line, as `_core.pyx` includes it.
ORDER = ("accept", "frame", "authenticate", "limit", "cache", "route", "translate", "upstream", "relay", "account", "gateway")
# Parts that stand before their step's place, first in the file and in this order: C declares before it uses.
EARLY: tuple[str, ...] = ("frame/bytes.pxi",)

STEPS = ("authenticate", "limit", "cache", "route", "translate", "upstream", "relay", "account")
# A module imports only from its own package and from lower layers.
LAYERS = (
    ("errors", "_core"),
    ("frame", "config", "providers", "catalogue", "store"),
    (*STEPS, "endpoints"),
    ("gateway",),
    ("accept", "control"),
    ("mock", "bench", "litellm_flags"),
    ("cli",),
    ("__main__",),
)
LAYER = {name: layer for layer, names in enumerate(LAYERS) for name in names}

# Module -> the only packages of src/fastgate that may import it.
ONLY_IN: dict[str, tuple[str, ...]] = {
    "aiohttp": ("control",),
    "yaml": ("config",),
    "sqlite3": ("store",),
    "sqlalchemy": ("store",),
    "alembic": ("store",),
    "aiosqlite": ("store",),
    "asyncpg": ("store",),
    "psycopg": ("store",),
    "redis": ("store",),
    "hiredis": ("store",),
    "json": (),
    "h11": (),
    "httpx": (),
    "requests": (),
    "fastapi": (),
    "pydantic": (),
}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}

MAX_PY_LINES = 400
MAX_PART_LINES = 800
MAX_FUNCTION_LINES = 60
# "path:function" -> why it may be taller: a parser loop reads better in one piece.
TALL: dict[str, str] = {
    "src/fastgate/frame/http1.pxi:chunked_next": "one state machine: a branch for each state of a chunked body",
    "src/fastgate/frame/json.pxi:scan_request": "one loop over the body: a branch for each kind of token, its state in local variables",
}

# Words of a wire format, which name providers too; `meta` is a member of Cohere's answers.
DIALECTS = {"openai_chat", "openai_responses", "anthropic_messages", "gemini", "ollama", "bedrock", "cohere", "meta"}
VAGUE_WORDS = {"manager", "helper", "helpers", "util", "utils", "common2"}
VAGUE_NAMES = {"data", "info"}
VAGUE_STARTS = ("process_", "handle_stuff", "do_", "my_", "new_")

# Patterns that do not match their own spelling here.
UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E)\b")
MACHINE = re.compile(r"/(?:home|root|Users|work|opt)/\w")
TICKET = re.compile(r"\b(?:fixes|closes|issue) #?\d+", re.IGNORECASE)


def layer_mistakes(source: str, module: str, is_package: bool = False) -> list[str]:
    """Return one sentence for each import that the layers forbid."""
    own = component(module)
    found = []
    for line, imported, _ in imports_of(source, module, is_package):
        other = component(imported)
        if imported.partition(".")[0] != "fastgate" or other in ("", own, "__version__"):
            continue
        if not own:
            found.append(f"{line}: fastgate/__init__.py imports {imported}")
        elif other not in LAYER:
            found.append(f"{line}: {imported} has no layer; give it one in LAYERS")
        elif LAYER[other] >= LAYER[own]:
            found.append(f"{line}: {own} (layer {LAYER[own]}) imports {imported} (layer {LAYER[other]})")
    return found


def provider_names() -> set[str]:
    """Return the names of the rows of `providers/`, read from their syntax: rows are data."""
    names = set()
    for path in (PACKAGE / "providers").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "name" and isinstance(node.value, ast.Constant):
                names.add(str(node.value.value))
    return names - DIALECTS


def test_a_module_imports_only_its_own_package_and_lower_layers() -> None:
    found = [
        f"{place(path)}:{mistake}"
        for path in files(".py")
        for mistake in layer_mistakes(path.read_text(), module_of(path), path.name == "__init__.py")
    ]
    assert not found, "\n".join(found)


def test_parts_of_core_import_nothing_of_the_package_but_errors() -> None:
    found = []
    for path in files(".pxi", ".pxd", ".pyx"):
        for match in CORE_IMPORT.finditer(path.read_text()):
            module = match[1] or match[2]
            banned = not any(module == name for name in ("fastgate.errors", "fastgate._core")) and module.startswith(("fastgate", "."))
            if banned or module.partition(".")[0] in ONLY_IN:
                found.append(f"{place(path)}: {match[0].strip()}")
    assert not found, "\n".join(found)


def test_a_library_is_imported_only_where_it_belongs() -> None:
    found = [
        f"{place(path, line)}: {module} belongs to {ONLY_IN[top] or 'no file of src/'}"
        for path in files(".py")
        for line, module, _ in imports_of(path.read_text(), module_of(path), path.name == "__init__.py")
        if (top := module.partition(".")[0]) in ONLY_IN and component(module_of(path)) not in ONLY_IN[top]
    ]
    assert not found, "\n".join(found)


def test_only_config_reads_the_environment() -> None:
    found = []
    for path in files(".py"):
        if component(module_of(path)) == "config":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            named = (
                isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os" and node.attr in ENVIRONMENT
            )
            taken = isinstance(node, ast.ImportFrom) and node.module == "os" and any(alias.name in ENVIRONMENT for alias in node.names)
            if named or taken:
                found.append(place(path, getattr(node, "lineno", None)))
    for path in files(".pxi", ".pyx"):
        found += [place(path)] if re.search(r"\bos\.(?:environ|getenv)|\bgetenv\(", path.read_text()) else []
    assert not found, "\n".join(found)


def test_imports_stand_at_the_top_of_their_module() -> None:
    found = [
        place(path, line)
        for path in files(".py")
        if path.name != "cli.py"  # --version and --help load no loop
        for line, _, nested in imports_of(path.read_text(), module_of(path), path.name == "__init__.py")
        if nested
    ]
    assert not found, "\n".join(found)


def test_core_is_a_list_of_its_parts() -> None:
    lines = CORE.read_text().splitlines() if CORE.exists() else []
    other = [line for line in lines if line and not line.startswith("#") and not re.fullmatch(r'include "[\w/]+\.pxi"', line)]
    assert not other, "\n".join(other)


def test_every_part_is_included_once() -> None:
    parts = sorted(path.relative_to(PACKAGE).as_posix() for path in files(".pxi"))
    assert not CORE.exists() or sorted(included()) == parts


def test_parts_stand_in_the_order_of_the_line() -> None:
    parts = included()
    early = [part for part in EARLY if part in parts]
    assert parts[: len(early)] == early, f"EARLY parts come first: {early}"
    steps = [part.partition("/")[0].removesuffix(".pxi") for part in parts[len(early) :]]
    assert not set(steps) - set(ORDER), "unknown step"
    assert steps == sorted(steps, key=ORDER.index)


def test_files_stay_small() -> None:
    sizes = {path: len(path.read_text().splitlines()) for path in [*files(".py", under=("src", "tests", "benchmarks")), *files(".pxi")]}
    found = [
        f"{place(path)}: {count} lines, the limit is {limit}"
        for path, count in sizes.items()
        if count >= (limit := MAX_PY_LINES if path.suffix == ".py" else MAX_PART_LINES)
    ]
    assert not found, "\n".join(found)


def test_functions_stay_small() -> None:
    tall = {f"{place(path)}:{function.name}": function.lines for path, function in functions() if function.lines >= MAX_FUNCTION_LINES}
    found = [f"{name}: {lines} lines, the limit is {MAX_FUNCTION_LINES}" for name, lines in tall.items() if name not in TALL]
    assert not found, "\n".join(found)
    assert not set(TALL) - set(tall), "listed in TALL, but gone or small"


def test_every_module_says_what_it_is() -> None:
    paths = files(".py", under=("src", "tests", "benchmarks"))
    assert not [place(path) for path in paths if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not [place(path) for path in files(".pxi") if not path.read_text().startswith(("#", '"""'))]


def test_every_folder_with_modules_is_a_package() -> None:
    assert not [
        place(folder)
        for folder in {path.parent for path in files(".py")}
        if folder != ROOT / "src" and not (folder / "__init__.py").exists()
    ]


def test_a_provider_is_named_only_in_providers_and_config() -> None:
    names = provider_names()
    found = [
        f"{place(path, line)}: {literal!r}"
        for path in files(".py", ".pxi", ".pyx")
        if component(module_of(path)) not in ("providers", "config")
        for line, literal in literals(path)
        if literal in names
    ]
    assert not found, "\n".join(found)


def test_no_error_is_swallowed() -> None:
    found = []
    for path in files(".py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ExceptHandler) or not all(isinstance(step, ast.Pass) for step in node.body):
                continue
            if node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")):
                found.append(place(path, node.lineno))
    for path in files(".pxi"):
        found += [place(path)] if re.search(r"except(?: (?:Base)?Exception)?:\s+pass\b", path.read_text()) else []
    assert not found, "\n".join(found)


def test_names_say_what_a_thing_is() -> None:
    named = [(place(path), path.stem) for path in files(".py", ".pxi", under=("src", "tests", "benchmarks"))]
    named += [(place(path, function.line), function.name) for path, function in functions()]
    for path in files(".py", under=("src", "tests", "benchmarks")):
        named += [(place(path, node.lineno), node.name) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]
    for path in files(".pxi", ".pxd"):
        named += [(place(path), match[1]) for match in CORE_CLASS.finditer(path.read_text())]
    found = [f"{where}: {name}" for where, name in named if is_vague(name)]
    assert not found, "\n".join(found)


def is_vague(name: str) -> bool:
    words = set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))
    return bool(words & VAGUE_WORDS) or name.lower() in VAGUE_NAMES or name.startswith(VAGUE_STARTS)


@pytest.mark.parametrize("pattern", [UNFINISHED, MACHINE, TICKET], ids=["unfinished", "machine", "ticket"])
def test_no_text_speaks_of_the_unfinished_a_machine_or_a_ticket(pattern: re.Pattern[str]) -> None:
    texts = files(".py", ".pyx", ".pxi", ".pxd", ".pyi", ".md", ".toml", under=("src", "tests", "benchmarks", "docs"))
    texts += [path for path in ROOT.iterdir() if path.suffix in (".md", ".toml", ".py", ".in") or path.name == "Makefile"]
    found = [
        f"{place(path, at)}: {line.strip()}"
        for path in texts
        for at, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("module", "source", "allowed"),
    [
        ("fastgate.route.pick", "import fastgate.config.schema", True),
        ("fastgate.route.pick", "from fastgate import errors, __version__", True),
        ("fastgate.route.pick", "from . import order", True),
        ("fastgate.route.pick", "from ..config import schema", True),
        ("fastgate.route.pick", "from fastgate import gateway", False),
        ("fastgate.route.pick", "from ..relay.bytes import x", False),
        ("fastgate.route.pick", "if TYPE_CHECKING:\n    from fastgate.gateway import Gateway", False),
        ("fastgate.config.load", "def f():\n    import fastgate.cli", False),
        ("fastgate.errors", "import fastgate._core", False),
    ],
)
def test_the_layer_rule_sees_every_form_of_import(module: str, source: str, allowed: bool) -> None:
    assert (layer_mistakes(source, module) == []) is allowed


def test_the_size_rule_sees_the_end_of_a_function() -> None:
    part = "cdef inline int first(\n    int a,\n) except -1:\n    return a\n\n\n"
    part += "cdef class C:\n    def second(self):\n\n        return 1\n\n    cdef int x\n"
    assert core_functions(part) == [Function("first", 1, 4), Function("second", 8, 3)]
    verbatim = '    """\n    static int third(int a) {\n        if (a) {\n        }\n    }\n    """\n'
    assert core_functions(verbatim) == [Function("third", 2, 4)]
