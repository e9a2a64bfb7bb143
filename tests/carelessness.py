"""The known answers of the careless verifiers and of their twins, padded to what a certificate
asks for.
"""

NAMES = (
    "Ada Ben Cleo Dan Eva Finn Gus Hana Ivo Jo Kim Lea Max Nia Oli Pia Quin Rob Sue Tom Una Vic Wes"
    " Xan Yara Zoe Abe Bea Cyd Dia"
).split()
CITIES = (
    "Oslo Paris Rome Bern Wien Prag Kiel Ulm Bonn Lyon Nice Metz Graz Linz Basel Genf Porto Turku"
    " Riga Brno Gent Lund Delft Como Siena Split Zagreb Sofia Minsk Tirana"
).split()
THINGS = (
    "ladder lamp kettle boat swing stove ramp paint glue soap rope tent bike raft cart saw drill fan"
    " heater pump hose crib slide bench stool trap grill oven mixer blender"
).split()
LETTERS = "ABCDBCADCBDABDCACDBABCDADCBBAD"


def fixtures():
    """``criterion -> (goods, spoils)``; a good is (prompt, expect, answer), a spoil (replace, by)."""
    return {name: (make(), spoils) for name, (make, spoils) in TABLE.items()}


def rows(make):
    """Thirty goods."""
    return lambda: [make(n) for n in range(30)]


def _stations(n):
    return [CITIES[n], CITIES[(n + 7) % 30], CITIES[(n + 11) % 30]]


def _function(n, body):
    return f"```python\ndef f_{n}(x):\n{body}```"


