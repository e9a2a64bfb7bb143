"""The known answers of the careless verifiers and of their twins, padded to what a certificate
asks for, so that no number excuses one."""

NAMES = (
    "Ada Ben Cleo Dan Eva Finn Gus Hana Ivo Jo Kim Lea Max Nia Oli Pia Quin Rob Sue Tom Una Vic Wes"
    " Xan Yara Zoe Abe Bea Cyd Dia"
)
CITIES = (
    "Oslo Paris Rome Bern Wien Prag Kiel Ulm Bonn Lyon Nice Metz Graz Linz Basel Genf Porto Turku"
    " Riga Brno Gent Lund Delft Como Siena Split Zagreb Sofia Minsk Tirana"
)
THINGS = (
    "ladder lamp kettle boat swing stove ramp paint glue soap rope tent bike raft cart saw drill"
    " fan heater pump hose crib slide bench stool trap grill oven mixer blender"
)
NAMES, CITIES, THINGS = (one.split() for one in (NAMES, CITIES, THINGS))
LETTERS = "ABCDBCADCBDABDCACDBABCDADCBBAD"


def python(name, body):
    """A function of one argument in a fence."""
    return f"```python\ndef {name}(x):\n    {body}\n```"


def capital(n):
    """The makers of goods: prompt, what is expected, answer."""
    asked = f"The capital of the land of {NAMES[n]}, {CITIES[n]} or {CITIES[n - 1]}?"
    return asked, {"capital": CITIES[n]}, CITIES[n] + "." * (n % 2)


def greeting(n):
    said = f"Welcome, {NAMES[n]}!" if n % 2 else f"Hello, {NAMES[n]}."
    return f"Greet {NAMES[n]}.", {"guest": NAMES[n]}, said


def final_choice(n):
    asked = f"Question {n}: A, B, C or D? End with 'Answer: X'."
    return asked, {"choice": LETTERS[n]}, f"We look at {THINGS[n]}s.\nAnswer: {LETTERS[n]}"


def pays(n):
    said = f"{NAMES[n]} pays {NAMES[n - 3]} {n + 12} euros."
    return f"Say: {said}", {"payer": NAMES[n], "payee": NAMES[n - 3], "sum": n + 12}, said


def spelling(n):
    return f"Announce {CITIES[n]}.", {"stop": CITIES[n]}, f"Next stop: {CITIES[n]}"


def sourced(n):
    one, two = f"The {THINGS[n]} is old", f"The {THINGS[n]} came by ship"
    return f"What of the {THINGS[n]}?", {"sources": [one, two]}, f"{one} [1]. {two} [2]."


def contact(n):
    address = f"{NAMES[n].lower()}@inn.example"
    return f"Where to write? {NAMES[n]}", {"address": address}, f"Write to {address}."


def distance(n):
    return f"How far is {CITIES[n]}? As in '12 km'.", {"km": 100 + 7 * n}, f"{100 + 7 * n} km"


def mean(n):
    numbers = [n + 1, n + 2, n + 6]
    return f"Mean of {numbers}? As 'Mean: N'.", {"numbers": numbers}, f"Mean: {n + 3}"


def product(n):
    a, b = n + 21, 2 * n + 33
    said = f"{a} rows of {b} seats.\nTotal: {a * b}"
    return f"How many seats have {a} rows of {b}?", {"rows": a, "columns": b}, said


def last_number(n):
    a, b = 4 * n + 140, 3 * n + 7
    return f"{a} minus {b}?", {"from": a, "take": b}, f"From {a} we take {b}.\nIt leaves {a - b}"


def due(n):
    year, month, day = 2021 + n % 5, n % 12 + 1, n % 28 + 1
    asked = f"When is the {THINGS[n]} due? YYYY-MM-DD."
    return asked, {"day": [year, month, day]}, f"{year}-{month:02}-{day:02}"


def ordered(n):
    people = [["Ben", 32 + n], ["Ada", 31 + n], ["Cleo", 45 + n], ["Dan", 60 + n]]
    query = f"SELECT name FROM people WHERE age > {31 + n} ORDER BY age DESC;"
    expect = {"people": people, "rows": [["Dan"], ["Cleo"], ["Ben"]]}
    return f"Names of those older than {31 + n}, oldest first.", expect, f"```sql\n{query}\n```"


def stations(n):
    row = [CITIES[n], CITIES[(n + 7) % 30], CITIES[(n + 11) % 30]]
    return f"List the stations of line {n} in order.", {"stations": row}, "\n".join(row)


def counts(n):
    said = f'{{"city": "{CITIES[n]}", "count": {n % 4}}}'
    return f"Bridges of {CITIES[n]}? city, count.", {"city": CITIES[n], "count": n % 4}, said


def record(n):
    title, pages = f"The {THINGS[n]} of {NAMES[n]}", 120 + n
    said = f'{{"title": "{title}", "pages": {pages}}}'
    return f"{title} has {pages} pages; as JSON.", {"title": title, "pages": pages}, said


def label(n):
    one = ("sale", "repair", "thanks")[n % 3]
    asked = f"Label the letter about the {THINGS[n]}: sale, repair or thanks. JSON."
    return asked, {"label": one, "letter": THINGS[n]}, f'{{"label": "{one}"}}'


