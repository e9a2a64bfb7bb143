"""Scorers of inspect_ai and tasks of lm-eval, with small stand-ins for what the adapters use of the
packages; ``benchmarks/public_verifiers.py`` audits the real ones."""

import sys

import pytest
from auditing import write

from harness import Answer, Case, Outcome
from harness.audit.foreign.wrapping import Wrap, wrapped
from harness.errors import VerifierError

CASE = Case("c", "What is 40 + 2?", {"target": "42", "answer": "6 * 7 = 42 #### 42"})

INSPECT = {
    "model.py": """
from dataclasses import dataclass
ModelName = str
@dataclass
class ChatMessageUser:
    content: str
@dataclass
class Choice:
    message: object
@dataclass
class ModelOutput:
    model: str
    choices: list
    @classmethod
    def from_content(cls, model, content):
        return cls(model, [Choice(ChatMessageUser(content))])
    @property
    def completion(self):
        return self.choices[0].message.content
""",
    "solver.py": """
class TaskState:
    def __init__(self, *, model, sample_id, epoch, input, messages, output, metadata):
        assert [one.content for one in messages] == [input, output.completion]
        self.output, self.metadata = output, metadata
""",
    "scorer.py": """
from dataclasses import dataclass
from .solver import TaskState
class Target(list):
    def __init__(self, target):
        super().__init__([target] if isinstance(target, str) else target)
    @property
    def text(self):
        return "".join(self)
@dataclass
class Score:
    value: object
def scorer(make):
    make.__registry_info__ = "scorer"
    return make
@scorer
def ends(value=None):
    async def score(state: TaskState, target: Target) -> Score:
        right = state.output.completion.endswith(target.text)
        return Score("C" if right else "I") if value is None else Score(value)
    score.__registry_info__ = "scorer"
    return score
""",
}
LM_EVAL = {
    "api/__init__.py": "",
    "tasks/__init__.py": "",
    "tasks/_yaml_loader.py": """
import yaml
def load_yaml(path):
    return yaml.safe_load(open(path))
""",
    "api/instance.py": """
class Instance:
    def __init__(self, request_type, doc, arguments, idx):
        self.doc, self.filtered_resps = doc, {}
""",
    "api/registry.py": """
def get_metric(name):
    def measure(predictions, references, ignore_case=False):
        assert ignore_case is True
        return {name: float(predictions == references)}
    return measure
""",
    "filters.py": """
import re
class Ensemble:
    def __init__(self, name, steps):
        self.name, self.steps = name, steps
    def apply(self, instances):
        for one in instances:
            said = one.resps
            for name, given in self.steps:
                if name == "regex":
                    found = re.findall(given["regex_pattern"], said[0])
                    said = [found[given.get("group_select", 0)] if found else "[invalid]"]
                else:
                    said = said[0]
            one.filtered_resps[self.name] = said
def build_filter_ensemble(name, steps):
    return Ensemble(name, steps)
""",
    "utils.py": """
def apply_template(template, doc):
    assert template == "{{answer.split('#### ')[-1]}}"
    return doc["answer"].split("#### ")[-1]
""",
}
TASK = """
filter_list:
  - name: strict
    filter:
      - {function: regex, regex_pattern: "#### (-?[0-9]+)"}
      - {function: take_first}
  - name: flexible
    filter:
      - {function: regex, regex_pattern: "-?[0-9]+", group_select: -1}
      - {function: take_first}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true, ignore_case: true}
generation_kwargs: {until: ["Question:"]}
doc_to_target: "{{answer.split('#### ')[-1]}}"
"""


@pytest.fixture(autouse=True)
def _stand_ins(tmp_path, monkeypatch):
    for package, files in (("inspect_ai", INSPECT), ("lm_eval", LM_EVAL)):
        write(tmp_path / package / "__init__.py", "")
        for name, text in files.items():
            write(tmp_path / package / name, text)
    write(tmp_path / "lm_eval-1.dist-info" / "METADATA", "Name: lm_eval\nVersion: 1\n")
    write(tmp_path / "task.yaml", TASK)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    mine = ("inspect_ai", "lm_eval")
    for name in [name for name in sys.modules if name.partition(".")[0] in mine]:
        monkeypatch.delitem(sys.modules, name)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] in mine]:
        del sys.modules[name]


def verdict(place, name, text, **said):
    return wrapped(Wrap(name, **said), str(place)).judge(CASE, Answer(text)).outcome


@pytest.mark.parametrize("name", ["ends", "ends()"])
def test_a_scorer_of_inspect_gets_a_state_and_a_target(tmp_path, name):
    assert verdict(tmp_path, f"inspect_ai.scorer:{name}", "It is 42") is Outcome.PASS
    assert verdict(tmp_path, f"inspect_ai.scorer:{name}", "It is 43") is Outcome.FAIL


@pytest.mark.parametrize(
    ("value", "threshold", "expected"),
    [
        ("P", None, Outcome.UNVERIFIED),
        ("P", 0.5, Outcome.PASS),
        ("N", None, Outcome.FAIL),
        (0.4, 0.5, Outcome.FAIL),
    ],
)
def test_a_partial_score_of_inspect_needs_a_threshold(tmp_path, value, threshold, expected):
    name = f"inspect_ai.scorer:ends(value={value!r})"
    assert verdict(tmp_path, name, "x", threshold=threshold) is expected


def test_a_task_of_lm_eval_filters_and_measures(tmp_path):
    assert verdict(tmp_path, "task.yaml:strict", "So #### 42") is Outcome.PASS
    assert verdict(tmp_path, "task.yaml:strict", "So 42") is Outcome.FAIL
    assert verdict(tmp_path, "task.yaml", "So 42") is Outcome.FAIL  # the first of its filters
    assert verdict(tmp_path, "task.yaml:flexible", "So 42") is Outcome.PASS
    assert verdict(tmp_path, "task.yaml:flexible", "So 42\nQuestion: 43?") is Outcome.PASS
    assert verdict(tmp_path, "task.yaml:flexible", "So 42, no 43") is Outcome.FAIL
    with pytest.raises(VerifierError, match="its filters are strict, flexible"):
        verdict(tmp_path, "task.yaml:loose", "")
    with pytest.raises(VerifierError, match=r"no task of lm-eval.*nothing\.yaml"):
        verdict(tmp_path, "nothing.yaml", "")
