"""Counts the words that a session has seen, in a process of its own; the standard library alone.

The node posts each invocation to the Unix socket in FOGLINE_SOCKET and takes the new states from the answer.
The page "Functions" of Fogline's book has the protocol.
"""

import base64
import json
import os
import socketserver
from http.server import BaseHTTPRequestHandler


def count(text, words):
    """Adds the words of a text to the counts, and gives the counts."""
    for word in text.lower().split():
        words[word] = words.get(word, 0) + 1
    return dict(sorted(words.items()))


def answer(request):
    """What the node gets for a request."""
    try:
        text = base64.b64decode(request["input"]).decode()
    except UnicodeDecodeError:
        return {"error": {"kind": "invalid-input", "message": "expected text in UTF-8"}}
    stored = request["states"].get("words")
    words = count(text, json.loads(base64.b64decode(stored["value"])) if stored else {})
    value = base64.b64encode(json.dumps(words).encode()).decode()
    logs = [{"level": "debug", "message": f"{len(words)} different words"}]
    return {"output": value, "states": {"words": value}, "logs": logs}


class Handler(BaseHTTPRequestHandler):
    """GET /ready when ready, POST / for an invocation."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together

    def do_GET(self):
        self.reply(200 if self.path == "/ready" else 404, b"")

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.reply(200, json.dumps(answer(request)).encode())

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "node"  # a Unix socket has no address to show

    def log_request(self, code="-", size="-"):
        pass  # the node records every invocation


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A thread for each connection; they end with the process."""

    daemon_threads = True


if __name__ == "__main__":
    with Server(os.environ["FOGLINE_SOCKET"], Handler) as server:
        server.serve_forever()
