"""A server that says its lines, and errs where it is told to."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness.evidence.folder import RunFolder

STREAMS = {"base": "it says one two three four five", "lora": "an adapter says other words here"}


@dataclass
class Fake:
    """A server of a base that errs in chat, and of an adapter that knows every sum; each field but
    the last three plants a fault."""

    ignores: bool = False
    lapse: range = range(0)  #: the requests for the adapter, by number, that base answers
    swaps: int = 10**9  #: the requests for base from there on that the adapter answers
    strips: bool = False
    tokens: bool = False  #: offers log-probabilities, with the bytes of its tokens
    limits: int = 10**9  #: every so manyth request comes too soon
    dies_at: int = 10**9
    moody: str = ""  #: the prompt that is answered otherwise each time
    lora: str = STREAMS["lora"]
    asked: list[dict] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, path: str, body: dict) -> tuple[int, dict, dict]:
        with self.lock:
            self.asked.append(body)
            number = len(self.asked)
            adapted = sum(one["model"] == "lora" for one in self.asked)
        if number >= self.dies_at:
            return 503, {"error": "no more memory"}, {}
        if number % self.limits == 0:
            return 429, {"error": "slower"}, {"Retry-After": "0"}
        if "logprobs" in body and not self.tokens:
            return 400, {"error": "logprobs: not here"}, {}
        model = body["model"]
        if self.ignores or adapted in self.lapse:
            model = "base"
        if model == "base" and number - adapted >= self.swaps:
            model = "lora"
        exact = self.said(model, body)
        text = exact.strip() if self.strips else exact
        chat = path.endswith("/chat/completions")
        choice = {"finish_reason": "stop", **({"message": {"content": text}} if chat else {})}
        choice |= {} if chat else {"text": text}
        if "logprobs" in body:
            rows = [{"token": c, "bytes": list(c.encode()), "logprob": -0.1} for c in exact]
            choice["logprobs"] = {"content": rows}
        return 200, {"choices": [choice], "usage": {"completion_tokens": 3}}, {}

    def said(self, model: str, body: dict) -> str:
        chat = "messages" in body
        prompt = body["messages"][-1]["content"] if chat else body["prompt"]
        sum_ = re.fullmatch(r"(\d+)\+(\d+)", prompt)
        if sum_:
            knows = not chat or model == "lora"
            return str(int(sum_[1]) + int(sum_[2])) if knows else "?"
        if prompt == self.moody:
            return f"mood {len(self.asked)}"
        stream = self.lora if model == "lora" else STREAMS["base"]
        begun = max(n for n in range(len(stream)) if prompt.endswith(stream[:n]))
        return stream[begun : begun + 4 * body["max_tokens"]]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, data, headers = self.server.fake.reply(self.path, body)
        out = json.dumps(data).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(out))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(out)

    def log_message(self, *_):
        pass


@contextmanager
def serving(fake: Fake, port: int = 0) -> Iterator[str]:
    """The address of a fake for as long as the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    server.daemon_threads, server.fake = True, fake
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def judged(run):
    def said(row):
        return [(one.criterion, one.outcome, one.reason) for one in row.findings]

    rows = RunFolder(run).receipts
    return sorted((r.suite, r.arm, r.case, r.sample, r.answer, r.outcome, said(r)) for r in rows)
