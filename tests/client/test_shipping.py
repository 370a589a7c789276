"""Which files travel with a function: real packages on disk, imported by a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import pytest

PLAN = """
import json, sys
sys.path[:0] = {path!r}
{source}
from cloud._pickling import Pickler
from cloud._plan import make_plan
pickler = Pickler(1 << 30)
pickler.function(f)
workers_have = {installed!r}
def has(name):
    return None if workers_have is None else name in workers_have
plan = make_plan(pickler.references, has, {whitelist!r})
print(json.dumps({{
    "files": {{file.path: file.why for file in plan.files}},
    "archives": [file.path for file in plan.files if file.archive],
    "expected": [module.name for module in plan.expected],
    "warnings": plan.warnings,
    "notes": plan.notes,
}}))
"""


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


def _directory(path: tuple[Path, ...]) -> Path | None:
    return path[0] if path and path[0].is_dir() else None


def plan(
    source: str,
    *path: Path,
    installed: list[str] | None = None,
    whitelist: list[str] | None = None,
    module: str | None = None,
) -> Any:
    """What `f`, defined by `source`, would take along."""
    program = PLAN.format(
        source=textwrap.dedent(source), path=[str(p) for p in path], installed=installed, whitelist=whitelist
    )
    command = [sys.executable, "-c", program]
    if module is not None:
        package, _, name = module.rpartition(".")
        target = path[0] / package.replace(".", "/") / f"{name}.py"
        target.write_text(program)
        command = [sys.executable, "-m", module]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=_directory(path))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_module_travels_with_all_it_imports(tmp_path: Path) -> None:
    write(tmp_path / "near.py", "import far.deep, json\ndef f(): return far.deep.g()\n")
    write(tmp_path / "far/__init__.py")
    write(
        tmp_path / "far/deep.py", "from . import sister\nfrom .sister import X\ndef g():\n    import late\n"
    )
    write(tmp_path / "far/sister.py", "X = 1\n")
    write(tmp_path / "far/table.csv", "1,2\n")
    write(tmp_path / "late.py", "try:\n    import never_there\nexcept ImportError: pass\n")
    write(tmp_path / "unrelated.py")
    found = plan("from near import f", tmp_path)
    assert list(found["files"]) == [
        "far/__init__.py",
        "far/deep.py",
        "far/sister.py",
        "far/table.csv",
        "late.py",
        "near.py",
    ]
    assert found["files"]["near.py"] == "function f"
    assert found["files"]["late.py"].startswith("imported in far.deep ← imported in near")
    assert found["warnings"] == {}


def test_what_a_function_sent_by_value_imports_travels(tmp_path: Path) -> None:
    write(tmp_path / "inside.py", "X = 1\n")
    write(tmp_path / "used.py", "def g(): return 1\n")
    write(tmp_path / "kind.py", "class K: pass\n")
    source = """
        import used
        from kind import K
        THING = K()
        def f():
            def inner():
                import inside
                return inside.X
            return inner() + used.g(), THING
        """
    assert list(plan(source, tmp_path)["files"]) == ["inside.py", "kind.py", "used.py"]


def test_the_main_script_itself_stays(tmp_path: Path) -> None:
    assert plan("def f(): return 1", tmp_path)["files"] == {}


def test_a_module_run_as_a_program_takes_its_package_along(tmp_path: Path) -> None:
    write(tmp_path / "pkg/__init__.py")
    write(tmp_path / "pkg/other.py", "X = 1\n")
    source = "def f():\n    from .other import X\n    return X"
    found = plan(source, tmp_path, module="pkg.tool")
    assert list(found["files"]) == ["pkg/__init__.py", "pkg/other.py", "pkg/tool.py"]


def test_caches_hidden_files_and_giants_stay(tmp_path: Path) -> None:
    write(tmp_path / "pkg/__init__.py", "def f(): pass\n")
    for name in (".git/config", "__pycache__/x.pyc", ".hidden", "sub/.cache/x", "old.py~"):
        write(tmp_path / "pkg" / name)
    with (tmp_path / "pkg/giant.bin").open("wb") as file:
        file.truncate((16 << 20) + 1)
    found = plan("from pkg import f", tmp_path)
    assert list(found["files"]) == ["pkg/__init__.py"]
    assert any("giant.bin stays here" in note for note in found["notes"])


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    write(tmp_path / "pkg/__init__.py", "from . import linked\ndef f(): pass\n")
    write(tmp_path / "elsewhere/__init__.py")
    (tmp_path / "pkg/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "pkg/loop").symlink_to(tmp_path / "pkg")
    (tmp_path / "pkg/nowhere.py").symlink_to(tmp_path / "missing.py")
    assert list(plan("from pkg import f", tmp_path)["files"]) == ["pkg/__init__.py", "pkg/linked/__init__.py"]


def test_a_namespace_package_travels_from_all_its_places(tmp_path: Path) -> None:
    write(tmp_path / "one/spread/first.py", "from spread.second import f\n")
    write(tmp_path / "two/spread/second.py", "def f(): pass\n")
    found = plan("from spread.first import f", tmp_path / "one", tmp_path / "two")
    assert list(found["files"]) == ["spread/first.py", "spread/second.py"]


def test_archives_travel_whole(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "lib.zip", "w") as archive:
        archive.writestr("zipped/__init__.py", "def f(): pass\n")
    found = plan("from zipped import f", tmp_path / "lib.zip")
    assert found["archives"] == ["lib.zip"]


def test_editable_installs_are_local_code(tmp_path: Path) -> None:
    """By path file and by finder, the two ways pip has for them."""
    write(tmp_path / "project/src/editable/__init__.py", "def g(): pass\n")
    write(tmp_path / "venv/site-packages/project.pth", str(tmp_path / "project/src"))
    write(tmp_path / "other/found.py", "def h(): pass\n")
    write(
        tmp_path / "venv/site-packages/_finder.py",
        f"""
        import importlib.util, sys
        class Finder:
            @classmethod
            def find_spec(cls, name, path=None, target=None):
                if name == "found":
                    return importlib.util.spec_from_file_location(name, {str(tmp_path / "other/found.py")!r})
        sys.meta_path.append(Finder)
        """,
    )
    source = f"""
        import site
        site.addsitedir({str(tmp_path / "venv/site-packages")!r})
        import _finder
        from editable import g
        def f():
            from found import h
            return g(), h()
        """
    assert list(plan(source, installed=[])["files"]) == ["editable/__init__.py", "found.py"]


def test_what_workers_have_installed_stays(tmp_path: Path) -> None:
    write(tmp_path / "site-packages/third/__init__.py", "import fourth\ndef f(): pass\n")
    write(tmp_path / "site-packages/fourth.py")
    for installed in (["third"], None):
        found = plan("from third import f", tmp_path / "site-packages", installed=installed)
        assert (found["files"], found["expected"]) == ({}, ["third"])


def test_pure_packages_workers_lack_travel_with_what_they_need(tmp_path: Path) -> None:
    write(tmp_path / "site-packages/third/__init__.py", "import fourth, fifth\ndef f(): pass\n")
    write(tmp_path / "site-packages/fourth.py")
    write(tmp_path / "site-packages/fifth.py")
    found = plan("from third import f", tmp_path / "site-packages", installed=["fifth"])
    assert (list(found["files"]), found["expected"]) == (["fourth.py", "third/__init__.py"], ["fifth"])


def test_compiled_packages_workers_lack_are_warned_of_with_the_fix(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    write(site / "compiled/__init__.py", "def f(): pass\n")
    write(site / "compiled/_speed.so")
    write(
        site / "Compiled_Thing-1.0.dist-info/METADATA",
        "Metadata-Version: 2.1\nName: compiled-thing\nVersion: 1.0\n",
    )
    write(site / "Compiled_Thing-1.0.dist-info/top_level.txt", "compiled\n")
    found = plan("from compiled import f", site, installed=["other"])
    assert found["files"] == {}
    assert "pip install compiled-thing" in found["warnings"]["compiled"]


def test_compiled_code_of_ones_own_is_warned_of(tmp_path: Path) -> None:
    write(tmp_path / "mine/__init__.py", "def f(): pass\n")
    write(tmp_path / "mine/_speed.so")
    found = plan("from mine import f", tmp_path)
    assert list(found["files"]) == ["mine/__init__.py"]
    assert "_speed.so is compiled code" in found["warnings"]["mine"]


def test_the_standard_library_and_the_runners_own_modules_stay() -> None:
    source = """
        import collections, email.message, cloudpickle, cloud
        def f():
            import sqlite3, distutils_is_no_module
            return collections.Counter(), email.message.Message(), cloud.Jid
        """
    found = plan(source, installed=[])
    assert (found["files"], found["warnings"]) == ({}, {})


def test_a_whitelist_lets_only_its_modules_and_their_parents_travel(tmp_path: Path) -> None:
    for name in ("a/__init__", "a/b/__init__", "a/b/c", "a/b/d", "a/x", "other"):
        write(tmp_path / f"{name}.py")
    write(tmp_path / "a/b/c.py", "import a.x, other\ndef f(): pass\n")
    found = plan("from a.b.c import f", tmp_path, whitelist=["a.b.c"])
    assert list(found["files"]) == ["a/__init__.py", "a/b/__init__.py", "a/b/c.py"]
    assert list(plan("from a.b.c import f", tmp_path, whitelist=["a.b"])["files"])[-1] == "a/b/d.py"
    assert plan("from a.b.c import f", tmp_path, whitelist=[])["files"] == {}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a, b.c", {"a", "b.c"}),
        ("from a import b as c", {"a", "a.b"}),
        ("from a import *", {"a"}),
        ("from . import x", {"p.q", "p.q.x"}),
        ("from .m import x", {"p.q.m", "p.q.m.x"}),
        ("from ..m import x", {"p.m", "p.m.x"}),
        ("from ....m import x", set()),
        ("import os, a", {"os", "a"}),
        ("import os; import a", {"os", "a"}),
        ("if x:\n    import a", {"a"}),
        ("text = 'import a'", set()),
        ("'''\nimport a\n'''", set()),
        ("import json", set()),
        ("not python at all import a", set()),
        ("from a import (\n  b,\n  c,\n)", {"a", "a.b", "a.c"}),
    ],
    ids=str,
)
def test_imports_are_read_from_source(source: str, names: set[str]) -> None:
    from cloud._modules import _source_imports

    assert set(_source_imports(source.encode(), "p.q")) == names


def test_imports_are_read_from_code() -> None:
    from cloud._modules import code_imports

    source = "def f():\n    import a.b as x\n    from c import d, e\n    def g():\n        from .. import h\n"
    code = compile(source, "test", "exec")
    assert set(code_imports(code, "p.q.r")) == {"a.b", "c", "c.d", "c.e", "p.q", "p.q.h"}


def test_explain_lists_files_reasons_and_sizes_without_a_server(tmp_path: Path) -> None:
    write(tmp_path / "near.py", "import far\ndef f(x): return x\n")
    write(tmp_path / "far.py", "X = 1\n")
    done = subprocess.run(
        [sys.executable, "-c", "import cloud, near; print(cloud.explain(near.f, b'x' * 5000))"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "4.9 KiB  arguments" in done.stdout
    assert "near.py  function f" in done.stdout
    assert "far.py  imported in near ← function f" in done.stdout
    assert "6 B" in done.stdout
