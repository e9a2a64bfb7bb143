"""What turns prompts into vectors before a router sees them, frozen: the same bytes give the same
vectors, and its digest says which bytes."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from harness.errors import WorkspaceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float64]

LETTERS = 3
TABLES = ("embed_tokens.weight", "word_embeddings.weight")  # how names of the embeddings end


class Table(NamedTuple):
    """The embedding of every token of a model, and its tokenizer."""

    rows: Any
    tokenizer: Any

    def tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[list[int]]]:
        """``(tokens, width)``, the embeddings of all that occur, of length one, and which of them
        each text has."""
        encode = self.tokenizer.encode
        ids = [encode(text, add_special_tokens=False).ids or [0] for text in texts]
        place = {id: at for at, id in enumerate(sorted({id for row in ids for id in row}))}
        found = unit(self.rows[list(place)].astype(np.float64))
        return found, [[place[id] for id in row] for row in ids]

    def means(self, texts: Sequence[str]) -> Vectors:
        """``(texts, width)``: the mean of the embeddings of the tokens, of length one."""
        tokens, each = self.tokens(texts)
        return unit(np.array([tokens[row].mean(axis=0) for row in each]))


@lru_cache(maxsize=4)
def hashed(texts: tuple[str, ...], width: int) -> Vectors:
    """``(texts, width)``: counts of words and of runs of three letters, hashed by CRC-32, of length
    one."""
    found = np.zeros((len(texts), width))
    for row, text in zip(found, texts, strict=True):
        low = text.lower()
        pieces = re.findall(r"\w+|[^\w\s]", low)
        pieces += [low[at : at + LETTERS] for at in range(len(low) - LETTERS + 1)]
        at = [zlib.crc32(piece.encode("utf-8", "surrogatepass")) % width for piece in pieces]
        np.add.at(row, at, 1.0)
    return unit(found)


def unit(rows: Vectors) -> Vectors:
    """Rows of length one; a row of zeros stays."""
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    found: Vectors = rows / np.where(length > 0, length, 1.0)
    return found


def table(folder: Path) -> Table:
    """That of the model in a folder; raises :class:`WorkspaceError` where it has none."""
    from tokenizers import Tokenizer

    from harness.subjects.kinds.fused.checkpoint import Checkpoint

    held = Checkpoint(folder)
    name = next((one for one in held.tensors if one.endswith(TABLES)), None)
    if name is None:
        text = f"expected {TABLES[0]} in model*.safetensors, the embeddings of its tokens"
        raise WorkspaceError(f"{folder}: {text}")
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library raises nothing else
        raise WorkspaceError(f"{folder / 'tokenizer.json'}: no tokenizer: {error}") from None
    return Table(np.array(held.weight(name.removesuffix(".weight"))), tokenizer)
