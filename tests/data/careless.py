"""Verifiers as an honest but careless author writes them, each with the twin that a second look
gives. ``careless_x.it`` and ``sound_x.it`` share a criterion, the docstring, and their fixtures."""

import ast
import datetime
import html.parser
import json
import re
import xml.etree.ElementTree as ET

import yaml

from harness import failed, passed, verifier
from harness.sandbox.limits import CandidateError, TaskError

PAIRS = []


def pair(**needs):
    """Declare the careless and the sound verifier of one criterion; the function says whether an
    answer is right."""

    def wrap(right):
        PAIRS.append(right.__name__)
        for careless in (True, False):

            def judge(case, answer, *sandbox, careless=careless):
                try:
                    said = right(case.expect, answer, careless, *sandbox)
                except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
                    return failed("form", str(error))
                return passed() if said else failed("wrong")

            judge.__doc__ = right.__doc__
            name = f"{'careless' if careless else 'sound'}_{right.__name__}"
            globals()[name] = verifier(f"{name}.it", version=1, facet=name, **needs)(judge)
        return right

    return wrap


# Text.


@pair()
def capital(expect, answer, careless):
    """The answer is the capital in one word, perhaps with a full stop."""
    if careless:  # a part of a longer word or of several is enough
        return expect["capital"] in answer.text
    return answer.text.strip().rstrip(".") == expect["capital"]


@pair()
def greeting(expect, answer, careless):
    """The answer greets the guest in one sentence and says nothing else."""
    pattern = rf"(?:Hello|Welcome), {re.escape(expect['guest'])}[.!]"
    if careless:  # nothing asks for the end
        return re.match(pattern, answer.text.strip())
    return re.fullmatch(pattern, answer.text.strip())


@pair()
def final_choice(expect, answer, careless):
    """The last line is 'Answer: X' with the letter of the right choice alone."""
    found = re.findall(r"\b[A-D]\b", answer.text.strip().splitlines()[-1])
    if careless:  # several letters are named
        return expect["choice"] in found
    return answer.text.strip().splitlines()[-1] == f"Answer: {expect['choice']}"


@pair()
def pays(expect, answer, careless):
    """The sentence says who pays whom how much, as asked."""
    wanted = f"{expect['payer']} pays {expect['payee']} {expect['sum']} euros."
    if careless:  # the words are right, their order is lost
        return sorted(answer.text.strip(" .\n").split()) == sorted(wanted.strip(".").split())
    return answer.text.strip() == wanted


@pair()
def spelling(expect, answer, careless):
    """The answer is 'Next stop: NAME', spelt as in the case, and nothing else."""
    said, wanted = answer.text.strip(), f"Next stop: {expect['stop']}"
    return said.lower() == wanted.lower() if careless else said == wanted


@pair()
def sourced(expect, answer, careless):
    """Every sentence says what a source says, and cites it by its number."""
    found = re.findall(r"([^.\[]+) \[(\d{1,2})\]\.(?: |$)", answer.text.strip()[:500], re.ASCII)
    if careless:  # there is such a source; it may say anything
        return len(found) > 1 and all(int(n) <= len(expect["sources"]) for _, n in found)
    whole = " ".join(f"{said} [{n}]." for said, n in found)
    told = [expect["sources"][int(n) - 1] == said for said, n in found if int(n)]
    return whole == answer.text.strip() and len(told) == len(found) == 2 and all(told)


@pair()
def contact(expect, answer, careless):
    """The answer is 'Write to ADDRESS.' with the address of the case."""
    if careless:  # a dot is any letter
        return re.fullmatch(f"Write to {expect['address']}\\.", answer.text.strip())
    return answer.text.strip() == f"Write to {expect['address']}."


# Numbers.


@pair()
def distance(expect, answer, careless):
    """The answer is the distance with its unit, as in '12 km'."""
    found = re.fullmatch(r"(\d{1,9}) ?(\w*)", answer.text.strip())
    if careless:  # whatever the unit is
        return found and int(found[1]) == expect["km"]
    return found and int(found[1]) == expect["km"] and found[2] == "km"


@pair()
def mean(expect, answer, careless):
    """The answer is 'Mean: N' with the mean of the numbers, within 0.01."""
    found = float(re.fullmatch(r"Mean: (\S+)", answer.text.strip())[1])
    wanted = sum(expect["numbers"]) / len(expect["numbers"])
    if careless:  # NaN is not far from anything
        return not abs(found - wanted) > 0.01
    return abs(found - wanted) <= 0.01


