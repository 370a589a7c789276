"""Runs every suite to its end, then says on one screen what passed and what did not.

The last line is `N passed, N failed` over all suites. A suite that could not run at all, such as
one that did not compile, counts as one failure.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))

NEXTEST_SUMMARY = re.compile(r"Summary \[.*?\] .*?tests? run: (.*)")
LIBTEST_SUMMARY = re.compile(r"test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored")
VITEST_SUMMARY = re.compile(r"^\s*Tests\s+(.*) \(\d+\)$")
PYTEST_SUMMARY = re.compile(r"^=* ?(?=\d+ (?:passed|failed|error|skipped))(.*) in [\d.]+s")
SUMMARIES = (NEXTEST_SUMMARY, VITEST_SUMMARY, PYTEST_SUMMARY)
FAILURE = re.compile(r"^\s*(?:(?:FAIL|TIMEOUT|SIG\w+|ABORT|LEAK-FAIL) \[.*?\] \(.*?\)|FAILED|ERROR) (.*)")
LIBTEST_FAILURE = re.compile(r"^test (\S+) \.\.\. FAILED$")


@dataclass
class Suite:
    name: str
    command: list[str]
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)

    def run(self) -> None:
        print(f"\n=== {self.name}: {' '.join(self.command)}", flush=True)
        began = time.monotonic()
        # As in a shell where .venv is active: what tests start takes its interpreter from there.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env={**os.environ, "VIRTUAL_ENV": sys.prefix, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            self.read(re.sub(r"\x1b\[[0-9;]*m", "", line.rstrip()))
        code = process.wait()
        self.seconds = time.monotonic() - began
        if code != 0 and self.failed == 0:
            self.failed = 1
            self.failures.append(f"{self.name} ended with code {code}")

    def read(self, line: str) -> None:
        """Takes the counts from summaries, and the names of what failed."""
        # nextest shows what a failing test binary said, which has a summary of its own.
        nextest = "nextest" in self.command
        if found := None if nextest else LIBTEST_SUMMARY.search(line):
            passed, failed, skipped = map(int, found.groups())
            self.passed += passed
            self.failed += failed
            self.skipped += skipped
        elif found := next((m for summary in SUMMARIES if (m := summary.search(line))), None):
            for number, word in re.findall(r"(\d+) (\w+)", found.group(1)):
                if word == "passed":
                    self.passed += int(number)
                elif word in ("failed", "error", "errors", "timed"):
                    self.failed += int(number)
                elif word == "skipped":
                    self.skipped += int(number)
        elif found := FAILURE.match(line) or (None if nextest else LIBTEST_FAILURE.match(line)):
            name = found.group(1).strip()
            if name not in self.failures:
                self.failures.append(name)


def suites() -> list[Suite]:
    if shutil.which("cargo-nextest"):
        rust = [
            "cargo",
            "nextest",
            "run",
            "--release",
            "--locked",
            "--workspace",
            "--no-fail-fast",
            "--status-level",
            "slow",
        ]
    else:
        rust = ["cargo", "test", "--release", "--locked", "--workspace", "--no-fail-fast"]
    python = [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={TARGET / 'pytest'}"]
    names = sorted(
        path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and any(path.rglob("test_*.py"))
    )
    web = ["npm", "run", "--silent", "--prefix", "web", "test", "--", "--reporter=default"]
    suites = [Suite(name, [*python, f"tests/{name}"]) for name in names]
    return [Suite("rust", rust), Suite("web", web), *suites]


def main() -> int:
    done = suites()
    for suite in done:
        suite.run()
    print(f"\n{'suite':<12}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for suite in done:
        print(f"{suite.name:<12}{suite.passed:>8}{suite.failed:>8}{suite.skipped:>9}{suite.seconds:>9.0f}")
    failures = [f"{suite.name}: {name}" for suite in done for name in suite.failures]
    if failures:
        print("\nfailed:")
        for name in failures[:30]:
            print(f"  {name[:150]}")
        if len(failures) > 30:
            print(f"  and {len(failures) - 30} more, see above")
    passed = sum(suite.passed for suite in done)
    failed = sum(suite.failed for suite in done)
    print(f"\n{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
