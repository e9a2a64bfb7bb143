"""Small chat servers on the loopback that behave as well-known ones do, each with its quirks."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


def said(passes, reason="as scripted"):
    """The JSON that a judge is asked for."""
    return json.dumps({"reason": reason, "verdict": "pass" if passes else "fail"})


def right(data):
    """Whether an answer says what was expected, as an honest model finds."""
    return data["answer"].strip() == data["expected"].get("wanted")


def completion(text, *, finish="stop", **more):
    """A chat completion as every server sends it; ``more`` goes beside the choices."""
    message = text if isinstance(text, dict) else {"role": "assistant", "content": text}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}], **more}


@dataclass
class Asked:
    """One chat request: its body, the data under judgement, and how many came before it."""

    body: dict[str, Any]
    number: int
    headers: Any
    data: dict[str, Any] = field(init=False)

    def __post_init__(self):
        text = self.body["messages"][-1]["content"]
        self.data = json.loads(text) if text.startswith("{") else {"answer": "", "expected": {}}

    @property
    def format(self):
        """The type of response format that was asked for."""
        return self.body.get("response_format", {}).get("type", "none")


@dataclass
class Chat:
    """A running server: where it is, what it was asked, what it says, and what else it has."""

    answer: Callable[[Asked], Any]
    pages: dict[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    endpoint: str = ""
    together: int = 0
    most_together: int = 0
    lock: Any = field(default_factory=threading.Lock)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        page = self.server.chat.pages.get(self.path)
        self._send(200 if page else 404, page or {"detail": "Not Found"})

    def do_POST(self):
        chat = self.server.chat
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with chat.lock:
            asked = Asked(body, len(chat.asked), self.headers)
            chat.asked.append(asked)
            chat.together += 1
            chat.most_together = max(chat.together, chat.most_together)
        try:
            found = chat.answer(asked)
        finally:
            with chat.lock:
                chat.together -= 1
        self._send(*found if isinstance(found, tuple) else (200, found))

    def _send(self, status, data, headers=(), promised=0):
        out = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(out) + promised))
        self.end_headers()
        self.wfile.write(out)
        self.close_connection = bool(promised)  # cut off before the promised end

    def log_message(self, *_):
        pass


@contextmanager
def serving(answer, pages=None) -> Iterator[Chat]:
    """A server for as long as the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.chat = Chat(answer, pages or {}, endpoint=f"http://127.0.0.1:{server.server_port}/v1")
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "127.0.0.1")
        try:
            yield server.chat
        finally:
            server.shutdown()
            server.server_close()


def openai(asked):
    """Holds the model to a schema, names its build, and knows no option that it does not list."""
    known = {"model", "messages", "stream", "temperature", "seed", "max_tokens", "response_format"}
    unknown = sorted(set(asked.body) - known)
    if unknown:
        message = f"Unrecognized request argument supplied: {unknown[0]}"
        return 400, {"error": {"message": message, "type": "invalid_request_error"}}
    return completion(
        said(right(asked.data)), model=asked.body["model"], system_fingerprint="fp_44709d6fcb"
    )


def vllm(asked):
    """Splits the reasoning off into a field of its own; its fingerprint is null."""
    message = {
        "role": "assistant",
        "content": "\n\n" + said(right(asked.data)),
        "reasoning_content": f"At first {said(not right(asked.data))} seems right.",
        "tool_calls": [],
    }
    return completion(message, model=asked.body["model"], system_fingerprint=None)


def ollama(asked):
    """Leaves the reasoning in the text and calls every model ``fp_ollama``; see TAGS."""
    text = f"<think>\n{said(not right(asked.data))}? No.\n</think>\n\n{said(right(asked.data))}"
    return completion(text, model=asked.body["model"], system_fingerprint="fp_ollama")


def tags(digest):
    """What Ollama says of its models."""
    models = [{"name": "other:latest", "digest": "0" * 64}, {"name": "m:latest", "digest": digest}]
    return {"/api/tags": {"models": models}}


def mlx(asked):
    """Pays no attention to formats; the model fences its JSON and its template opens the
    reasoning."""
    text = f"Let me see.</think>The sentence decides.\n```json\n{said(right(asked.data))}\n```"
    return completion(
        text, model=asked.body["model"], system_fingerprint="0.32.2-0.32.4-macOS-arm64"
    )


def llama_cpp(asked):
    """An older one that has JSON and no schemas."""
    if asked.format == "json_schema":
        return 400, {"error": {"code": 400, "message": "response_format type must be json_object"}}
    return completion(
        said(right(asked.data)), model=asked.body["model"], system_fingerprint="b4321"
    )


def bare(asked):
    """Refuses every format, and says little else."""
    if asked.format != "none":
        return 422, {"detail": [{"loc": ["body", "response_format"], "msg": "extra forbidden"}]}
    return completion(said(right(asked.data)))