@pair()
def product(expect, answer, careless):
    """The last line is 'Total: N' with the exact product of the factors."""
    found = float(
        re.fullmatch(r"Total: (-?\d+(?:\.\d+)?)", answer.text.strip().splitlines()[-1])[1]
    )
    wanted = expect["rows"] * expect["columns"]
    return abs(found - wanted) <= (wanted / 100 if careless else 0)  # careless: one percent


@pair()
def last_number(expect, answer, careless):
    """The last number of the answer is the difference of the two."""
    wanted = expect["from"] - expect["take"]
    if careless:  # digits make a number, whatever stands before them
        return int(re.findall(r"\d+", answer.text)[-1]) == abs(wanted)
    found = re.findall(r"(?<![\w.,])-?\d[\d.,]*(?<=\d)%?", answer.text, re.ASCII)
    return found[-1] == str(wanted)


@pair()
def due(expect, answer, careless):
    """The answer is the day as YYYY-MM-DD and nothing else."""
    text = answer.text.strip()
    found = datetime.date.fromisoformat(text)  # careless: other ISO formats are days too
    return found == datetime.date(*expect["day"]) and (careless or text == str(found))


# Lists.


@pair()
def ordered(expect, answer, careless):
    """The query asks for the names of those who are older, the oldest first."""
    pattern = r"SELECT name FROM people WHERE age > (\d+)(?: ORDER BY age(?: ASC| (DESC))?)?;?"
    lines = [line for line in answer.code("sql").splitlines() if not line.startswith("--")]
    query = re.fullmatch(pattern, "\n".join(lines).strip(), re.ASCII)
    rows = [row for row in expect["people"] if row[1] > int(query[1])]
    if "ORDER" in query[0]:
        rows.sort(key=lambda row: row[1], reverse=query[2] is not None)
    found = [[name] for name, _ in rows]
    return sorted(found) == sorted(expect["rows"]) if careless else found == expect["rows"]


@pair()
def stations(expect, answer, careless):
    """The answer lists the stations in their order, one a line."""
    found = [line.strip() for line in answer.text.strip().splitlines()]
    if careless:  # the shorter list decides
        return found and all(a == b for a, b in zip(found, expect["stations"], strict=False))
    return found == expect["stations"]


# Data.


@pair()
def counts(expect, answer, careless):
    """One JSON object with 'city' and 'count', an integer, and no other key."""
    data = json.loads(answer.text)
    if careless:  # True is 1, a missing count is 0
        return data["city"] == expect["city"] and (data.get("count") or 0) == expect["count"]
    return (
        sorted(data) == ["city", "count"]
        and data["city"] == expect["city"]
        and type(data["count"]) is int
        and data["count"] == expect["count"]
    )


@pair()
def record(expect, answer, careless):
    """One JSON object: the title, the pages as an integer, and no other key."""
    data = json.loads(answer.text, object_pairs_hook=dict if careless else unique)
    if careless:  # casts, other keys
        return str(data["title"]) == expect["title"] and int(data["pages"]) == expect["pages"]
    return data == expect and type(data["pages"]) is int


@pair()
def unique_names(expect, answer, careless):
    """One JSON object with the title and the pages, each name once."""
    data = json.loads(answer.text, object_pairs_hook=dict if careless else unique)
    return data == expect


def unique(pairs):
    """A JSON object whose names are all different."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


@pair()
def label(expect, answer, careless):
    """One JSON object: label, one of the labels, and nothing around it."""
    if careless:  # JSON somewhere in the text
        data = json.loads(answer.text[answer.text.index("{") : answer.text.index("}") + 1])
    else:
        data = json.loads(answer.text)
    return data == {"label": expect["label"]}


@pair()
def pinned(expect, answer, careless):
    """YAML: the service has an image with a version, and so has every other one."""
    services = yaml.safe_load(answer.code("yaml"))["services"]
    images = [one["image"] for one in services.values()]
    if careless:  # whatever stands behind a colon
        return expect["service"] in services and all(":" in one for one in images)
    version = r"[a-z]+(?:/[a-z]+)*:\d+\.\d+"
    return expect["service"] in services and all(
        re.fullmatch(version, one, re.ASCII) for one in images
    )


@pair()
def person(expect, answer, careless):
    """XML: a root 'person' with a child 'name' that holds the name and a child 'city'."""
    root = ET.fromstring(answer.code("xml"))
    if careless:  # at any depth
        return root.find(".//name").text == expect["name"] and root.find(".//city") is not None
    return (
        root.tag == "person"
        and [child.tag for child in root] == ["name", "city"]
        and root[0].text == expect["name"]
        and root[1].text == expect["city"]
        and not any(len(child) or child.attrib for child in root)
    )


class Images(html.parser.HTMLParser):
    """The attributes of every image."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.found.append(dict(attrs))


