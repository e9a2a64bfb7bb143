"""The embedded engine: mlx-lm, batched and greedy, one base in memory and adapters swapped on it.

Rules learnt from mlx-lm 0.32: answers are decoded from token ids (its streaming text drops a leading space), stop strings
are matched on the text (its own are matched as tokens), a swap first puts the base's own modules back (loading over an
adapter nests or keeps layers), and the model is put in evaluation mode after every swap (loading leaves dropout on).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.engines import Decoding, Generation
from harness.errors import EngineError

BATCH, PREFILL_BATCH = 16, 8


class MlxEngine:
    """A base loaded by ``mlx_lm``; raises :class:`EngineError` when the folder is no model."""

    def __init__(self, base: Path) -> None:
        import mlx.core as mx
        from mlx_lm.utils import load_model, load_tokenizer

        self._mx = mx
        try:
            self._model, config = load_model(base)
            self._tokenizer = load_tokenizer(base, eos_token_ids=config.get("eos_token_id"))
        except Exception as error:  # whatever a foreign folder does to the loader, the reader needs one sentence
            raise EngineError(f"{base}: mlx-lm cannot load it as a base: {type(error).__name__}: {error}") from error
        self._model.eval()
        self._own = _leaves(self._model)
        self._context = int(config.get("max_position_embeddings") or 2**31)
        self.identity = _identity(mx, self._model)

    def encode(self, prompt: str, mode: str, system: str | None = None) -> list[int]:
        """Token ids of one prompt: raw with the tokenizer's own BOS, or through the chat template with thinking off."""
        if mode == "completion":
            return list(self._tokenizer.encode(prompt))
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": prompt})
        if not self._tokenizer.has_chat_template:
            raise EngineError("the base's tokenizer has no chat template; use `mode: completion` in the suite")
        thinking = {"enable_thinking": False} if self._tokenizer.has_thinking else {}
        return list(self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, **thinking))

    def mount(self, adapter: Path | None) -> None:
        """Put the base's modules back, then load ``adapter`` over them; raises :class:`EngineError` if it is refused."""
        from mlx.utils import tree_unflatten

        self._model.update_modules(tree_unflatten(self._own))
        if adapter is not None:
            from mlx_lm.tuner.utils import load_adapters

            try:
                load_adapters(self._model, str(adapter))
            except Exception as error:  # mlx-lm raises ValueError, KeyError, AttributeError, RuntimeError, ...
                self._model.update_modules(tree_unflatten(self._own))
                raise EngineError(f"{adapter}: mlx-lm refuses it: {type(error).__name__}: {error}") from error
        self._model.eval()

    def adapter_parameters(self) -> dict[str, Any]:
        """The parameters that the mounted adapter should fill (``lora_a``, ``lora_b``, ``m``), by name."""
        from mlx.utils import tree_flatten

        leaves = {"lora_a", "lora_b", "m"}
        return {k: v for k, v in tree_flatten(self._model.parameters()) if k.rsplit(".", 1)[-1] in leaves}

    def log_probabilities(self, prompts: Sequence[list[int]]) -> list[Any]:
        """Per prompt an array (tokens, vocabulary) of log-probabilities in float32."""
        mx = self._mx
        rows = []
        for ids in prompts:
            logits = self._model(mx.array([ids]))[0].astype(mx.float32)
            rows.append(logits - mx.logsumexp(logits, axis=-1, keepdims=True))
            mx.eval(rows[-1])
        return rows

    def generate(self, prompts: Sequence[list[int]], decoding: Decoding) -> Iterator[tuple[int, Generation]]:
        """Greedy answers in the order in which they finish; raises :class:`EngineError` for a prompt over the context."""
        from mlx_lm.generate import BatchGenerator

        room = [min(decoding.max_tokens, self._context - len(ids)) for ids in prompts]
        for ids, left in zip(prompts, room, strict=True):
            if left < 1:
                raise EngineError(f"a prompt has {len(ids)} tokens; the base's context is {self._context}")
        stops = [[token] for token in sorted(self._tokenizer.eos_token_ids)]
        batch = BatchGenerator(
            self._model, stop_tokens=stops, completion_batch_size=BATCH, prefill_batch_size=PREFILL_BATCH
        )
        try:
            yield from self._drive(batch, prompts, room, decoding.stop)
        finally:
            batch.close()

    def _drive(
        self, batch: Any, prompts: Sequence[list[int]], room: list[int], stop: tuple[str, ...]
    ) -> Iterator[tuple[int, Generation]]:
        index = {uid: n for n, uid in enumerate(batch.insert([list(p) for p in prompts], room))}
        written: dict[int, list[int]] = {uid: [] for uid in index}
        tail = 2 * max((len(s) for s in stop), default=0) + 8  # tokens; one holds at least one byte of text
        while written:
            for response in batch.next_generated():
                ids = written.get(response.uid)
                if ids is None:
                    continue
                if response.finish_reason != "stop":
                    ids.append(response.token)
                ended = response.finish_reason
                if stop and _first(stop, self._tokenizer.decode(ids[-tail:])) is not None:
                    if not ended:
                        batch.remove([response.uid])
                    ended = "stop-string"
                if ended:
                    yield index[response.uid], self._finish(ids, ended, stop)
                    del written[response.uid]

    def _finish(self, ids: list[int], ended: str, stop: tuple[str, ...]) -> Generation:
        text = self._tokenizer.decode(ids)
        cut = _first(stop, text)
        if cut is not None:
            return Generation(text[:cut], len(ids), "stop")
        return Generation(text, len(ids), "eos" if ended == "stop" else "length")


def _first(stop: Sequence[str], text: str) -> int | None:
    """Where the earliest stop string begins in ``text``."""
    return min((at for s in stop if (at := text.find(s)) >= 0), default=None)


def _leaves(model: Any) -> list[tuple[str, Any]]:
    """Every leaf module of the bare base by its path, as ``update_modules`` takes them back."""
    import mlx.nn as nn
    from mlx.utils import tree_flatten

    return list(tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module))


def _identity(mx: Any, model: Any) -> dict[str, Any]:
    from importlib.metadata import version

    from mlx.utils import tree_flatten

    dtypes = sorted({str(v.dtype).removeprefix("mlx.core.") for _, v in tree_flatten(model.parameters())})
    libraries = {name: version(name) for name in ("mlx", "mlx-lm", "transformers", "tokenizers")}
    return {"engine": "mlx", "device": str(mx.default_device()), "dtypes": dtypes, "batch": BATCH, **libraries}


def adapter_config(adapter: Path) -> dict[str, Any]:
    """``adapter_config.json`` as a dict; raises :class:`EngineError` when it is no JSON object."""
    path = adapter / "adapter_config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(config, dict):
        raise EngineError(f"{path}: found {type(config).__name__}, expected an object")
    return config
