"""Real processes for tests: a server of one's own, programs that use it, and waiting for conditions."""

from harness.program import Program, run_picloud, run_python
from harness.server import Ready, Server
from harness.waiting import eventually, until

__all__ = ["Program", "Ready", "Server", "eventually", "run_picloud", "run_python", "until"]
