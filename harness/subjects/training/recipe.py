"""Facts of a training: what its config, its log, its environment and this machine say."""

from __future__ import annotations

import math
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

from harness import files
from harness.content import strict
from harness.content.library import Entry, Training
from harness.subjects.training.rules import Fact

COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# `Iter 50: Train loss 1.234, ..., It/sec 2.1, Tokens/sec 900.0, Trained Tokens 1234`, and the table
# of mlx-lm 0.32
LINE = re.compile(r"^Iter (\d+): Train loss (\S+?),.*?Tokens/sec ([\d.]+), Trained Tokens (\d+)")
ROW = re.compile(r"^\s*(\d+)\s+(\S+) [▼▲]\s+([\d,]+)\s+([\d.]+)k")
SAVED = re.compile(r"Saved final weights|^\s*save\s+adapters\.safetensors")


def facts(
    entry: Entry, config: Mapping[str, Any], base_config: Mapping[str, Any]
) -> dict[str, Fact]:
    """Every fact by name (``recipe.``, ``train.``, ``env.``, ``log.``, ``base.``, ``host.``).

    Raises ``WorkspaceError`` for a recorded file that cannot be read."""
    train = entry.adapter.train or Training()
    recipe: dict[str, Any] = dict(config)
    if train.config is not None:
        trained, _ = strict.read_yaml(entry.root / train.config)
        recipe = {**(trained if isinstance(trained, dict) else {}), **recipe}
    found = (
        dict(_flat("recipe", recipe))
        | dict(_flat("env", train.env))
        | dict(_flat("base", base_config))
    )
    found |= dict(_derived(recipe))
    if train.completions_only is not None:
        found["train.completions_only"] = Fact(train.completions_only)
    found["base.bytes"] = Fact(
        sum(path.stat().st_size for path in entry.base_path.glob("*.safetensors"))
    )
    found |= host()
    if train.log is not None:
        text = files.read_text(entry.root / train.log)
        ended = (entry.root / train.log).stat().st_mtime
        written = (entry.mount / "adapters.safetensors").stat().st_mtime
        found |= log_facts(text, recipe.get("iters"), ended - written)
    return found


def log_facts(text: str, iters: int | None, adapter_age: float) -> dict[str, Fact]:
    """Facts of a log of ``mlx_lm lora``; ``adapter_age`` is by how many seconds the adapter is
    older than its last line."""
    steps, losses, seconds, tokens, saved = 0, [], 0.0, 0.0, False
    for line in COLOUR.sub("", text.replace("\r", "\n")).split("\n"):
        saved = saved or bool(SAVED.search(line))
        if (classic := LINE.match(line)) or (row := ROW.match(line)):
            at, loss, speed, trained = (classic or row).groups()  # type: ignore[union-attr]
            steps = max(steps, int(at))
            losses.append(_number(loss))
            total = float(trained) * (1 if classic else 1000)
            seconds += max(0.0, total - tokens) / max(1e-9, float(speed.replace(",", "")))
            tokens = total
    bad = [f"loss {loss}" for loss in losses if not math.isfinite(loss)]
    found = {"log.steps": Fact(steps), "log.bad_losses": Fact(len(bad), tuple(bad))}
    if losses and math.isfinite(losses[-1]):
        found["log.final_loss"] = Fact(losses[-1])
    if iters is not None:
        found["log.finished"] = Fact(steps >= iters, (f"step {steps} of {iters}",))
    elif saved:
        found["log.finished"] = Fact(True)
    began = (
        adapter_age - 1.5 * seconds - 60
    )  # evaluation and saving are not in the speed of training
    found["log.adapter_older_s"] = Fact(max(0.0, round(began, 1)))
    return found


def host() -> dict[str, Fact]:
    """The operating system, and on macOS the memory that the GPU may hold (MiB; 0 is the system's
    default)."""
    found = {"host.system": Fact(platform.system())}
    if platform.system() == "Darwin":
        asked = ["/usr/sbin/sysctl", "-n", "iogpu.wired_limit_mb"]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        if answer.isdigit():
            found["host.wired_limit_mb"] = Fact(int(answer))
    return found


def _derived(recipe: Mapping[str, Any]) -> Iterator[tuple[str, Fact]]:
    schedule, iters = recipe.get("lr_schedule"), recipe.get("iters")
    warmup = schedule.get("warmup") if isinstance(schedule, dict) else None
    if warmup and iters:
        yield "recipe.warmup_share", Fact(warmup / iters, (f"{warmup} of {iters} steps",))


def _flat(prefix: str, data: Mapping[str, Any]) -> Iterator[tuple[str, Fact]]:
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}.{key}", value)
        elif isinstance(value, bool | int | float | str):
            yield f"{prefix}.{key}", Fact(value)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
