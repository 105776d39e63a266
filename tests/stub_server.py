"""A stand-in for a vLLM server: answers in its form (held against the real one), with faults on demand."""

import json
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

METRICS = """\
# TYPE vllm:request_success_total counter
vllm:request_success_total{{engine="0",finished_reason="stop",model_name="teacher"}} 0.0
vllm:request_success_total{{engine="0",finished_reason="length",model_name="teacher"}} {finished}.0
vllm:num_requests_running{{engine="0",model_name="teacher"}} {running}.0
vllm:num_requests_waiting{{engine="0",model_name="teacher"}} 0.0
"""


class Stub(ThreadingHTTPServer):
    """Answers like a vLLM server, with the faults of `faults` first: a status, "hang" or "cut"."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), StubHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.faults, self.requests, self.edit = [], 0, lambda entries: entries
        self.model, self.delay, self.scored, self.keys = "teacher", 0.0, [], set()
        self.dead, self.running = False, 0

    def die(self):
        """Go as a killed process goes: open requests break off, new ones are refused."""
        self.dead = True
        self.shutdown()
        self.server_close()


class StubHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.server.dead:
            self.close_connection = True
        elif self.path == "/metrics":
            self.send(200, METRICS.format(running=self.server.running, finished=len(self.server.scored)))
        else:
            self.answer(200, {"data": [{"id": self.server.model}]})

    def do_POST(self):
        self.server.running += 1
        try:
            self.score()
        finally:
            self.server.running -= 1

    def score(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests += 1
        self.server.keys.add(self.headers["Authorization"])
        fault = self.server.faults.pop(0) if self.server.faults else 200
        time.sleep(3 if fault == "hang" else self.server.delay)
        if fault in ("hang", "cut") or self.server.dead:
            self.close_connection = True
            return
        if isinstance(fault, int) and fault != 200:
            self.answer(fault, {"error": {"message": "fault"}})
            return
        self.server.scored.append(tuple(asked["prompt"]))
        entries = [None, *({str(i): {"logprob": logprob(i), "rank": 1}} for i in asked["prompt"][1:])]
        self.answer(200, {"choices": [{"prompt_logprobs": self.server.edit(entries)}]})

    def answer(self, status, content):
        self.send(status, json.dumps(content))

    def send(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def logprob(token):
    """What the stub says of a token."""
    return -0.5 - token / 100


@contextmanager
def serving(port=0):
    """Context: a running stub."""
    server = Stub(port)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        if not server.dead:
            server.die()


if __name__ == "__main__":
    stub = Stub(int(sys.argv[1]))
    stub.faults = json.loads(sys.argv[2]) * 10_000 if len(sys.argv) > 2 else []
    stub.serve_forever()