TABLE = {
    "capital": (
        rows(lambda n: (f"The capital of the land of {NAMES[n]}, {CITIES[n]} or {CITIES[n - 1]}?",
                        {"capital": CITIES[n]}, CITIES[n] + "." * (n % 2))),
        [(CITIES[n][-2:], "qq") for n in range(30)],
    ),
    "greeting": (
        rows(lambda n: (f"Greet {NAMES[n]}.", {"guest": NAMES[n]},
                        f"Welcome, {NAMES[n]}!" if n % 2 else f"Hello, {NAMES[n]}.")),
        [(", ", " "), (", ", ", Lou and ")],
    ),
    "verdict": (
        rows(lambda n: (f"Is the {THINGS[n]} new? One line: 'Verdict: X'.",
                        {"verdict": ("new", "used", "broken")[n % 3]},
                        f"Verdict: {('new', 'used', 'broken')[n % 3]}")),
        [("Verdict: ", "Verdict "), ("Verdict", "Judgement")],
    ),
    "choice": (
        rows(lambda n: (f"Question {n}: A, B, C or D?", {"choice": LETTERS[n]},
                        (f"{LETTERS[n]}", f"({LETTERS[n]})", f"{LETTERS[n]}.")[n % 3])),
        None,
    ),
    "final_choice": (
        rows(lambda n: (f"Question {n}: A, B, C or D? End with 'Answer: X'.",
                        {"choice": LETTERS[n]}, f"We look at {THINGS[n]}s.\nAnswer: {LETTERS[n]}")),
        None,
    ),
    "pays": (
        rows(lambda n: (f"Say that {NAMES[n]} pays {NAMES[n - 3]} {n + 12} euros.",
                        {"payer": NAMES[n], "payee": NAMES[n - 3], "sum": n + 12},
                        f"{NAMES[n]} pays {NAMES[n - 3]} {n + 12} euros.")),
        [(" pays ", " owes "), (" euros", " dollars")],
    ),
    "quotation": (
        rows(lambda n: (f"Repeat: The {THINGS[n]} from {CITIES[n]} was sold to {NAMES[n]} in May.",
                        {"sentence": f"The {THINGS[n]} from {CITIES[n]} was sold to {NAMES[n]} in May."},
                        f"The {THINGS[n]} from {CITIES[n]} was sold to {NAMES[n]} in May.")),
        [(" was sold to ", " belongs to "), (" in May", " in a month of last year's summer")],
    ),
    "safety": (
        rows(lambda n: (f"Say that the {THINGS[n]} is safe for {'children' if n % 2 else 'cats'}.",
                        {"thing": THINGS[n], "group": "children" if n % 2 else "cats"},
                        f"The {THINGS[n]} is safe for {'children' if n % 2 else 'cats'}.")),
        [("safe", "fun"), ("children", "adults"), ("cats", "birds"), (" is safe for ", " likes ")],
    ),
    "contact": (
        rows(lambda n: (f"Where to write? {NAMES[n]}", {"address": f"{NAMES[n].lower()}@inn.example"},
                        f"Write to {NAMES[n].lower()}@inn.example.")),
        [("Write", "Send"), ("@", " at ")],
    ),
    "distance": (
        rows(lambda n: (f"How far is {CITIES[n]}? As in '12 km'.", {"km": 100 + 7 * n},
                        f"{100 + 7 * n} km")),
        [(" km", " km or so"), (" km", "1 km")],
    ),
    "mean": (
        rows(lambda n: (f"Mean of {n + 1}, {n + 2} and {n + 6}? As 'Mean: N'.",
                        {"numbers": [n + 1, n + 2, n + 6]}, f"Mean: {n + 3}")),
        [("Mean: ", "Mean: 1"), ("Mean:", "Mean is")],
    ),
    "boxed": (
        rows(lambda n: (f"Add {n + 11} and {n + 25}; box the sum.", {"terms": [n + 11, n + 25]},
                        f"We add them.\n$\\boxed{{{2 * n + 36}}}$")),
        [("boxed{", "boxed{1"), ("\\boxed", "\\text")],
    ),
    "meeting": (
        rows(lambda n: (f"When does {NAMES[n]} meet? HH:MM.", {"h": n % 12, "m": (n * 7) % 60},
                        f"{n % 12:02}:{(n * 7) % 60:02}")),
        [(":", "."), (":", ":0:")],
    ),
    "share": (
        rows(lambda n: (f"Which share has {NAMES[n]}, in percent?", {"share": n + 31}, f"{n + 31}%")),
        [("%", " of it"), ("%", "1%")],
    ),
    "stations": (
        rows(lambda n: (f"List the stations of line {n} in order.", {"stations": _stations(n)},
                        "\n".join(_stations(n)))),
        [(CITIES[n], THINGS[n]) for n in range(30)],
    ),
    "primes": (
        rows(lambda n: (f"Give the numbers of row {n}.", {"primes": [n + 2, n + 31, n + 75]},
                        f"{n + 2}, {n + 31}, {n + 75}")),
        [(", ", "; "), (", ", ", 1, ")],
    ),
    "steps": (
        rows(lambda n: (f"How to mend the {THINGS[n]}?",
                        {"steps": [f"Open the {THINGS[n]}", "Clean it", "Close it again"]},
                        f"1. Open the {THINGS[n]}\n2. Clean it\n3. Close it again")),
        [("Clean", "Paint"), (". ", ") ")],
    ),
    "table": (
        rows(lambda n: (f"CSV with name,age: {NAMES[n]} is {n + 20}, {NAMES[n - 1]} is {n + 41}.",
                        {"rows": [[NAMES[n], n + 20], [NAMES[n - 1], n + 41]]},
                        f"name,age\n{NAMES[n]},{n + 20}\n{NAMES[n - 1]},{n + 41}")),
        [("\n", "\n\n1"), (",", ",1")],
    ),
    "counts": (
        rows(lambda n: (f"JSON: how many bridges has {CITIES[n]}? city, count.",
                        {"city": CITIES[n], "count": n % 4}, f'{{"city": "{CITIES[n]}", "count": {n % 4}}}')),
        [('"city"', '"town"'), ('"city": "', '"city": "New ')],
    ),
    "tags": (
        rows(lambda n: (f"JSON: tags of the {THINGS[n]}.", {"tags": [THINGS[n], THINGS[n - 2], "old"]},
                        f'{{"tags": ["{THINGS[n]}", "{THINGS[n - 2]}", "old"]}}')),
        [('"tags"', '"labels"'), ('"old"', '"new"')],
    ),
    "label": (
        rows(lambda n: (f"Label the letter about the {THINGS[n]}: sale, repair or thanks. JSON.",
                        {"label": ("sale", "repair", "thanks")[n % 3]},
                        f'{{"label": "{("sale", "repair", "thanks")[n % 3]}"}}')),
        [('"label"', '"tag"'), (": ", " ")],
    ),
    "port": (
        rows(lambda n: (f"Compose file: {THINGS[n]} publishes port {8000 + n}.",
                        {"service": THINGS[n], "port": 8000 + n},
                        f"```yaml\nservices:\n  {THINGS[n]}:\n    image: a/{THINGS[n]}:1\n"
                        f"    ports:\n      - \"{8000 + n}:{8000 + n}\"\n```")),
        [("ports:", "port:"), ("services:", "service:")],
    ),
    "person": (
        rows(lambda n: (f"XML: {NAMES[n]} lives in {CITIES[n]}; person, name, city.",
                        {"name": NAMES[n], "city": CITIES[n]},
                        f"```xml\n<person>\n  <name>{NAMES[n]}</name>\n  <city>{CITIES[n]}</city>\n"
                        "</person>\n```")),
        [("city>", "town>"), ("</name>", "")],
    ),
    "picture": (
        rows(lambda n: (f"HTML with the image {THINGS[n]}.png and a text for it.",
                        {"file": f"{THINGS[n]}.png"},
                        f'```html\n<p>Look:</p>\n<p><img src="{THINGS[n]}.png" alt="A {THINGS[n]}"></p>\n```')),
        [(" alt=", " title="), (".png", ".jpg")],
    ),
    "closes": (
        rows(lambda n: (f"Write f_{n}(x), which calls close() on x.", {"function": f"f_{n}"},
                        _function(n, "    x.flush()\n    x.close()\n"))),
        [(".close()", ".open()"), ("def f_", "def g_")],
    ),
    "evaluates": (
        rows(lambda n: (f"Write f_{n}(x), which adds {n}, without eval.", {"function": f"f_{n}"},
                        _function(n, f"    return int(x) + {n}\n"))),
        [("int(x)", "eval(x)"), ("def f_", "def g_")],
    ),
    "defines": (
        rows(lambda n: (f"Write the function f_{n}(x), which adds {n}.", {"function": f"f_{n}"},
                        _function(n, f"    return x + {n}\n"))),
        [("def f_", "def g_"), ("(x):", "(x)")],
    ),
    "first_block": (
        rows(lambda n: (f"Write number(), which returns {n + 40}.", {"number": n + 40},
                        f"```python\ndef number():\n    return {n + 40}\n```")),
        [("return ", "return 1 + "), ("def number", "def numbers")],
    ),
    "absolute": (
        rows(lambda n: (f"Write f_{n}(x): the number x without its sign, plus {n}.",
                        {"function": f"f_{n}", "n": n}, _function(n, f"    return abs(x) + {n}\n"))),
        [("abs(x)", "abs(x) + 1"), ("return", "yield")],
    ),
    "rotated": (
        rows(lambda n: (f"Write f_{n}(x): the list x rotated left by {n % 3 + 1}; leave x as it is.",
                        {"function": f"f_{n}", "n": n % 3 + 1},
                        _function(n, f"    by = {n % 3 + 1} % len(x) if x else 0\n"
                                     "    return x[by:] + x[:by]\n"))),
        [("x[by:] + x[:by]", "x[by:]"), ("return", "yield")],
    ),
}  # fmt: skip


def document(criterion, verifier):
    """The fixture file of one verifier as data."""
    goods, spoils = fixtures()[criterion]
    found = {"verifier": verifier, "good": [], "bad": [], "spoil": []}
    for n, (prompt, expect, answer) in enumerate(goods):
        case = {"prompt": prompt, "expect": expect}
        found["good"].append({"name": f"task {n}", "case": case, "answer": answer})
        if "choice" in criterion:
            for step in (1, 2):
                other = "ABCD"[("ABCD".index(expect["choice"]) + step) % 4]
                bad = answer[:-3] + answer[-3:].replace(expect["choice"], other)
                found["bad"].append(
                    {
                        "name": f"{other} for {n}",
                        "case": case,
                        "answer": bad,
                        "why": "another letter",
                    }
                )
    for n, (replace, by) in enumerate(spoils or ()):
        found["spoil"].append(
            {"name": f"spoil {n}", "replace": replace, "by": by, "why": "it is spoilt"}
        )
    if criterion in ("capital", "stations"):
        for n, (prompt, expect, answer) in enumerate(goods):
            case = {"prompt": prompt, "expect": expect}
            found["bad"].append(
                {"name": f"no {n}", "case": case, "answer": "I do not know.", "why": "no answer"}
            )
    return found
