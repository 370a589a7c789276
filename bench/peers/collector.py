"""The log for tasks that see none of this machine's files: their lines come over loopback."""

from __future__ import annotations

import socketserver
import threading


class Collector(socketserver.ThreadingTCPServer):
    """Appends every whole line it is sent to a file, as a task would have done."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path: str) -> None:
        super().__init__(("127.0.0.1", 0), _Lines)
        self.address = f"tcp:{self.server_address[1]}"  # what `work.note` takes for PEER_LOG
        self.log = open(path, "ab", buffering=0)  # noqa: SIM115, as long as this process
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Lines(socketserver.StreamRequestHandler):
    server: Collector

    def handle(self) -> None:
        for line in self.rfile:
            if line.endswith(b"\n"):  # a task may be killed in the middle of one
                self.server.log.write(line)
