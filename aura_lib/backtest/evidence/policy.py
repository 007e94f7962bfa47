"""The policy: which findings are judged, by which thresholds, and for which class of account they are required."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from aura_lib.core import InputError, Mode, digest, project_root

FILE = "evidence.yaml"  # a project's own, beside its pyproject.toml or aura.toml
CLASSES = {Mode.PAPER.value: Mode.PAPER, Mode.LIVE.value: Mode.LIVE}
ALWAYS = ("causality",)  # required whatever a project's file says: a leak makes every other number worthless
WORDS = ("at_least", "at_most", "required_for", "excused_by", "why")


@dataclass(frozen=True, slots=True)
class Threshold:
    """One line of the policy: the bound, its side, who needs it passed, what excuses it, and the reason."""

    name: str
    bound: float
    at_least: bool
    required_for: tuple[Mode, ...]
    why: str
    excused_by: str = ""

    def passes(self, value: float) -> bool:
        """Whether a value is on the right side; the bound itself is."""
        return value >= self.bound if self.at_least else value <= self.bound

    def looser(self, than: Threshold) -> bool:
        """Whether something could pass this that did not pass the other."""
        bound = self.bound < than.bound if self.at_least else self.bound > than.bound
        spared = not set(than.required_for) <= set(self.required_for)
        excused = bool(self.excused_by) and self.excused_by != than.excused_by
        return bound or spared or excused or self.at_least is not than.at_least


@dataclass(frozen=True)
class Policy:
    """All thresholds by the name of their finding, and those that a project made looser than they are shipped."""

    thresholds: Mapping[str, Threshold]
    loosened: tuple[str, ...] = ()
    source: str = field(default="policy.yaml", compare=False)

    @staticmethod
    def shipped() -> Policy:
        """The thresholds of the package."""
        text = resources.files("aura_lib.backtest.evidence").joinpath("policy.yaml").read_text("utf-8")
        return Policy({n: _threshold(n, said, None) for n, said in _findings(text, "policy.yaml").items()})

    @staticmethod
    def load(file: str | Path | None = None, *, root: Path | None = None) -> Policy:
        """The shipped thresholds with a project's changes: from `file`, or its `evidence.yaml` where there is one.

        The project is that of `root`, or of the working directory.

        Raises InputError for a file that cannot be read, that is no YAML mapping, or that names a finding, a word or
        a value that does not exist.
        """
        shipped, root = Policy.shipped(), project_root(root)
        own = Path(file) if file is not None else (root / FILE if root else None)
        if own is None or (file is None and not own.is_file()):
            return shipped
        try:
            text = own.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the evidence policy {own.name} cannot be read: {error}") from None
        return shipped.changed(_findings(text, own.name), own.name)

    def changed(self, findings: Mapping[str, Any], source: str) -> Policy:
        """The policy with some lines changed; what becomes easier to pass is remembered."""
        new = {}
        for name, said in findings.items():
            if name not in self.thresholds:
                near = difflib.get_close_matches(str(name), self.thresholds, 1)
                hint = f"did you mean {near[0]}?" if near else f"there is: {', '.join(self.thresholds)}"
                raise InputError(f"{source}: there is no finding {name!r}; {hint}")
            new[name] = _threshold(name, said, self.thresholds[name], source)
            if (excuse := new[name].excused_by) and excuse not in self.thresholds:
                raise InputError(f"{source}, {name}: excused_by names no finding: {excuse!r}")
        loosened = tuple(name for name, one in new.items() if one.looser(self.thresholds[name]))
        return Policy({**self.thresholds, **new}, loosened, source)

    def required(self, account_class: Mode) -> tuple[str, ...]:
        """The findings without which nothing trades on a class of account; causality is always one of them."""
        return tuple(n for n, t in self.thresholds.items() if n in ALWAYS or account_class in t.required_for)

    @property
    def id(self) -> str:
        """A hash of everything that judges."""
        return digest(
            [
                [t.name, float(t.bound), t.at_least, [m.value for m in t.required_for], t.excused_by]
                for t in self.thresholds.values()
            ]
        )


def _findings(text: str, source: str) -> Mapping[str, Any]:
    import yaml

    try:
        said = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{source} is no YAML: {' '.join(str(error).split())}") from None
    if said is None:
        return {}
    findings = said.get("findings") if isinstance(said, Mapping) else None
    if not isinstance(findings, Mapping) or set(said) != {"findings"}:
        raise InputError(f"{source} must hold one mapping, `findings:`, of finding → threshold; it holds {said!r:.200}")
    return findings


def _threshold(name: str, said: Any, before: Threshold | None, source: str = "policy.yaml") -> Threshold:
    where = f"{source}, {name}"
    if not isinstance(said, Mapping) or (unknown := [word for word in said if word not in WORDS]):
        given = repr(said) if not isinstance(said, Mapping) else ", ".join(map(str, unknown))
        raise InputError(f"{where}: a threshold is made of {', '.join(WORDS)}; given {given}")
    bound, at_least = _bound(said, before, where)
    if before is None and not {"required_for", "why"} <= set(said):
        raise InputError(f"{where}: say required_for and why")
    why = said.get("why", before.why if before else "")
    if not isinstance(why, str):
        raise InputError(f"{where}: why is a sentence, not {why!r}")
    return Threshold(
        name,
        bound,
        at_least,
        _classes(said["required_for"], where) if "required_for" in said else before.required_for if before else (),
        why.strip(),
        str(said.get("excused_by", before.excused_by if before else "") or ""),
    )


def _bound(said: Mapping[str, Any], before: Threshold | None, where: str) -> tuple[float, bool]:
    sides = [side for side in ("at_least", "at_most") if side in said]
    if not sides and before is not None:
        return before.bound, before.at_least
    if len(sides) != 1:
        raise InputError(f"{where}: give at_least or at_most, one of them; given {', '.join(sides) or 'neither'}")
    bound = said[sides[0]]
    if isinstance(bound, bool) or not isinstance(bound, int | float) or not math.isfinite(bound):
        raise InputError(f"{where}: {sides[0]} must be a number, not {bound!r}")
    if before is not None and before.at_least is not (sides[0] == "at_least"):
        side = "at_least" if before.at_least else "at_most"
        raise InputError(f"{where}: this finding is judged by {side}; given {sides[0]}")
    return float(bound), sides[0] == "at_least"


def _classes(said: Any, where: str) -> tuple[Mode, ...]:
    if not isinstance(said, list) or any(one not in CLASSES for one in said):
        raise InputError(f"{where}: required_for is a list out of paper and live (or empty), not {said!r}")
    return tuple(CLASSES[one] for one in CLASSES if one in said)
