"""A zygote for each test module, and an executor of its own for each test that asks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import cloudpickle
import pytest

from runner.harness import Executor, Zygote


@pytest.fixture(autouse=True, scope="module")
def _functions_travel_by_value(request: pytest.FixtureRequest) -> Iterator[None]:
    """As those of a script do: the executor cannot import the tests."""
    module: ModuleType = request.module
    cloudpickle.register_pickle_by_value(module)
    yield
    cloudpickle.unregister_pickle_by_value(module)


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    zygote = Zygote(sys.executable, tmp_path_factory.mktemp("scratch"))
    yield zygote
    zygote.stop()


@pytest.fixture(params=["namespace", "no-namespace"])
def any_zygote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Zygote]:
    """One whose executors are in pid namespaces, then one that the kernel refuses them."""
    zygote = Zygote(sys.executable, tmp_path, namespaces=request.param == "namespace")
    yield zygote
    zygote.stop()


@pytest.fixture
def executor(zygote: Zygote) -> Executor:
    return zygote.fork()
