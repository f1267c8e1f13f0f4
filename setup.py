"""Build `fastgate._core`, the one compiled module, in the mode that FASTGATE_BUILD names.

Each mode has its own tree, build/<mode>: switching modes rebuilds nothing that is up to date, and `build_ext --inplace` copies the
mode's module beside the sources. Everything else about the package stands in pyproject.toml.
"""

import os
from pathlib import Path
from typing import Any

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

PACKAGE = Path("src/fastgate")
MODES = ("release", "debug", "asan", "coverage", "profile", "annotate")
MODE = os.environ.get("FASTGATE_BUILD") or "release"
if MODE not in MODES:
    raise SystemExit(f"FASTGATE_BUILD is {MODE!r}; expected one of {', '.join(MODES)}")

CHECKED = MODE in ("debug", "asan")

# A checked build adds checks and never changes meaning: cdivision and wraparound are the same in every mode.
DIRECTIVES: dict[str, Any] = {
    "language_level": 3,
    "cdivision": True,
    "wraparound": False,
    "boundscheck": CHECKED,
    "nonecheck": CHECKED,
    "initializedcheck": CHECKED,
    # Plain C methods: a cyfunction costs an allocation more per bound method.
    "binding": False,
    "embedsignature": False,
    # Both would put names into the module that _core.pyi does not have.
    "auto_pickle": False,
    "autotestdict": False,
    "linetrace": MODE == "coverage",
}

# What the C that Cython writes cannot meet; everything else in -Wall -Wextra shows, for the verbatim C of the parts too.
WARNINGS = (
    "-Wall",
    "-Wextra",
    "-Wno-unused-parameter",
    "-Wno-unused-function",
    "-Wno-missing-field-initializers",
    "-Wno-cast-function-type",
)

# These follow the flags of the Python that builds (usually -O3 -g -DNDEBUG -fwrapv) and so override them.
# No -march=native anywhere: a wheel runs on machines it was not built on.
COMPILE: dict[str, tuple[str, ...]] = {
    "release": ("-O2", "-fno-plt", "-fno-semantic-interposition"),
    "debug": ("-O0", "-g", "-UNDEBUG"),
    "asan": (
        "-O1",
        "-g",
        "-UNDEBUG",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=undefined",
        "-fno-omit-frame-pointer",
        # With -fwrapv a signed overflow is defined, and UBSan says nothing about it.
        "-fno-wrapv",
    ),
    "coverage": ("-O0", "-g"),
    "profile": ("-O3", "-g", "-fno-omit-frame-pointer"),
    "annotate": ("-O3",),
}
LINK: dict[str, tuple[str, ...]] = {"asan": ("-fsanitize=address,undefined",)}

MACROS = [("FASTGATE_DEBUG", "1" if CHECKED else "0")]
if MODE == "coverage":
    MACROS += [("CYTHON_TRACE", "1"), ("CYTHON_TRACE_NOGIL", "1")]


class BuildCore(build_ext):
    """Translate the .pyx only when the C is wanted, so that an sdist is made of sources alone."""

    def build_extension(self, ext: Extension) -> None:
        generated = None if MODE == "coverage" else Path(f"build/{MODE}/cython")  # Cython.Coverage wants the C beside the .pyx
        c_file = (generated or Path()) / PACKAGE / "_core.c"
        # Cython compares the C with its sources only; a changed directive is a reason to translate again too.
        outdated = c_file.exists() and c_file.stat().st_mtime < Path("setup.py").stat().st_mtime
        translated = cythonize(
            [ext],
            build_dir=generated and str(generated),
            compiler_directives=DIRECTIVES,
            annotate=MODE == "annotate",
            emit_linenums=MODE in ("debug", "asan", "profile"),  # annotate would drop them
            force=self.force or outdated,
        )
        ext.sources = translated[0].sources
        super().build_extension(ext)

    def copy_extensions_to_source(self) -> None:
        # Copying "if newer" would keep another mode's module when this mode's is older and up to date.
        self.force = True
        super().copy_extensions_to_source()


CORE = Extension(
    "fastgate._core",
    sources=[str(PACKAGE / "_core.pyx")],
    depends=["setup.py", *sorted(str(part) for suffix in ("pxi", "pxd", "h") for part in PACKAGE.rglob(f"*.{suffix}"))],
    define_macros=MACROS,
    extra_compile_args=[*WARNINGS, *COMPILE[MODE]],
    extra_link_args=[*LINK.get(MODE, ())],
)

setup(
    ext_modules=[CORE],
    cmdclass={"build_ext": BuildCore},
    options={"build": {"build_base": f"build/{MODE}"}},
)
