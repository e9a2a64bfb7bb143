"""The options of a gate, the same at every door: ``(what it takes, what it is)`` by name."""

from __future__ import annotations

DEV = "Answer the suites' dev prompts and show what failed: no verdict, no look, exit code 0."
SANDBOXES = ("auto", "docker", "bubblewrap", "landlock", "seatbelt")

OPTIONS = {
    "adapter": (
        "NAME|DIR|ID",
        "Adapter of library.yaml (see `harness library`), folder of one, or ORG/NAME@COMMIT.",
    ),
    "base": (
        "NAME|DIR|ID",
        "Base to use instead of the adapter's own; a folder or an ID needs it.",
    ),
    "suite": (
        "ID",
        "A suite (or folder of suites) that an adapter outside of the library owes; repeatable.",
    ),
    "library": ("FILE", "library.yaml or its folder (default: the nearest upwards)."),
    "sandbox": (
        "|".join(SANDBOXES),
        "Where untrusted code runs (default: auto, the strongest that works here).",
    ),
    "train-data": ("FILE|DIR", "What the adapter was trained on (JSONL), to be checked."),
    "replay": ("FILE", "Answers recorded elsewhere (JSONL), in place of asking the adapter."),
    "run-dir": ("DIR", "Folder of the run; an interrupted run of the same gate is resumed."),
    "limit": (
        "N",
        "Measure a seeded sample of N prompts per suite: never ships, and counts as a look.",
    ),
}
