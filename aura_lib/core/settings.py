"""Where Aura keeps its state, and what the environment says about it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aura_lib.core.errors import InputError

PROJECT_MARKS = ("pyproject.toml", "aura.toml")


def project_root(start: Path | None = None) -> Path | None:
    """The nearest folder at or above `start` that holds a pyproject.toml or an aura.toml."""
    here = (start or Path.cwd()).resolve()
    return next((f for f in (here, *here.parents) if any((f / mark).is_file() for mark in PROJECT_MARKS)), None)


_KEPT = ("keep_days", "keep_latest", "keep_aside_days")


def _number(env: Mapping[str, str], name: str) -> int:
    if not env[name].strip().isdecimal():
        raise InputError(f"{name}={env[name]!r} must be a whole number from 0")
    return int(env[name])


@dataclass(frozen=True, slots=True)
class Settings:
    """One directory holds all state; one URL the ledger. Made absolute, so that every child sees the same."""

    home: Path
    database_url: str
    allow_live: bool = False
    data_url: str = ""  # where bars are kept: postgresql://…, s3://bucket/folder; empty: under `home`
    anchors: Path | None = None  # where signed heads of the ledger are kept; None: under `home`
    dask_address: str = ""  # the scheduler of sweeps with engine="dask": tcp://host:8786; "local": this machine
    keep_days: int = 90  # outputs of a job's runs and of tests that count as evidence
    keep_latest: int = 20  # ... and the latest of each job however old
    keep_aside_days: int = 7  # previews, parity, research that came to nothing

    @staticmethod
    def load(environ: Mapping[str, str] | None = None, start: Path | None = None) -> Settings:
        """Settings from the environment.

        AURA_HOME, AURA_DATABASE_URL, AURA_DATA_URL, AURA_ANCHORS, AURA_DASK_ADDRESS, AURA_ALLOW_LIVE; AURA_KEEP_DAYS,
        AURA_KEEP_LATEST and AURA_KEEP_ASIDE_DAYS say how long outputs of runs are kept.
        """
        env = os.environ if environ is None else environ
        given = env.get("AURA_HOME")
        home = Path(given).expanduser() if given else (project_root(start) or Path.home()) / ".aura"
        home = home.absolute()
        return Settings(
            home=home,
            database_url=env.get("AURA_DATABASE_URL") or f"sqlite:///{home / 'ledger.db'}",
            allow_live=env.get("AURA_ALLOW_LIVE") == "1",
            data_url=env.get("AURA_DATA_URL", ""),
            anchors=Path(env["AURA_ANCHORS"]).expanduser().absolute() if env.get("AURA_ANCHORS") else None,
            dask_address=env.get("AURA_DASK_ADDRESS", "").strip(),
            **{name: _number(env, f"AURA_{name.upper()}") for name in _KEPT if env.get(f"AURA_{name.upper()}")},
        )

    def ensure_home(self) -> Path:
        """The home directory, made if it is not there. One that cannot be written raises InputError."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            probe = self.home / f".write-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink(missing_ok=True)  # another thread's look may have taken it away
        except OSError as error:
            raise InputError(
                f"AURA_HOME={self.home} cannot be written ({error.strerror}): "
                "set AURA_HOME to a directory of yours, or free the disk"
            ) from error
        return self.home

    def child_environment(self) -> dict[str, str]:
        """What a child process needs to see the same state."""
        told = {"AURA_HOME": str(self.home), "AURA_DATABASE_URL": self.database_url, "AURA_DATA_URL": self.data_url}
        optional = {"AURA_ANCHORS": str(self.anchors or ""), "AURA_DASK_ADDRESS": self.dask_address}
        optional |= {"AURA_ALLOW_LIVE": "1" if self.allow_live else ""}
        return told | {name: value for name, value in optional.items() if value}
