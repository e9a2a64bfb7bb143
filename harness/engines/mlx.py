"""The embedded engine: mlx-lm in batches, one base in memory and adapters swapped on it.

Rules learnt from mlx-lm 0.32: answers are decoded from token ids (its streaming text drops a
leading space), stop strings are matched on the text (its own are matched as tokens), a swap first
puts the base's own modules and weights back (loading over an adapter nests or keeps layers), and
the model is put in evaluation mode after every swap (loading leaves dropout on).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.engines.base import Decoding, Generation
from harness.errors import EngineError

BATCH, PREFILL_BATCH = 16, 8
WINDOW = (
    4 * BATCH
)  # prompts that are sorted by length among themselves, so that no answer waits for the whole suite


class MlxEngine:
    """A base loaded by ``mlx_lm``; raises :class:`EngineError` when the folder is no model."""

    def __init__(self, base: Path) -> None:
        import mlx.core as mx
        from mlx_lm.utils import load_model, load_tokenizer

        self._mx = mx
        try:
            self._model, config = load_model(base)
            self._tokenizer = load_tokenizer(base, eos_token_ids=config.get("eos_token_id"))
        except (
            Exception
        ) as error:  # whatever a foreign folder does to the loader, the reader needs one sentence
            raise EngineError(
                f"{base}: mlx-lm cannot load it as a base: {_brief(error)}"
            ) from error
        self._model.eval()
        self._modules, self._weights = _own(self._model)
        self.config: dict[str, Any] = config
        self.context = int(config.get("max_position_embeddings") or 2**31)
        self.identity = _identity(mx, self._model)

    def encode(self, prompt: str, mode: str, system: str | None = None) -> list[int]:
        """Token ids of one prompt: raw with the tokenizer's own BOS, or through the chat template
        with thinking off.
        """
        if mode == "completion":
            return list(self._tokenizer.encode(prompt))
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": prompt})
        if not self._tokenizer.has_chat_template:
            raise EngineError(
                "the base's tokenizer has no chat template; use `mode: completion` in the suite"
            )
        thinking = {"enable_thinking": False} if self._tokenizer.has_thinking else {}
        return list(
            self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, **thinking)
        )

    def mount(self, adapter: Path | None) -> None:
        """Put the base's modules back, then load ``adapter`` over them; raises :class:`EngineError`
        if it is refused.
        """
        self._restore()
        if adapter is not None:
            from mlx_lm.tuner.utils import load_adapters

            try:
                load_adapters(self._model, str(adapter))
            except (
                Exception
            ) as error:  # mlx-lm raises ValueError, KeyError, AttributeError, RuntimeError, ...
                self._restore()
                raise EngineError(f"{adapter}: mlx-lm refuses it: {_brief(error)}") from error
        self._model.eval()

    def layout(self, config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor that an adapter of this ``adapter_config.json`` must fill.

        Leaves the bare base mounted. Raises :class:`EngineError` for a config that mlx-lm cannot
        apply to this base.
        """
        from mlx.utils import tree_flatten
        from mlx_lm.tuner.utils import linear_to_lora_layers

        self._restore()
        kind = config.get("fine_tune_type", "lora")
        try:
            if kind != "full":
                layers, parameters = config["num_layers"], config["lora_parameters"]
                linear_to_lora_layers(self._model, layers, parameters, use_dora=kind == "dora")
            found = tree_flatten(self._model.parameters())
        except Exception as error:  # a foreign config fails in as many ways as mlx-lm has lines
            raise EngineError(
                f"mlx-lm cannot apply the adapter's config: {_brief(error)}"
            ) from error
        finally:
            self._restore()
        leaves = {"lora_a", "lora_b", "m"}
        return {
            k: tuple(v.shape) for k, v in found if kind == "full" or k.rsplit(".", 1)[-1] in leaves
        }

    def module(self, name: str) -> Any:
        """One leaf module of the bare base by its path; ``None`` when it has none of that name."""
        return self._modules.get(name)

    def replace(self, modules: dict[str, Any]) -> None:
        """Put other modules in the places of the base's own, until the next :meth:`mount`."""
        from mlx.utils import tree_unflatten

        self._model.update_modules(tree_unflatten(list(modules.items())))
        self._model.eval()

    def weight(self, module: str) -> Any:
        """The weight matrix of one module of the bare base, dequantised; ``None`` when it has
        none.
        """
        found = self._modules.get(module)
        if found is None or "weight" not in found:
            return None
        if "scales" not in found:
            return found.weight
        form = {
            "group_size": found.group_size,
            "bits": found.bits,
            "mode": getattr(found, "mode", "affine"),
        }
        return self._mx.dequantize(found.weight, found.scales, found.get("biases"), **form)

    @property
    def tokenizer(self) -> Any:
        """The tokenizer as mlx-lm wraps it."""
        return self._tokenizer

    @property
    def template(self) -> str:
        """The text of the chat template, empty when the base has none."""
        return str(getattr(self._tokenizer, "chat_template", None) or "")

    @property
    def layers(self) -> int:
        """How many transformer blocks the base has."""
        return len(self._model.layers)

    def _restore(self) -> None:
        """The bare base: its own modules in their places, its own arrays in them. Moves references,
        copies nothing.
        """
        from mlx.utils import tree_unflatten

        self._model.update_modules(tree_unflatten(list(self._modules.items())))
        self._model.update(tree_unflatten(list(self._weights.items())))
        self._model.eval()

    def log_probabilities(self, prompts: Sequence[list[int]], last: int | None = None) -> list[Any]:
        """Per prompt an array (tokens, vocabulary) of log-probabilities in float32, of the ``last``
        tokens or of all.
        """
        mx = self._mx
        rows = []
        for ids in prompts:
            logits = self._model(mx.array([ids]))[0, -(last or len(ids)) :].astype(mx.float32)
            rows.append(logits - mx.logsumexp(logits, axis=-1, keepdims=True))
            mx.eval(rows[-1])
        return rows

    def generate(
        self,
        prompts: Sequence[list[int]],
        decoding: Decoding,
        seeds: Sequence[int] = (),
        queued: Callable[[dict[int, int]], None] | None = None,
    ) -> Iterator[tuple[int, Generation]]:
        """Answers as they finish; in every window of prompts the longest go first, so a batch holds
        like lengths.

        Greedy, or above temperature zero each drawn by its own of ``seeds``, whatever else is in
        the batch. ``queued`` is told, before the first token, which prompt each of mlx-lm's row ids
        (uid) stands for. Raises :class:`EngineError` for a prompt that fills the context.
        """
        from mlx_lm.generate import BatchGenerator

        room = [min(decoding.max_tokens, self.context - len(ids)) for ids in prompts]
        for number, (ids, left) in enumerate(zip(prompts, room, strict=True)):
            if left < 1:
                raise EngineError(
                    f"prompt {number} has {len(ids)} tokens; the base's context is {self.context}"
                )
        stops = [[token] for token in sorted(self._tokenizer.eos_token_ids)]
        batch = BatchGenerator(
            self._model,
            stop_tokens=stops,
            completion_batch_size=BATCH,
            prefill_batch_size=PREFILL_BATCH,
        )
        try:
            yield from self._drive(batch, prompts, room, decoding, seeds, queued)
        finally:
            batch.close()

    def _drive(
        self,
        batch: Any,
        prompts: Sequence[list[int]],
        room: list[int],
        decoding: Decoding,
        seeds: Sequence[int],
        queued: Callable[[dict[int, int]], None] | None,
    ) -> Iterator[tuple[int, Generation]]:
        order = sorted(range(len(prompts)), key=lambda n: (n // WINDOW, -len(prompts[n])))
        stop = decoding.stop
        drawn = (
            [_draw(self._mx, seeds[n], decoding.temperature) for n in order]
            if decoding.temperature
            else None
        )
        uids = batch.insert(
            [list(prompts[n]) for n in order], [room[n] for n in order], samplers=drawn
        )
        index = dict(zip(uids, order, strict=True))
        if queued is not None:
            queued(index)
        written: dict[int, list[int]] = {uid: [] for uid in index}
        tail = (
            4 * max((len(s) for s in stop), default=0) + 8
        )  # tokens: a character is 4 bytes at most, a token 1 at least
        while written:
            for response in batch.next_generated():
                ids = written.get(response.uid)
                if ids is None:
                    continue
                if response.finish_reason != "stop":
                    ids.append(response.token)
                ended = response.finish_reason
                if stop and _first(stop, self._decode(ids[-tail:])) is not None:
                    if not ended:
                        batch.remove([response.uid])
                    ended = "stop-string"
                if ended:
                    yield index[response.uid], self._finish(ids, ended, stop)
                    del written[response.uid]

    def _finish(self, ids: list[int], ended: str, stop: tuple[str, ...]) -> Generation:
        text = self._decode(ids)
        cut = _first(stop, text)
        if cut is not None:
            return Generation(text[:cut], len(ids), "stop")
        return Generation(text, len(ids), "eos" if ended == "stop" else "length")

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def _draw(mx: Any, seed: int, temperature: float) -> Callable[[Any], Any]:
    """A sampler of log-probabilities (1, vocabulary) with random numbers of its own; mlx-lm's share
    a global state.
    """
    key = mx.random.key(seed)

    def draw(logprobs: Any) -> Any:
        nonlocal key
        key, now = mx.random.split(key)
        return mx.random.categorical(logprobs / temperature, key=now)

    return draw


def _first(stop: Sequence[str], text: str) -> int | None:
    """Where the earliest stop string begins in ``text``."""
    return min((at for s in stop if (at := text.find(s)) >= 0), default=None)


def _brief(error: Exception, lines: int = 3) -> str:
    """The kind of an error and the first lines of its text: mlx-lm lists every tensor that it
    refuses.
    """
    text = str(error).splitlines()
    more = [f"... and {len(text) - lines} more"] if len(text) > lines else []
    return "\n".join([f"{type(error).__name__}: {text[0] if text else ''}", *text[1:lines], *more])


def _own(model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Every leaf module of the bare base by its path, and every array by its name."""
    import mlx.nn as nn
    from mlx.utils import tree_flatten

    modules = dict(tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module))
    return modules, dict(tree_flatten(model.parameters()))


def _identity(mx: Any, model: Any) -> dict[str, Any]:
    from importlib.metadata import version

    from mlx.utils import tree_flatten

    dtypes = sorted(
        {str(v.dtype).removeprefix("mlx.core.") for _, v in tree_flatten(model.parameters())}
    )
    libraries = {name: version(name) for name in ("mlx", "mlx-lm", "transformers", "tokenizers")}
    return {
        "engine": "mlx",
        "device": mx.default_device().type.name,
        "dtypes": dtypes,
        "batch": BATCH,
        **libraries,
    }


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
