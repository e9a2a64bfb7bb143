"""Scorers as others write them: each right about one word, and called in another way."""

import asyncio
import functools
from dataclasses import dataclass


def bool_of_answer(answer):
    return answer == "word"


def any_name(student):
    return student == "word"


def of_case(case, answer):
    return answer == case.expect["gold"] and case.prompt == "Say the word."


def violations(text):
    return [] if text == "word" else ["not the word"]


def with_gold(response, answer):
    return response == answer


def with_prompt(prompt, output, reference):
    return prompt == "Say the word." and output == reference


def by_key_of_expect(answer, tone):
    return answer == "word" and tone == "dry"


def optional(answer, tone="wet", mood=None):
    return answer == "word" and tone == "dry" and mood is None


def several_references(hypothesis, references):
    return hypothesis in references and len(references) == 1


def positional(prediction, gold, /):
    return prediction == gold


def extras(answer, **more):
    return answer == more["gold"] and more["tone"] == "dry"


async def awaited(completion, target):
    await asyncio.sleep(0)
    return completion == target


def rewards(completions, **columns):
    assert columns["prompts"] == ["Say the word."]
    return [float(c == g) for c, g in zip(completions, columns["gold"], strict=True)]


def chats(completions, gold, **more):
    assert more["prompts"] == [[{"role": "user", "content": "Say the word."}]]
    return [float(c[0]["content"] == g) for c, g in zip(completions, gold, strict=True)]


def strange(given, wanted):
    return given == wanted


def ratio(answer, gold):
    return 0.75 if answer == gold else 0.25


def fraction(answer, gold):
    return 1 if answer == gold else 0


def nan(answer):
    return len(answer) * float("nan")


def detailed(answer, gold):
    return {"detail": {"right": answer.strip() == gold}, "length": len(answer)}


def pair(answer, gold):
    return answer == gold, "because"


@dataclass
class Score:
    score: float
    reason: str = ""


@dataclass
class Valued:
    value: bool


def scored(answer, gold):
    return Score(1.0 if answer == gold else 0.0)


def valued(answer, gold):
    return Valued(answer == gold)


class Grader:
    def grade(self, answer, gold):
        return answer == gold

    def __call__(self, answer, gold):
        return answer == gold

    @staticmethod
    def plain(answer, gold):
        return answer == gold


def made(word, *, case=True):
    return lambda answer: answer == word and case is False


partly = functools.partial(strange, wanted="word")


def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    told = data_source == "Say the word." and extra_info["tone"] == "dry"
    return {"score": float(told and solution_str == ground_truth), "acc": 1}


def get_assert(output, context):
    return {"pass": output == context["vars"]["gold"], "score": 1.0, "reason": context["prompt"]}


def needs_source(data_source, answer):
    return bool(data_source or answer)


def says_nothing(answer):
    answer.strip()


def counts(answer):
    return answer.count("w")


number = 5
