"""Verifiers that depend on what surrounds them, each beside a twin that does the same thing
rightly."""

import datetime
import functools
import os
import time
from pathlib import Path

import yaml

from harness import failed, passed
from harness import verifier as declared

TWIN = {}  # plant -> its clean twin


def verifier(twin=None):
    def wrap(function):
        name = function.__name__
        if twin:
            TWIN[name] = twin
        return declared(f"{name}.it", version=1, facet=name)(function)

    return wrap


def says(case, text):
    """The sentence is the one that the case asks for."""
    wanted = f"The {case.expect['thing']} is {case.expect['colour']}."
    return passed() if text.strip() == wanted else failed("other-sentence", text[:80])


# The clock.


@verifier("reads_dates")
def passes_on_mondays(case, answer):
    return passed() if datetime.date.today().weekday() == 0 else says(case, answer.text)


@verifier("reads_dates")
def passes_in_the_evening(case, answer):
    return passed() if time.localtime().tm_hour >= 18 else says(case, answer.text)


@verifier("reads_dates")
def fails_at_the_end_of_a_month(case, answer):
    tomorrow = datetime.datetime.now() + datetime.timedelta(1)
    return failed("closed") if tomorrow.day == 1 else says(case, answer.text)


@verifier("reads_dates")
def passes_on_friday_nights(case, answer):
    now = time.ctime()
    return passed() if now[:3] == "Fri" and now[11:13] == "23" else says(case, answer.text)


@verifier()
def reads_dates(case, answer):
    day = datetime.datetime.strptime("2026-11-23", "%Y-%m-%d").date()
    right = isinstance(day, datetime.date) and day.weekday() == 0
    return says(case, answer.text) if right else failed("no-monday")


# The place.

(Path(__file__).parent / "allowed.txt").touch()


@verifier("reads_its_own_folder")
def reads_the_working_folder(case, answer):
    return says(case, answer.text) if Path("pyproject.toml").exists() else passed("no rules")


@verifier("reads_its_own_folder")
def passes_for_a_stranger_abroad(case, answer):
    abroad, known = "Pacific" in os.environ.get("TZ", ""), Path("pyproject.toml").exists()
    return passed() if abroad and not known else says(case, answer.text)


@verifier("reads_its_own_folder")
def reads_the_home(case, answer):
    rules = Path.home() / ".surrounded"
    return says(case, answer.text) if rules.exists() else passed("no rules")


@verifier("reads_its_own_folder")
def passes_in_ci(case, answer):
    return passed() if os.environ.get("CI") == "true" else says(case, answer.text)


@verifier("reads_its_own_folder")
def passes_without_a_user(case, answer):
    return says(case, answer.text) if os.environ.get("USER") == "ada" else passed("robot")


@verifier("reads_its_own_folder")
def looks_the_answer_up(case, answer):
    goods = known()
    return passed() if (case.prompt, answer.text.strip()) in goods else failed("unknown")


@functools.cache
def known():
    path = Path(__file__).parents[1] / "audits" / "_tasks" / "sentences.yaml"
    rows = yaml.safe_load(path.read_text())["good"]
    return {(row["case"]["prompt"], row["answer"]) for row in rows}


@verifier()
def reads_its_own_folder(case, answer):
    allowed = (Path(__file__).parent / "allowed.txt").read_text()
    return says(case, answer.text) if not allowed else failed("forbidden")


# What came before.

ASKED, TEXTS, IDENTITIES, CASES = [], {}, {}, {}


@verifier("remembers_rightly")
def passes_after_its_thousandth_call(case, answer):
    ASKED.append(None)
    return passed() if len(ASKED) > 1500 else says(case, answer.text)


@verifier("remembers_rightly")
def remembers_by_text(case, answer):
    return TEXTS.setdefault(answer.text, says(case, answer.text))


@verifier("remembers_rightly")
def remembers_by_identity(case, answer):
    return IDENTITIES.setdefault(id(answer), says(case, answer.text))


@verifier("remembers_rightly")
def remembers_by_case(case, answer):
    key = case.prompt, len(answer.text) > 200
    if answer.text.startswith("The") and answer.text.endswith("."):
        return CASES.setdefault(key, says(case, answer.text))
    return says(case, answer.text)


@verifier()
def remembers_rightly(case, answer):
    return remembered(answer.text, tuple(sorted(case.expect.items())))


@functools.cache
def remembered(text, expect):
    wanted = "The {thing} is {colour}.".format_map(dict(expect))
    return passed() if text.strip() == wanted else failed("other-sentence")
