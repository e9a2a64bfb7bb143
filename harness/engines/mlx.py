"""The embedded engine: mlx-lm in batches, one base in memory and adapters swapped on it.

Rules learnt from mlx-lm 0.32: answers are decoded from token ids (its streaming text drops a
leading space), stop strings are matched on the text (its own are matched as tokens), a swap first
puts the base's own modules and weights back (loading over an adapter nests or keeps layers), and
the model is put in evaluation mode after every swap (loading leaves dropout on)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.content.library import Dtype
from harness.content.policy import Numerics
from harness.engines import blas, loading, prompting, rounding
from harness.engines.base import Ask, Decoding, Generation
from harness.engines.decoding import ends, sizing
from harness.engines.decoding.batch import Batches, Queued
from harness.errors import EngineError


class MlxEngine:
    """A base loaded by ``mlx_lm``, quantised to ``bits`` where that is asked; raises
    :class:`EngineError` when the folder is no model.

    A CPU computes in float32, which it is fast at and 16-bit types are emulated on, unless
    ``dtype`` is ``as-stored``."""

    def __init__(self, base: Path, bits: int | None = None, dtype: Dtype = "auto") -> None:
        library = blas.preload()
        import mlx.core as mx

        self._mx, self._own, self._bits, self._blas = mx, base, bits, library
        self._widens = dtype == "auto" and mx.default_device() == mx.cpu
        self._load(base)

    def _load(self, base: Path) -> None:
        from mlx_lm.utils import load_model, load_tokenizer

        try:
            self._model, config = load_model(base)
            self._tokenizer = load_tokenizer(base, eos_token_ids=ends.tokens(config))
        except Exception as error:  # a foreign folder may do anything to the loader
            raise EngineError(
                f"{base}: mlx-lm cannot load it as a base: {_brief(error)}"
            ) from error
        if self._bits is not None:
            loading.quantise(self._model, self._bits)
        self._mounted: Path | None = None
        self._ready()
        self._modules, self._weights = loading.own(self._model)
        blas.spread(sum(array.size for array in self._weights.values()))
        self.config: dict[str, Any] = config
        self.context = ends.context(config)
        self.vocabulary = ends.vocabulary(config, self._weights)
        self._identity = loading.identity(self._model)
        self._identity |= {"blas": self._blas} if self._blas else {}
        if prompting.ASKS_DATE in self.template:
            self._identity["clock"] = f"{prompting.CLOCK:%Y-%m-%d}"
        self.batches = Batches(self._model, self._tokenizer, self.context, self.vocabulary)
        self._at: Path | None = base

    def stand(self, base: Path | None = None) -> None:
        """Answer with the model in ``base`` from now on, as many rows at a time, else with its own
        again; the one before leaves memory first. Raises :class:`EngineError`."""
        wanted = base or self._own
        if wanted == self._at:
            return
        before, self._at = self.batches, None
        self._modules, self._weights, before.model = {}, {}, None
        del self._model, self.batches
        self._mx.clear_cache()
        self._load(wanted)
        if before.way is not None:
            self.settle(before.numerics, before.longest, before.rows)

    @property
    def identity(self) -> dict[str, Any]:
        """Libraries, device, types, and in which way rows are answered."""
        self.settle()
        return self._identity | self.batches.identity

    def settle(
        self, numerics: Numerics | None = None, tokens: int | None = None, batch: int | None = None
    ) -> None:
        """Find out, once, in which way this base is answered here, and how many rows of ``tokens``
        tokens of prompt and answer fit, or take the ``batch`` that was registered; what is mounted
        stays."""
        held, mounted = self.batches, self._mounted
        if held.way is None or tokens is not None or numerics not in (None, held.numerics):
            self.mount(None)
            try:
                held.settle(numerics or held.numerics, tokens)
            except (ValueError, TypeError, RuntimeError) as error:
                raise EngineError(self._cannot(error)) from error
            if mounted is not None:
                self.mount(mounted)
        held.rows = batch or held.rows

    @property
    def memory(self) -> tuple[int, int, int]:
        """Bytes of the weights, of the rows that are answered together, and those free for rows."""
        held = self.batches
        row = sizing.row(self._model, held.longest, self.vocabulary)
        weights = sum(array.nbytes for array in self._weights.values())
        return weights, row * held.rows, sizing.free()

    def generate(
        self,
        prompts: Sequence[list[int]],
        decoding: Decoding,
        seeds: Sequence[int] = (),
        queued: Queued | None = None,
    ) -> Iterator[tuple[int, Generation]]:
        """:meth:`Batches.generate`; logits that are no numbers are said of what is mounted."""
        self.settle()
        try:
            yield from self.batches.generate(prompts, decoding, seeds, queued)
        except ends.NotFinite as error:
            text = self._tokenizer.decode(prompts[error.prompt])
            raise ends.NotFinite(error.prompt, error.tokens, text, self._mounted) from None
        except (ValueError, TypeError, RuntimeError) as error:
            raise EngineError(self._cannot(error)) from error

    def _cannot(self, error: Exception) -> str:
        types = " and ".join(self._identity["dtypes"])
        text = f"mlx cannot compute with this base in {types} here: {_brief(error)}"
        return text if self._widens else f"{text}; `dtype: auto` computes in float32 on a CPU"

    def encode(self, prompt: str, mode: str, system: str | None = None) -> list[int]:
        """Token ids of one prompt: raw with the tokenizer's own BOS and without its end token, or
        through the chat template with thinking off."""
        if mode == "completion":
            return ends.raw(self._tokenizer, prompt)
        return list(prompting.chat(self._tokenizer, prompt, system))

    def mount(self, adapter: Path | None) -> None:
        """Put the base's modules back, then load ``adapter`` over them; raises :class:`EngineError`
        if it is refused."""
        self._restore()
        if adapter is not None:
            from mlx_lm.tuner.utils import load_adapters

            try:
                load_adapters(self._model, str(adapter))
            except Exception as error:  # ValueError, KeyError, AttributeError, RuntimeError, ...
                self._restore()
                raise EngineError(f"{adapter}: mlx-lm refuses it: {_brief(error)}") from error
        self._mounted = adapter
        self._ready()

    def shake(self) -> None:
        """The bare base, off by as much as rounding; until the next :meth:`mount`."""
        from mlx.utils import tree_unflatten

        self._restore()
        self._model.update(tree_unflatten(list(rounding.shaken(self._weights).items())))

    def _ready(self) -> None:
        """What was loaded answers, and computes in the engine's type: quantised weights stay as
        they are, their scales and what flows between layers do not."""
        if self._widens:
            self._model.set_dtype(self._mx.float32)
        self._model.eval()

    def widened(self, array: Any) -> Any:
        """An array of an adapter in the type that the engine computes in."""
        return array.astype(self._mx.float32) if self._widens else array

    def layout(self, config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor that an adapter of this ``adapter_config.json`` must fill.

        Leaves the bare base mounted. Raises :class:`EngineError` for a config that mlx-lm cannot
        apply to this base."""
        self._restore()
        try:
            return loading.filled(self._model, config)
        except Exception as error:  # a foreign config fails in as many ways as mlx-lm has lines
            raise EngineError(
                f"mlx-lm cannot apply the adapter's config: {_brief(error)}"
            ) from error
        finally:
            self._restore()

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
        none."""
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
        copies nothing."""
        from mlx.utils import tree_unflatten

        self._mounted = None
        self._model.update_modules(tree_unflatten(list(self._modules.items())))
        self._model.update(tree_unflatten(list(self._weights.items())))
        self._model.eval()

    def log_probabilities(self, prompts: Sequence[list[int]], last: int | None = None) -> list[Any]:
        """Per prompt an array (tokens, vocabulary) of log-probabilities in float32, of the ``last``
        tokens or of all."""
        mx = self._mx
        rows = []
        for ids in prompts:
            logits = self.logits([ids])[0, -(last or len(ids)) :].astype(mx.float32)
            rows.append(logits - mx.logsumexp(logits, axis=-1, keepdims=True))
            mx.eval(rows[-1])
        return rows

    def logits(self, prompts: Sequence[list[int]]) -> Any:
        """Of prompts of one length in one pass, an array (prompts, tokens, vocabulary)."""
        try:
            found = self._model(self._mx.array(list(prompts)))
            self._mx.eval(found)
        except (ValueError, TypeError, RuntimeError) as error:
            raise EngineError(self._cannot(error)) from error
        return found

    def reads(self, ask: Ask) -> list[int]:
        """The token ids of an ask."""
        self.stand(ask.base)
        return self.encode(ask.prompt, ask.mode, ask.system)

    def answer(self, asks: Sequence[Ask]) -> Iterator[tuple[int, Generation]]:
        """``(index of the ask, answer)`` as they finish, one mount and decoding after another."""
        together: dict[tuple[Path | None, Path | None, Decoding], list[int]] = {}
        for number, ask in enumerate(asks):
            together.setdefault((ask.base, ask.mount, ask.decoding), []).append(number)
        for (base, adapter, decoding), numbers in together.items():
            self.stand(base)
            self.mount(adapter)
            ids = [self.reads(asks[number]) for number in numbers]
            seeds = [asks[number].seed for number in numbers]
            for at, answer in self.generate(ids, decoding, seeds):
                yield numbers[at], answer


def _brief(error: Exception, lines: int = 3) -> str:
    """The kind of an error and the first lines of its text: mlx-lm lists every tensor that it
    refuses."""
    text = str(error).splitlines()
    more = [f"... and {len(text) - lines} more"] if len(text) > lines else []
    return "\n".join([f"{type(error).__name__}: {text[0] if text else ''}", *text[1:lines], *more])
