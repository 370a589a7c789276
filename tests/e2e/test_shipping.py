"""Code travels with the function: what is sent, what is not, and what it says."""

from __future__ import annotations

import zipfile
from pathlib import Path

from harness import Server, run_python


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_modules_beside_the_script_travel_with_what_they_import(server: Server, tmp_path: Path) -> None:
    write(tmp_path / "near.py", "import far.deep\ndef f(x):\n    return far.deep.g(x) + 1\n")
    write(tmp_path / "far" / "__init__.py")
    write(tmp_path / "far" / "deep.py", "from . import sister\ndef g(x):\n    return x * sister.FACTOR\n")
    write(tmp_path / "far" / "sister.py", "FACTOR = 10\n")
    write(tmp_path / "far" / "table.txt", "data beside code")
    program = run_python(
        server,
        """
        import cloud, near
        def use(x):
            import importlib.resources, os, near
            beside = os.path.join(os.path.dirname(near.far.__file__), "table.txt")
            return near.f(x), open(beside).read()
        print(cloud.result(cloud.call(near.f, 4)), *cloud.result(cloud.call(use, 5)))
        """,
        tmp_path,
    ).check()
    assert program.out.strip() == "41 51 data beside code"


def test_an_edited_module_is_sent_again_and_the_new_code_runs(server: Server, tmp_path: Path) -> None:
    for number in (1, 2):
        write(tmp_path / "changing.py", f"def f():\n    return {number}\n")
        source = "import cloud, changing\nprint(cloud.result(cloud.call(changing.f)))"
        assert run_python(server, source, tmp_path).check().out.strip() == str(number)


def test_a_zip_on_the_path_travels_whole(server: Server, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "lib.zip", "w") as archive:
        archive.writestr("zipped/__init__.py", "from .part import NUMBER\n")
        archive.writestr("zipped/part.py", "NUMBER = 77\n")
    program = run_python(
        server,
        """
        import sys; sys.path.insert(0, "lib.zip")
        import cloud, zipped
        print(cloud.result(cloud.call(lambda: zipped.NUMBER)))
        """,
        tmp_path,
    ).check()
    assert program.out.strip() == "77"


def test_explain_lists_what_would_be_sent_and_why(server: Server, tmp_path: Path) -> None:
    write(tmp_path / "near.py", "def f(x):\n    return x\n")
    program = run_python(server, "import cloud, near\nprint(cloud.explain(near.f, 1))", tmp_path).check()
    assert ("near.py" in program.out and "bytes" in program.out.lower()) or "B" in program.out


def test_whitelist_and_switch_keep_code_at_home(server: Server, tmp_path: Path) -> None:
    write(tmp_path / "near.py", "def f():\n    return 1\n")
    program = run_python(
        server,
        """
        import cloud, near
        cloud.set_dependency_whitelist(["other"])
        try:
            cloud.result(cloud.call(near.f))
        except Exception as error:
            print("refused:", "near" in str(error))
        cloud.set_dependency_whitelist(None)
        print(cloud.result(cloud.call(near.f)))
        """,
        tmp_path,
    ).check()
    assert program.out.split("\n")[:2] == ["refused: True", "1"]


def test_globals_closures_and_main_code_travel_by_value(server: Server, tmp_path: Path) -> None:
    program = run_python(
        server,
        """
        import collections, cloud
        SCALE = 3
        Pair = collections.namedtuple("Pair", "a b")
        class Base:
            def twice(self): return 2 * self.value
        class Child(Base):
            def __init__(self, value): self.value = value
        def helper(x): return x * SCALE
        def f(pair): return Pair(helper(pair.a), Child(pair.b).twice())
        got = cloud.result(cloud.call(f, Pair(1, 2)))
        print(got, isinstance(got, Pair), isinstance(cloud.result(cloud.call(Child, 4)), Child))
        """,
        tmp_path,
    ).check()
    assert program.out.strip() == "Pair(a=3, b=4) True True"


def test_an_open_file_travels_with_content_and_position(server: Server, tmp_path: Path) -> None:
    write(tmp_path / "data.txt", "first\nsecond\n")
    program = run_python(
        server,
        """
        import cloud
        file = open("data.txt"); file.readline()
        print(cloud.result(cloud.call(lambda: file.read())))
        """,
        tmp_path,
    ).check()
    assert program.out.strip() == "second"


def test_numpy_arrays_and_functions_come_and_go(server: Server, tmp_path: Path) -> None:
    program = run_python(
        server,
        """
        import cloud, numpy as np
        got = cloud.result(cloud.map(np.sqrt, [np.arange(4.0), np.ones(100_000)]))
        print(got[0][3] == np.sqrt(3.0), got[1].sum())
        """,
        tmp_path,
    ).check()
    assert program.out.strip() == "True 100000.0"
