"""For each language a verifier that only looks for words, and its twin that reads no comments."""

from pygments import lexers, token, util

from harness import failed, languages, passed
from harness import verifier as declared

PLAIN = "{name} = {n}\n"
#: what is right, by the tag of its fence; no table knows befunge
GOODS = {
    "php": "<?php\nfunction {name}($x) {{\n    return $x + {n};\n}}\n",
    "cobol": "       {name}.\n           COMPUTE X = X + {n}.\n",
    "html": '<!doctype html>\n<p id="{name}">{n}</p>\n',
    "css": ".{name} {{\n  margin: {n}px;\n}}\n",
    "vb": "Function {name}(x)\n    Return x + {n}\nEnd Function\n",
    "tf": 'resource "disk" "{name}" {{\n  size = {n}\n}}\n',
    "sql": "SELECT x + {n} AS {name} FROM t;\n",
    "text": "{name} {n}\n",
    "befunge": "{n} {name} @\n",
    "": "{name} {n}\n",
}


def holds(case, answer):
    """The code holds the words that are asked for."""
    code = answer.code(case.expect["language"]) or ""
    held = case.expect["name"] in code and str(case.expect["n"]) in code
    return passed() if held else failed("missing-word")


def bare(code, language):
    try:
        lexer = lexers.get_lexer_by_name(languages.named(language).name, startinline=True)
    except util.ClassNotFound:
        return code
    found = lexer.get_tokens(code)
    return "".join(
        text for kind, text in found if kind not in token.Comment or kind in token.Comment.Preproc
    )


def reads(case, answer):
    """The code is what is asked for, comments aside."""
    language = case.expect["language"]
    code = answer.code(language) or ""
    if len(code) > 1000:  # some lexers take a time that is the square of it
        return failed("too-long")
    wanted = GOODS.get(language, PLAIN).format(name=case.expect["name"], n=case.expect["n"])
    same = bare(code, language).split() == wanted.split()
    return passed() if same else failed("other-code")


for language in GOODS:
    for judge in (holds, reads):
        facet = languages.named(language).name.replace("-", "_") or "untagged"
        id = f"{facet}.{judge.__name__}"
        settings = {"language": language}
        globals()[id] = declared(id, version=1, facet=facet, settings=settings)(judge)
