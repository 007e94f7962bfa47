"""A strategy notebook as the runner reads it: its parameters, and what of it decides (code cells, sources)."""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.machinery
import io
import keyword
import math
import site
import sys
import sysconfig
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from aura_lib.core import Binding, InputError, digest

FREE = ("mode", "as_of", "book")  # parameters that say where a run happens, not what it decides
DECIDING = (
    "core", "data", "indicators", "options", "risk", "exchange", "models", "optimizers", "strategies", "plan",
)  # fmt: skip
PACKAGE = Path(__file__).resolve().parents[1]


# ---- reading -------------------------------------------------------------------------------------------------------
def load(path: Path) -> Any:
    """The notebook at `path` (nbformat 4). Raises InputError when there is none, or it is no Python notebook."""
    if not path.is_file():
        raise InputError(f"no notebook at {path}")
    return read(path.read_bytes(), path.name)


def read(data: bytes, name: str) -> Any:
    """The notebook in these bytes."""
    import nbformat
    from nbformat.reader import NotJSONError

    try:
        nb = nbformat.reads(data.decode(), as_version=4)  # type: ignore[no-untyped-call]
    except (NotJSONError, UnicodeDecodeError, nbformat.ValidationError, AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{name} is no Jupyter notebook: {str(error).splitlines()[0][:200]}") from None
    told = nb.metadata.get("kernelspec", {}).get("language") or nb.metadata.get("language_info", {}).get("name")
    if told and str(told).lower() not in ("python", "ipython"):
        raise InputError(f"{name} is written in {told}: Aura runs Python notebooks")
    return nb


def _tags(cell: Any) -> Iterable[str]:
    tags = cell.metadata.get("tags", [])
    return tags if isinstance(tags, list) else []


def is_parameters(cell: Any) -> bool:
    """Whether a cell is tagged `parameters`."""
    return "parameters" in _tags(cell)


def has_parameters(nb: Any) -> bool:
    """Whether a notebook has a parameters cell."""
    return any(is_parameters(cell) for cell in nb.cells)


def _code(nb: Any) -> Iterator[tuple[int, Any]]:
    """The code cells that hold something, numbered from 1 among all code cells."""
    cells = [cell for cell in nb.cells if cell.cell_type == "code"]
    return ((number, cell) for number, cell in enumerate(cells, start=1) if cell.source.strip())


def _source(cell: Any) -> str:
    return str(cell.source).replace("\r\n", "\n").replace("\r", "\n")


# ---- parameters ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Kind:
    """The type of a parameter: int, float, str, bool, None, or a list, choice or union of such."""

    name: str
    items: tuple[Kind, ...] = ()
    choices: tuple[Any, ...] = ()

    def __str__(self) -> str:
        if self.name == "list":
            return f"list[{self.items[0]}]"
        if self.name == "union":
            return " | ".join(map(str, self.items))
        return f"one of {', '.join(map(repr, self.choices))}" if self.name == "Literal" else self.name

    def fits(self, value: Any) -> bool:
        """Whether a value is of this kind: an int is a float too, a bool is no int, NaN and infinity are nothing."""
        if self.name == "union":
            return any(kind.fits(value) for kind in self.items)
        if self.name == "list":
            return type(value) is list and all(self.items[0].fits(item) for item in value)
        if self.name == "Literal":
            return any(type(value) is type(choice) and value == choice for choice in self.choices)
        if self.name == "float":
            return type(value) in (int, float) and math.isfinite(value)
        return type(value).__name__ == {"None": "NoneType"}.get(self.name, self.name)

    def settle(self, value: Any) -> Any:
        """The value as the notebook shall see it: whole numbers as floats where floats are meant."""
        if self.name == "float":
            return float(value)
        if self.name == "list":
            return [self.items[0].settle(item) for item in value]
        if self.name == "union":
            exact = [kind for kind in self.items if kind.fits(value)]
            return min(exact, key=lambda kind: kind.name == "float").settle(value)
        return value


@dataclass(frozen=True, slots=True)
class Parameter:
    """One line of the parameters cell: `name: kind = default  # meaning`."""

    name: str
    kind: Kind
    default: Any
    meaning: str = ""


Schema = Mapping[str, Parameter]


def parameters(nb: Any, name: str = "the notebook") -> Schema:
    """The parameters of a notebook, in order, read from the one cell tagged `parameters`.

    Each is a line `name: type = value  # unit and meaning` with int, float, str, bool, list[...], Literal[...], or
    one of these `| None`, and a literal value. Raises InputError for everything else.
    """
    cell = _parameters_cell(nb, name)
    source = _source(cell)
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        raise InputError(f"{name}: the parameters cell is no plain Python, line {error.lineno}: {error.msg}") from None
    comments, schema = _comments(source), dict[str, Parameter]()
    for statement in body:
        where = f"{name}: parameters cell, line {statement.lineno}"
        if _is_preamble(statement):
            continue
        parameter = _parameter(statement, where, comments.get(statement.end_lineno or 0, ""))
        if parameter.name in schema:
            raise InputError(f"{where}: {parameter.name} is set twice")
        schema[parameter.name] = parameter
    return schema


def _parameters_cell(nb: Any, name: str) -> Any:
    found = [cell for cell in nb.cells if is_parameters(cell)]
    if any("injected-parameters" in _tags(cell) for cell in nb.cells):
        raise InputError(f"{name} is the output of a run (a cell is tagged injected-parameters): use its source")
    if len(found) != 1 or found[0].cell_type != "code":
        many = f"{len(found)} cells" if len(found) != 1 else "a text cell"
        raise InputError(f"{name} has {many} tagged `parameters`: tag exactly one code cell")
    return found[0]


def _is_preamble(statement: ast.stmt) -> bool:
    """A text, or an import that only annotations need."""
    if isinstance(statement, ast.ImportFrom):
        return statement.module in ("typing", "__future__") and not statement.level
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _parameter(statement: ast.stmt, where: str, meaning: str) -> Parameter:
    text = ast.unparse(statement)
    if isinstance(statement, ast.Assign):
        raise InputError(f"{where}: `{text}` has no type: write `name: type = value  # unit and meaning`")
    if not (
        isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and statement.simple
        and statement.value
    ):
        raise InputError(f"{where}: `{text}` is no parameter: write `name: type = value  # unit and meaning`")
    kind, name = _kind(statement.annotation, where), statement.target.id
    try:
        default = ast.literal_eval(statement.value)
    except ValueError:
        value = ast.unparse(statement.value)
        raise InputError(f"{where}: the value of {name} must be a literal, not `{value}`") from None
    if not kind.fits(default):
        raise InputError(f"{where}: {name} is declared as {kind}, its value is {default!r}")
    return Parameter(name, kind, kind.settle(default), meaning)


def _kind(annotation: ast.expr, where: str) -> Kind:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return _kind(ast.parse(annotation.value, mode="eval").body, where)
    if isinstance(annotation, ast.Name) and annotation.id in ("int", "float", "str", "bool"):
        return Kind(annotation.id)
    if isinstance(annotation, ast.Constant) and annotation.value is None:
        return Kind("None")
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        return Kind("union", (_kind(annotation.left, where), _kind(annotation.right, where)))
    if isinstance(annotation, ast.Subscript) and isinstance(annotation.value, ast.Name):
        if annotation.value.id == "list":
            return Kind("list", (_kind(annotation.slice, where),))
        if annotation.value.id == "Optional":
            return Kind("union", (_kind(annotation.slice, where), Kind("None")))
        if annotation.value.id == "Literal":
            return Kind("Literal", choices=_choices(annotation.slice, where))
    known = "int, float, str, bool, list[...], Literal[...], or one of these `| None`"
    raise InputError(f"{where}: a parameter cannot be of type `{ast.unparse(annotation)}`: use {known}")


def _choices(node: ast.expr, where: str) -> tuple[Any, ...]:
    choices = [ast.literal_eval(n) for n in (node.elts if isinstance(node, ast.Tuple) else [node])]
    if not all(type(choice) in (int, str, bool, type(None)) for choice in choices):
        raise InputError(f"{where}: Literal[{ast.unparse(node)}] may hold text, whole numbers, True, False and None")
    return tuple(choices)


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ").strip() for t in tokens if t.type == tokenize.COMMENT}


def validate(schema: Schema, given: Mapping[str, Any], name: str = "the notebook") -> dict[str, Any]:
    """Every parameter with its value: what was given, else its default. Everything wrong is named at once.

    A name the notebook does not have is refused (a name is code: it would be written into a cell), and so is a value
    of another type, NaN, infinity, and what JSON cannot say.
    """
    wrong = [_unknown(key, schema) for key in given if key not in schema]
    for key in schema.keys() & given.keys():
        if not schema[key].kind.fits(given[key]):
            wrong.append(f"{key} must be {schema[key].kind}, not {_told(given[key])}")
    if wrong:
        raise InputError(f"{name}: {'; '.join(sorted(wrong))}")
    return {
        key: parameter.kind.settle(given[key]) if key in given else parameter.default
        for key, parameter in schema.items()
    }


def _unknown(key: Any, schema: Schema) -> str:
    if not isinstance(key, str) or not key.isidentifier() or keyword.iskeyword(key):
        return f"{key!r} is no name of a parameter"
    close = difflib.get_close_matches(key, schema, 1)
    return f"there is no parameter {key!r}; " + (
        f"did you mean {close[0]!r}?" if close else f"it has {', '.join(schema) or 'none'}"
    )


def _told(value: Any) -> str:
    kind = type(value).__name__
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value}"
    hints = {
        "Decimal": "give money as text", "date": "give it as text, such as '2021-12-31'",
        "datetime": "give it as text, such as '2021-12-31T21:00:00+00:00'", "Timestamp": "give it as text",
        "tuple": "give a list",
    }  # fmt: skip
    hint = hints.get(kind, "call its .item()" if type(value).__module__ == "numpy" else "")
    return f"{value!r} ({kind}{': ' + hint if hint else ''})"


