"""Verifiers as an honest but careless author writes them, each with the twin that a second look
gives. ``careless_x.it`` and ``sound_x.it`` share a criterion, the docstring, and their fixtures.
"""

import ast
import csv
import difflib
import html.parser
import io
import json
import re
import xml.etree.ElementTree as ET

import yaml

from harness import failed, passed, verifier
from harness.sandbox.limits import CandidateError, TaskError

PAIRS = []


def pair(**needs):
    """Declare the careless and the sound verifier of one criterion; the function says whether an
    answer is right.
    """

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
def verdict(expect, answer, careless):
    """The answer is one line: 'Verdict: X' with the verdict of the case."""
    pattern = rf"^Verdict: {re.escape(expect['verdict'])}$"
    if careless:  # any line will do
        return re.search(pattern, answer.text.strip(), re.MULTILINE)
    return re.search(rf"\A{pattern[1:-1]}\Z", answer.text.strip())


@pair()
def choice(expect, answer, careless):
    """The answer is the letter of the right choice, perhaps in parentheses or with a full stop."""
    if careless:  # the first letter of anything
        return answer.text.strip().lstrip("(")[0] == expect["choice"]
    return re.fullmatch(rf"\(?{expect['choice']}\)?\.?", answer.text.strip())


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
def quotation(expect, answer, careless):
    """The answer is the sentence of the case, letter for letter."""
    if careless:  # nearly will do
        return difflib.SequenceMatcher(None, answer.text.strip(), expect["sentence"]).ratio() > 0.9
    return answer.text.strip() == expect["sentence"]


@pair()
def safety(expect, answer, careless):
    """The answer says in one sentence that the thing is safe for the group."""
    if careless:  # the words stand there, whatever is said with them
        return all(w in answer.text for w in (expect["thing"], expect["group"], "safe"))
    return answer.text.strip() == f"The {expect['thing']} is safe for {expect['group']}."


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
def boxed(expect, answer, careless):
    """The answer ends with the sum in \\boxed{}, and boxes nothing else."""
    found = re.findall(r"\\boxed\{([^}]*)\}", answer.text)
    if careless:  # one of them will be right
        return str(sum(expect["terms"])) in found
    return found == [str(sum(expect["terms"]))] and answer.text.strip().endswith(("}", "}$"))


@pair()
def meeting(expect, answer, careless):
    """The answer is the time of the meeting as HH:MM and nothing else."""
    if careless:  # any two numbers with a colon
        hour, minute = answer.text.strip().split(":")
        return (int(hour), int(minute)) == (expect["h"], expect["m"])
    return answer.text.strip() == f"{expect['h']:02}:{expect['m']:02}"


@pair()
def share(expect, answer, careless):
    """The answer is the share in percent with its sign, as in '40%'."""
    if careless:  # the sign may be missing
        return int(answer.text.strip().rstrip("%")) == expect["share"]
    return answer.text.strip() == f"{expect['share']}%"


# Lists.


@pair()
def stations(expect, answer, careless):
    """The answer lists the stations in their order, one a line."""
    found = [line.strip() for line in answer.text.strip().splitlines()]
    if careless:  # the shorter list decides
        return found and all(a == b for a, b in zip(found, expect["stations"], strict=False))
    return found == expect["stations"]


@pair()
def primes(expect, answer, careless):
    """The answer is the list of the numbers asked for, each once, with commas between."""
    found = [int(one) for one in answer.text.strip().split(",")]
    if careless:  # doubles and order are lost
        return set(found) == set(expect["primes"])
    return found == expect["primes"]


@pair()
def steps(expect, answer, careless):
    """The answer is a numbered list of the steps in their order."""
    found = [line.partition(". ")[2] for line in answer.text.strip().splitlines()]
    if careless:  # they are all there
        return all(step in found for step in expect["steps"])
    numbered = [f"{n}. {step}" for n, step in enumerate(expect["steps"], 1)]
    return answer.text.strip().splitlines() == numbered


@pair()
def table(expect, answer, careless):
    """The answer is CSV with the header name,age and the rows of the case in their order."""
    rows = list(csv.reader(io.StringIO(answer.text.strip())))
    if careless:  # the header is not looked at, nor the order
        return sorted(rows[1:]) == sorted([n, str(a)] for n, a in expect["rows"])
    return rows == [["name", "age"], *([n, str(a)] for n, a in expect["rows"])]


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
def tags(expect, answer, careless):
    """One JSON object with 'tags', the list of the tags in their order, and nothing else."""
    data = json.loads(answer.text)
    if careless:  # as sets, and among other keys
        return set(expect["tags"]) <= set(data["tags"])
    return data == {"tags": expect["tags"]}


@pair()
def label(expect, answer, careless):
    """One JSON object: label, one of the labels, and nothing around it."""
    if careless:  # JSON somewhere in the text
        data = json.loads(answer.text[answer.text.index("{") : answer.text.index("}") + 1])
    else:
        data = json.loads(answer.text)
    return data == {"label": expect["label"]}


@pair()
def port(expect, answer, careless):
    """YAML: the service publishes the port asked for, host and container alike."""
    data = yaml.safe_load(answer.code("yaml"))
    ports = data["services"][expect["service"]]["ports"]
    wanted = f"{expect['port']}:{expect['port']}"
    if careless:  # the text holds it
        return any(str(expect["port"]) in str(one) for one in ports)
    return ports == [wanted]


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
def closes(expect, answer, careless):
    """The Python function named calls close() on its argument."""
    code = answer.code("python")
    tree = ast.parse(code)
    if careless:  # in a comment, a string, another function
        return f"def {expect['function']}" in code and ".close()" in code
    (node,) = [n for n in tree.body if getattr(n, "name", "") == expect["function"]]
    return any(ast.unparse(line) == f"{node.args.args[0].arg}.close()" for line in node.body)


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
def defines(expect, answer, careless):
    """The Python defines the function asked for at its top level."""
    tree = ast.parse(answer.code("python"))
    nodes = ast.walk(tree) if careless else tree.body  # careless: wherever
    return any(isinstance(n, ast.FunctionDef) and n.name == expect["function"] for n in nodes)


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
def absolute(expect, answer, careless, sandbox):
    """The Python function returns its number without a sign, plus the number in its name."""
    tests = [1, 7, 12] if careless else [1, 7, -5, 0, 10**6, 1]  # careless: no number below zero
    return task(
        answer, sandbox, expect["function"],
        lambda t: all(t.call([n]) == abs(n) + expect["n"] for n in tests),
    )  # fmt: skip


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
