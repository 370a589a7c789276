"""A web server with photographs, which fails now and then, as web servers do.

The photographs come with the packages scikit-image and scikit-learn. Of every seven addresses one answers
"503" at first, and one hangs up in the middle of its first answer; what it never had is a "404".
"""

from __future__ import annotations

import http.server
import importlib.util
import mimetypes
import threading
from collections import Counter
from pathlib import Path

NAMES = {
    "skimage": [
        "astronaut.png",
        "brick.png",
        "camera.png",
        "chelsea.png",
        "coffee.png",
        "coins.png",
        "grass.png",
        "gravel.png",
        "hubble_deep_field.jpg",
        "moon.png",
        "motorcycle_left.png",
        "rocket.jpg",
    ],
    "sklearn": ["datasets/images/china.jpg", "datasets/images/flower.jpg"],
}
EVERY = 7
BUSY, CUT = 3, 5


def photographs() -> dict[str, Path]:
    """Photographs by name."""
    found: dict[str, Path] = {}
    for package, names in NAMES.items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise SystemExit(f"the photographs come with {package}; pip install scikit-image scikit-learn")
        for name in names:
            path = Path(spec.origin).parent / (f"data/{name}" if package == "skimage" else name)
            if path.exists():
                found[path.name] = path
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `/ID/NAME`."""

    protocol_version = "HTTP/1.1"
    photographs: dict[str, Path]
    asked: Counter[str]

    def do_GET(self) -> None:
        """A photograph, or trouble."""
        number, _, name = self.path.strip("/").partition("/")
        path = self.photographs.get(name)
        if path is None or not number.isdigit():
            return self.send_error(404)
        self.asked[self.path] += 1
        first = self.asked[self.path] == 1
        if first and int(number) % EVERY == BUSY:
            return self.send_error(503)
        data = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", mimetypes.guess_type(name)[0] or "application/octet-stream")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if first and int(number) % EVERY == CUT:
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
            return None
        self.wfile.write(data)
        return None

    def log_message(self, *_: object) -> None:
        """Quiet."""


class PhotoServer:
    """The server, on a free port of this machine, until the end of a `with`."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        found = photographs()
        handler = type("PhotoHandler", (Handler,), {"photographs": found, "asked": self.asked})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.names = sorted(found)

    def url(self, number: int, name: str) -> str:
        """Address of one photograph."""
        return f"http://127.0.0.1:{self._server.server_port}/{number}/{name}"

    def __enter__(self) -> PhotoServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
