"""A release gate for model adapters. This is the public surface for people who write verifiers."""

from harness.content.case import Case
from harness.errors import HarnessError
from harness.judging.answer import Answer, Block
from harness.judging.verifier import (
    Judgement,
    Outcome,
    Verifier,
    failed,
    passed,
    unverified,
    verifier,
)

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Block",
    "Case",
    "HarnessError",
    "Judgement",
    "Outcome",
    "Verifier",
    "failed",
    "passed",
    "unverified",
    "verifier",
]
