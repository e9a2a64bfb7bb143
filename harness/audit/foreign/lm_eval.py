"""Tasks of lm-eval: the filters and metrics that a task's YAML file names, without its data set."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.audit.foreign.adapters import Adapted
from harness.audit.foreign.arguments import gold
from harness.content.case import Case
from harness.errors import VerifierError

ABOUT = ("metric", "aggregation", "higher_is_better", "hf_evaluate")  # a metric, not for it


def task(path: Path, name: str) -> Adapted:
    """The task of a YAML file with the filters called ``name``, the first when it is empty; the
    first of its metrics counts."""
    said = import_module("lm_eval.tasks._yaml_loader").load_yaml(path)
    first = [{"function": "take_first"}]
    listed = {one["name"]: one["filter"] for one in said.get("filter_list") or []} or {"": first}
    steps = listed[name] if name in listed else None if name else next(iter(listed.values()))
    if steps is None:
        raise VerifierError(f"--wrap {path}:{name}: its filters are {', '.join(listed)}")
    metrics = said.get("metric_list") or [{"metric": "exact_match"}]
    return Adapted(_Task(said, steps, metrics).ask, key=metrics[0]["metric"], threshold=1.0)


class _Task:
    def __init__(self, said: Any, steps: Any, metrics: list[dict[str, Any]]) -> None:
        self._said, self._metrics = said, metrics
        parts = [(one["function"], _without(one, "function")) for one in steps]
        self._filters = import_module("lm_eval.filters").build_filter_ensemble("asked", parts)
        stops = (said.get("generation_kwargs") or {}).get("until") or []
        self._stops = [stops] if isinstance(stops, str) else stops

    def ask(self, case: Case, text: str) -> Any:
        """Every metric of the answer, by name."""
        for stop in self._stops:
            text = text.split(stop)[0]  # where the model would have been stopped
        doc = dict(case.expect)
        kind = import_module("lm_eval.api.instance").Instance
        instance = kind("generate_until", doc, (case.prompt, {}), 0)
        instance.resps = [text]
        self._filters.apply([instance])
        filtered = instance.filtered_resps["asked"]
        if callable(self._said.get("process_results")):
            return self._said["process_results"](doc, [filtered])
        found: dict[str, Any] = {}
        for one in self._metrics:
            measure = import_module("lm_eval.api.registry").get_metric(one["metric"])
            value = measure(
                references=[self._target(case)], predictions=[filtered], **_without(one, *ABOUT)
            )
            found |= value if isinstance(value, Mapping) else {one["metric"]: value}
        return found

    def _target(self, case: Case) -> Any:
        target = self._said.get("doc_to_target")
        if callable(target):
            return target(dict(case.expect))
        if isinstance(target, str) and "{{" in target:
            return import_module("lm_eval.utils").apply_template(target, dict(case.expect))
        return gold(case, str(target))


def _without(said: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in names}
