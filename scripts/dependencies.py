"""Prints the requirements of groups in pyproject.toml, one a line, for `pip install -r`.

`run` stands for the package's own dependencies, any other name for a dependency group. pip can
read groups itself from 25.1 on, which is newer than what Debian's venv brings.
"""

import sys
from pathlib import Path

try:
    import tomllib
except ImportError:  # before Python 3.11; pip carries a parser
    from pip._vendor import tomli as tomllib


def main(groups: list[str]) -> None:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    for group in groups:
        lines = project["project"]["dependencies"] if group == "run" else project["dependency-groups"][group]
        print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
