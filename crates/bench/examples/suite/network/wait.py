"""Answers each invocation after 40 ms, in which it does nothing."""

import json
import os
import socketserver
import time
from http.server import BaseHTTPRequestHandler


class Handler(BaseHTTPRequestHandler):
    """GET /ready when ready, POST / for an invocation."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together

    def do_GET(self):
        self.reply(b"")

    def do_POST(self):
        began = time.monotonic()
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(max(0, began + 0.04 - time.monotonic()))
        self.reply(json.dumps({"output": "", "states": {}}).encode())

    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "node"  # a Unix socket has no address to show

    def log_request(self, code="-", size="-"):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A thread for each connection; they end with the process."""

    daemon_threads = True
    request_queue_size = 64


if __name__ == "__main__":
    with Server(os.environ["FOGLINE_SOCKET"], Handler) as server:
        server.serve_forever()