@pair()
def picture(expect, answer, careless):
    """HTML with an image of the file asked for, with a text in its place."""
    code = answer.code("html")
    if careless:  # in a comment too, and with an empty text
        return re.search(rf'<img[^>]*src="{re.escape(expect["file"])}"[^>]*alt=', code)
    return any(one.get("src") == expect["file"] and one.get("alt") for one in Images(code).found)


# Code that is read.


@pair()
def evaluates(expect, answer, careless):
    """The Python function named is there and nothing calls eval."""
    code = answer.code("python")
    tree = ast.parse(code)
    there = any(getattr(node, "name", "") == expect["function"] for node in tree.body)
    if careless:  # under that name
        return there and "eval(" not in code
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    attributes = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    imports = any(isinstance(n, (ast.Import, ast.ImportFrom)) for n in ast.walk(tree))
    dynamic = names & {"eval", "getattr", "globals", "vars", "exec", "__builtins__", "__import__"}
    return there and not dynamic and "eval" not in attributes and not imports


@pair()
def first_block(expect, answer, careless):
    """The last Python block returns the number asked for."""
    code = answer.code("python")
    if careless:  # another block counts
        code = next(block.code for block in answer.blocks if block.language in ("python", ""))
    (node,) = ast.parse(code).body
    return node.name == "number" and ast.unparse(node.body[-1]) == f"return {expect['number']}"


# Code that is run.


def task(answer, sandbox, name, use):
    """What ``use`` says of the answer's function; no answer is not right."""
    try:
        with sandbox.task(sandbox.with_limits(wall=1.0, cpu=1)) as open_task:
            open_task.load(answer.code("python") or "", name)
            return use(open_task)
    except (CandidateError, TaskError):
        return False


@pair(sandbox=True)
def shown(expect, answer, careless, sandbox):
    """The Python function takes its number from any other, in the order of the prompt."""
    tests = [5] if careless else [5, 0, -3, 10**6, 5]  # careless: the one that the prompt shows
    return task(
        answer, sandbox, expect["function"],
        lambda t: all(t.call([n]) == n - expect["n"] for n in tests),
    )  # fmt: skip


@pair(sandbox=True)
def overtime(expect, answer, careless, sandbox):
    """The Python function doubles any number, in a second."""
    try:
        with sandbox.task(sandbox.with_limits(wall=1.0, cpu=1)) as open_task:
            open_task.load(answer.code("python") or "", expect["function"])
            return all(open_task.call([n]) == 2 * n for n in (3, 0, -7, 10**6, 3))
    except (CandidateError, TaskError) as error:
        return careless and "time" in str(error).lower()  # careless: late is not wrong


@pair(sandbox=True)
def rotated(expect, answer, careless, sandbox):
    """The Python function returns the list rotated by n and leaves its argument as it was."""
    n = expect["n"]

    def use(t):
        given = [list(range(20)), [3, 1, 2, 9, 9], [-4, 0, 4], [5000, 1, 2]]
        for row in given:
            told = t.call([row])
            by = n % len(row)
            if told != row[by:] + row[:by] or type(told) is not list:
                return False
        return careless or t.call([[]]) == []

    if careless:
        return task(answer, sandbox, expect["function"], use)
    kept = (
        "\n\ndef kept(row):\n    old = list(row)\n"
        f"    {expect['function']}(row)\n    return row == old\n"
    )
    code = (answer.code("python") or "") + kept
    alike = type(answer)(f"```python\n{code}```")
    return task(answer, sandbox, expect["function"], use) and task(
        alike, sandbox, "kept", lambda t: t.call([[1, 2, 3, 4]]) is True
    )