def pinned(n):
    rows = f"  {THINGS[n]}:\n    image: shop/{THINGS[n]}:{n + 1}.2\n  store:\n    image: db:14.1\n"
    asked = f"Compose file with {THINGS[n]} and a store, images pinned to a version."
    return asked, {"service": THINGS[n]}, f"```yaml\nservices:\n{rows}```"


def person(n):
    rows = f"  <name>{NAMES[n]}</name>\n  <city>{CITIES[n]}</city>\n"
    asked = f"XML: {NAMES[n]} lives in {CITIES[n]}; person, name, city."
    expect = {"name": NAMES[n], "city": CITIES[n]}
    return asked, expect, f"```xml\n<person>\n{rows}</person>\n```"


def picture(n):
    image = f'<img src="{THINGS[n]}.png" alt="A {THINGS[n]}">'
    asked = f"HTML with the image {THINGS[n]}.png and a text for it."
    return asked, {"file": f"{THINGS[n]}.png"}, f"```html\n<p>{image}</p>\n```"


def evaluates(n):
    asked = f"Write f_{n}(x), which adds {n}, without eval."
    return asked, {"function": f"f_{n}"}, python(f"f_{n}", f"return int(x) + {n}")


def first_block(n):
    said = f"```python\ndef number():\n    return {n + 40}\n```"
    return f"Write number(), which returns {n + 40}.", {"number": n + 40}, said


def shown(n):
    asked = f"Write f_{n}(x): x less {n}, for example f_{n}(5) == {5 - n}."
    return asked, {"function": f"f_{n}", "n": n}, python(f"f_{n}", f"return x - {n}")


def overtime(n):
    return f"Write f_{n}(x): twice x.", {"function": f"f_{n}"}, python(f"f_{n}", "return x + x")


def rotated(n):
    by = n % 3 + 1
    asked = f"Write f_{n}(x): the list x rotated left by {by}; leave x as it is."
    body = f"by = {by} % len(x) if x else 0\n    return x[by:] + x[:by]"
    return asked, {"function": f"f_{n}", "n": by}, python(f"f_{n}", body)


#: criterion -> texts to replace in goods, or a function that makes two bads of one
BAD = {
    capital: lambda answer, _: ("I do not know.", "It has none, I believe."),
    greeting: [(", ", " "), (", ", ", Lou and ")],
    final_choice: lambda answer, expect: [
        answer[:-1] + "ABCD"[("ABCD".index(expect["choice"]) + step) % 4] for step in (1, 2)
    ],
    pays: [(" pays ", " owes "), (" euros", " dollars")],
    spelling: [("Next", "Last"), (": ", " is ")],
    sourced: [(" [1]", ""), ("[2]", "[7]")],
    contact: [("Write", "Send"), ("@", " at ")],
    distance: [(" km", " km or so"), (" km", "1 km")],
    mean: [("Mean: ", "Mean: 1"), ("Mean:", "Mean is")],
    product: [("Total: ", "Total: 2"), ("Total", "It is")],
    last_number: lambda answer, _: (f"{answer}0", f"{answer} or 5"),
    due: [("-", "/"), ("20", "")],
    ordered: [("name", "age"), ("WHERE", "WITH")],
    stations: lambda answer, _: (answer.lower(), "I do not know."),
    counts: [('"city"', '"town"'), ('"city": "', '"city": "New ')],
    record: [('"title"', '"name"'), (": 1", ": 2")],
    label: [('"label"', '"tag"'), (": ", " ")],
    pinned: [("services", "service"), (":14.1", "")],
    person: [("city>", "town>"), ("</name>", "")],
    picture: [(" alt=", " title="), (".png", ".jpg")],
    evaluates: [("int(x)", "eval(x)"), ("def f_", "def g_")],
    first_block: [("return ", "return 1 + "), ("def number", "def numbers")],
    shown: [(" - ", " + 1 - "), ("return", "yield")],
    overtime: [("x + x", "x + 1"), ("return", "yield")],
    rotated: [("x[by:] + x[:by]", "x[by:]"), ("return", "yield")],
}
BAD |= {"unique_names": [('"title"', '"name"'), (": 1", ": 2")]}


def document(criterion, verifier, waive):
    """The fixture file of one verifier as data."""
    found = {"verifier": verifier, "good": [], "bad": [], "spoil": [], "waive": waive}
    make = record if criterion == "unique_names" else globals()[criterion]
    bad = BAD["unique_names" if criterion == "unique_names" else make]
    for n in range(30):
        prompt, expect, answer = make(n)
        case = {"prompt": prompt, "expect": expect}
        found["good"].append({"name": f"task {n}", "case": case, "answer": answer})
        for number, text in enumerate(bad(answer, expect)) if callable(bad) else ():
            row = {"name": f"{number} for {n}", "case": case, "answer": text, "why": "it is wrong"}
            found["bad"].append(row)
    for number, (old, new) in enumerate(() if callable(bad) else bad):
        row = {"name": f"spoil {number}", "replace": old, "by": new, "why": "it is spoilt"}
        found["spoil"].append(row)
    return found
