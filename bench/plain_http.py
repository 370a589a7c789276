"""The plain copy that storage is measured against: a file over loopback HTTP, from disk to disk, no more.

No checksum, no temporary name, no authentication; downloads leave the server by sendfile. As a program it
is the server, on a directory; `--sync` has it sync what it took in before it answers.
"""

from __future__ import annotations

import http.client
import http.server
import os
import sys
from pathlib import Path

PIECE = 1 << 20


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    directory = Path()
    sync = False

    def do_PUT(self) -> None:
        rest, buffer = int(self.headers["Content-Length"]), memoryview(bytearray(PIECE))
        with open(self.directory / self.path[1:], "wb", buffering=0) as file:
            while rest:
                count = self.rfile.readinto(buffer[: min(rest, PIECE)])
                file.write(buffer[:count])
                rest -= count
            if self.sync:
                os.fsync(file.fileno())
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        with open(self.directory / self.path[1:], "rb") as file:
            self.send_response(200)
            self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
            self.end_headers()
            self.wfile.flush()
            self.connection.sendfile(file)

    def log_message(self, *_: object) -> None:
        pass


def put(port: int, path: Path, name: str) -> None:
    """Sends a file."""
    connection = http.client.HTTPConnection("127.0.0.1", port, blocksize=PIECE)
    with open(path, "rb") as file:
        connection.request("PUT", f"/{name}", file, {"Content-Length": str(path.stat().st_size)})
    assert connection.getresponse().status == 200
    connection.close()


def get(port: int, name: str, path: Path) -> None:
    """Fetches one."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", f"/{name}")
    reply, buffer = connection.getresponse(), memoryview(bytearray(PIECE))
    with open(path, "wb", buffering=0) as file:
        while count := reply.readinto(buffer):
            file.write(buffer[:count])
    connection.close()


if __name__ == "__main__":
    Handler.directory = Path(sys.argv[1])
    Handler.sync = "--sync" in sys.argv
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
