"""Real processes for tests: a server of one's own, programs that use it, marks of jobs, and waiting."""

from harness.program import Program, run_picloud, run_python
from harness.recorder import Recorder
from harness.server import Ready, Server
from harness.waiting import eventually, until

__all__ = ["Program", "Ready", "Recorder", "Server", "eventually", "run_picloud", "run_python", "until"]
