"""What is wrong, or odd, with bars, checked against the exchange calendar; bad rows set aside; what a job accepts."""

from __future__ import annotations

from aura_lib.data.quality.admission import Admitted, admit, tell
from aura_lib.data.quality.cleaning import quarantine
from aura_lib.data.quality.examine import CHECKS, check, examine
from aura_lib.data.quality.judging import judge, recent
from aura_lib.data.quality.policy import LEVELS, Policy
from aura_lib.data.quality.report import Finding, Quality
from aura_lib.data.quality.set_aside import Quarantine, quarantined
from aura_lib.data.quality.thresholds import STANDARD, Thresholds

__all__ = [
    "CHECKS",
    "LEVELS",
    "STANDARD",
    "Admitted",
    "Finding",
    "Policy",
    "Quality",
    "Quarantine",
    "Thresholds",
    "admit",
    "check",
    "examine",
    "judge",
    "quarantine",
    "quarantined",
    "recent",
    "tell",
]