# ---- hashes --------------------------------------------------------------------------------------------------------
def code_hash(nb: Any) -> str:
    """SHA-256 over the code cells in order; outputs, text, ids and metadata (but the parameters tag) do not count."""
    return digest([[is_parameters(cell), _source(cell)] for _, cell in _code(nb)])


def parameters_hash(values: Mapping[str, Any], exclude: Iterable[str] = FREE) -> str:
    """SHA-256 over a full set of parameters, those excepted that do not decide."""
    return digest({name: value for name, value in values.items() if name not in set(exclude)})


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes; of a source file whatever its line ends."""
    data = path.read_bytes()
    return digest(data.replace(b"\r\n", b"\n") if path.suffix == ".py" else data)


def deciding_sources(root: Path | None = None) -> dict[str, str]:
    """File → hash of the rooms of aura_lib that decide.

    A project (`root`) that holds an aura_lib of its own which is not the one in use raises InputError: its edits
    would have no effect.
    """
    own = root / "aura_lib" if root else PACKAGE
    if (own / "__init__.py").is_file() and own.resolve() != PACKAGE:
        raise InputError(f"{own} is not the aura_lib in use ({PACKAGE}): `pip install -e {root}` makes it so")
    return {path.relative_to(PACKAGE.parent).as_posix(): file_hash(path) for path in _deciding_files()}


def _deciding_files() -> list[Path]:
    files = [file for room in DECIDING for file in (PACKAGE / room).rglob("*.py")]
    return sorted([*files, *(f for room in DECIDING if (f := PACKAGE / f"{room}.py").is_file())])


# ---- what it imports -----------------------------------------------------------------------------------------------
def imports(nb: Any, path: Path, root: Path) -> tuple[Path, ...]:
    """The modules of the project that a notebook imports, directly or through each other.

    Looked for beside the notebook first, then in `root`, then where Python looks. Installed packages, the standard
    library and aura_lib are not among them. What a reader of the source cannot see (importlib, exec, magics, a
    changed sys.path) raises InputError, and so does a module that hides an installed one.
    """
    importlib.invalidate_caches()
    search = _Search(path.resolve().parent, root.resolve())
    for number, cell in _code(nb):
        search.read(_source(cell), f"{path.name}, cell {number}")
    return tuple(sorted(search.found))


_DYNAMIC_CALLS = ("exec", "eval", "compile", "__import__", "execfile", "get_ipython")
_DYNAMIC_MODULES = ("importlib", "runpy", "imp", "pkgutil", "zipimport")


class _Search:
    def __init__(self, folder: Path, root: Path) -> None:
        self.found: set[Path] = set()
        self._local = [str(folder), *([str(root)] if root != folder else [])]
        self._elsewhere = [p for p in sys.path if p and str(Path(p).resolve()) not in self._local]

    def read(self, source: str, where: str, package: str = "") -> None:
        """Follow every import statement of a source."""
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            line = (error.text or "").strip()
            raise InputError(f"{where}: cannot vouch for `{line}`: no magics, no shell, only plain Python") from None
        for node in ast.walk(tree):
            _refuse_dynamic(node, where)
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self._follow(alias.name, where)
            elif isinstance(node, ast.ImportFrom):
                self._from(node, where, package)

    def _from(self, node: ast.ImportFrom, where: str, package: str) -> None:
        parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*parts, *([node.module] if node.module else [])])
        spec = self._follow(base, where)
        for alias in node.names:
            if alias.name != "*":
                self._follow(f"{base}.{alias.name}", where)
            elif spec is not None and spec.submodule_search_locations is not None:
                for file in sorted(Path(next(iter(spec.submodule_search_locations))).glob("*.py")):
                    self._follow(f"{base}.{file.stem}", where)

    def _follow(self, name: str, where: str) -> ModuleSpec | None:
        """Find a dotted name step by step; read what of it belongs to the project."""
        top, *rest = name.split(".")
        if top in ("aura_lib", "__main__", "") or top in sys.builtin_module_names:
            return None
        spec = self._find(top, where)
        self._take(spec, top)
        for last in range(len(rest)):
            if spec is None or spec.submodule_search_locations is None or not _is_project(spec):
                return None
            full = ".".join([top, *rest[: last + 1]])
            spec = PathFinder.find_spec(full, list(spec.submodule_search_locations))
            self._take(spec, full)
        return spec

    def _find(self, top: str, where: str) -> ModuleSpec | None:
        spec = PathFinder.find_spec(top, [*self._local, *self._elsewhere])
        origin = _origin(spec)
        if origin is None or not any(map(origin.is_relative_to, self._local)) or not _is_project(spec):
            return spec
        other = _origin(PathFinder.find_spec(top, self._elsewhere))
        if top in sys.stdlib_module_names or (other is not None and other != origin):
            raise InputError(f"{where}: {origin} hides the installed module {top!r}: give it another name")
        return spec

    def _take(self, spec: ModuleSpec | None, name: str) -> None:
        origin = _origin(spec)
        if spec is None or origin is None or origin in self.found or not _is_project(spec):
            return
        self.found.add(origin)
        if origin.suffix == ".py":
            package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
            self.read(origin.read_text(encoding="utf-8"), str(origin), package)


def _origin(spec: ModuleSpec | None) -> Path | None:
    return Path(spec.origin).resolve() if spec is not None and spec.origin and spec.has_location else None


def _is_project(spec: ModuleSpec | None) -> bool:
    """Whether a module is neither of the standard library nor installed."""
    if spec is None:
        return False
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or [])
    paths = [Path(place).resolve() for place in places if place not in ("built-in", "frozen")]
    return bool(paths) and not any(path.is_relative_to(folder) for path in paths for folder in _installed())


@cache
def _installed() -> tuple[Path, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = [*(sysconfig.get_path(name) for name in names), *site.getsitepackages(), site.getusersitepackages()]
    return tuple({Path(folder).resolve() for folder in folders})


def _refuse_dynamic(node: ast.AST, where: str) -> None:
    """Refuse what imports, or changes what an import means, out of sight of who reads the source."""
    said = ""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _DYNAMIC_CALLS:
        said = f"{node.func.id}(...)"
    elif isinstance(node, ast.Import):
        said = next((f"import {a.name}" for a in node.names if a.name.split(".")[0] in _DYNAMIC_MODULES), "")
    elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _DYNAMIC_MODULES and not node.level:
        said = f"from {node.module} import"
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sys":
        said = f"sys.{node.attr}" if node.attr in ("path", "modules", "meta_path", "path_hooks") else ""
    if said:
        here = f"{where}, line {getattr(node, 'lineno', 0)}"
        raise InputError(f"{here}: cannot vouch for `{said}`: import modules by name, so they can be hashed")


# ---- the binding ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Bound:
    """What decides, in detail: `parameters` without mode, as_of and book, `sources` file → hash.

    `resolved` are all parameters with their values. `binding` sums up what a promotion signs.
    """

    binding: Binding
    parameters: Mapping[str, Any]
    sources: Mapping[str, str]
    resolved: Mapping[str, Any]


def bind(path: Path, data: bytes, given: Mapping[str, Any], root: Path) -> Bound:
    """Bind a notebook (its bytes, as they will be executed) with the parameters given."""
    nb = read(data, path.name)
    resolved = validate(parameters(nb, path.name), given, path.name)
    deciding = {name: value for name, value in resolved.items() if name not in FREE}
    own = {_name(file, path, root): file_hash(file) for file in imports(nb, path, root)}
    sources = {**deciding_sources(root), **own}
    return Bound(Binding(code_hash(nb), parameters_hash(resolved), digest(sources)), deciding, sources, resolved)


def _name(file: Path, path: Path, root: Path) -> str:
    """A file as the records name it: the same in every clone of the project."""
    for base in (root.resolve(), path.resolve().parent):
        if file.is_relative_to(base):
            return file.relative_to(base).as_posix()
    return str(file)
