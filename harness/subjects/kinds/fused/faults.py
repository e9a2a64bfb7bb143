"""What is wrong with the folder of a fused model, before any of it is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.subjects import tokens
from harness.subjects.base import Fault
from harness.subjects.kinds.fused.kept import lacking

if TYPE_CHECKING:
    from harness.subjects.kinds.fused.checkpoint import Checkpoint
    from harness.subjects.kinds.fused.kept import Update


#: what two tokenizers of the same words are told apart by
SAMPLE = 'def f(x):\n    return "naïve 日本語" + x  # 12,345.6\n\tThe end, isn\'t it?  <|im_end|>'


def of_folder(base: Checkpoint, fused: Checkpoint, update: Update, before: Path) -> Iterator[Fault]:
    """Against the folder of the base from ``before``: files, tokenizer, template, how its config
    says that weights are stored, and whether the matrices are there that the adapter changes."""
    here = fused.folder
    if not (here / "tokenizer.json").is_file():
        text = f"{here} lacks tokenizer.json; copy the tokenizer's files from {before}"
        yield Fault("fused-incomplete", text)
    elif not _alike(here, before):
        yield Fault("fused-tokenizer", f"{here / 'tokenizer.json'} is not that of {before}")
    own, theirs = tokens.template(here), tokens.template(before)
    if theirs and (own or "").strip() != theirs.strip():
        lost = "has a chat template that is not" if own else "lacks the chat template"
        yield Fault("fused-incomplete", f"{here} {lost} that of {before}; copy it from there")
    scaled = any(name.endswith(".scales") for name in fused.tensors)
    if scaled is not fused.quantised:
        says, holds = ("quantised", "plain") if fused.quantised else ("plain", "quantised")
        text = f"its config.json says that its weights are {says}; the tensors are {holds}"
        yield Fault("fused-config", f"{text}: another loader takes them for noise, or refuses them")
    if names := list(lacking(base, fused, update)):
        many = f"{len(names)} of the {len(update.modules())} matrices that the adapter changes"
        text = f"{many} stand in no file of {here} or {before}, first {names[0]}"
        yield Fault("fused-layers", text)


def _alike(one: Path, other: Path) -> bool:
    """Whether two tokenizers have the same words and cut alike; saving one may add what does
    nothing."""
    if tokens.tokenizer_digest(one) == tokens.tokenizer_digest(other):
        return True
    from tokenizers import Tokenizer

    try:
        read = [Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (one, other)]
    except Exception:  # the library raises a bare Exception; what loads the model says why
        return False
    first, second = ((held.get_vocab(), held.encode(SAMPLE).ids) for held in read)
    return first == second
