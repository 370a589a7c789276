"""Reserved keywords: what each takes, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from cloud import CloudException, JidRange
from cloud._options import CALL, MAP, take_options


def spec(**keywords: Any) -> dict[str, Any]:
    return take_options(keywords, CALL, "call")[0].spec()


def test_defaults_are_left_to_the_service() -> None:
    assert spec() == {}
    assert spec(_type="c1", _cores=1, _priority=5, _label=None, _max_runtime=None) == {}


def test_each_keyword_reaches_the_spec_in_the_services_words() -> None:
    found = spec(
        _type="c2",
        _cores=4,
        _label="night",
        _priority=1,
        _max_runtime=2,
        _restartable=False,
        _profile=1,
        _depends_on_errors="ignore",
        _kill_process=True,
        _fast_serialization=2,
        _os_env_vars={"A": "1"},
        _vol=["data", "models", "data"],
    )
    assert found == {
        "core_type": "c2",
        "cores": 4,
        "label": "night",
        "priority": 1,
        "max_runtime_ms": 120_000,
        "restartable": False,
        "profile": True,
        "depends_on_errors": "ignore",
        "kill_process": True,
        "fast_serialization": 2,
        "os_env_vars": {"A": "1"},
        "volumes": ["data", "models"],
    }
    assert spec(_vol="data") == {"volumes": ["data"]}
    assert spec(_vol=[]) == spec(_vol=None) == {}


def test_the_users_own_keywords_are_kept_apart() -> None:
    options, rest = take_options({"x": 1, "_cores": 2}, CALL, "call")
    assert options.cores == 2
    assert rest == {"x": 1}


@pytest.mark.parametrize(
    ("keywords", "error"),
    [
        ({"_type": 1}, TypeError),
        ({"_cores": "2"}, TypeError),
        ({"_cores": 0}, TypeError),
        ({"_cores": True}, TypeError),
        ({"_label": "ä"}, TypeError),
        ({"_label": "x" * 201}, ValueError),
        ({"_priority": 1.5}, TypeError),
        ({"_priority": 0}, ValueError),
        ({"_max_runtime": "1"}, TypeError),
        ({"_max_runtime": 0}, ValueError),
        ({"_max_runtime": float("nan")}, ValueError),
        ({"_restartable": 1}, TypeError),
        ({"_depends_on": "soon"}, TypeError),
        ({"_depends_on_errors": 1}, TypeError),
        ({"_depends_on_errors": "x"}, ValueError),
        ({"_fast_serialization": True}, TypeError),
        ({"_fast_serialization": 3}, ValueError),
        ({"_os_env_vars": 5}, TypeError),
        ({"_os_env_vars": {"A": 1}}, TypeError),
        ({"_os_env_vars": [1]}, TypeError),
        ({"_callback": 5}, CloudException),
        ({"_callback_on_error": [print, 5]}, CloudException),
        ({"_env": "science"}, CloudException),
        ({"_vol": 5}, TypeError),
        ({"_vol": ["data", 5]}, TypeError),
    ],
    ids=str,
)
def test_a_wrong_value_is_refused(keywords: dict[str, Any], error: type[Exception]) -> None:
    (name,) = keywords
    with pytest.raises(error, match=name):
        take_options(keywords, CALL, "call")


def test_an_unknown_keyword_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        TypeError, match=r"call\(\) got an unexpected keyword argument '_lable'; did you mean '_label'\?"
    ):
        take_options({"_lable": "x"}, CALL, "call")
    with pytest.raises(TypeError, match="known are _cores, _depends_on"):
        take_options({"_zzzzqqq": "x"}, MAP, "map")


def test_variables_named_but_not_set_here_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SET_HERE", "yes")
    monkeypatch.delenv("NOT_SET", raising=False)
    assert spec(_os_env_vars=["SET_HERE", "NOT_SET"]) == {"os_env_vars": {"SET_HERE": "yes"}}
    assert spec(_os_env_vars="SET_HERE") == {"os_env_vars": {"SET_HERE": "yes"}}


def test_dependencies_may_be_ranges() -> None:
    options, _ = take_options({"_depends_on": [JidRange(3, 4), 9]}, MAP, "map")
    assert str(options.depends_on) == "3-6,9"


def test_the_old_word_for_a_fast_core_still_works_and_says_so() -> None:
    with pytest.warns(DeprecationWarning, match="_type='c2'"):
        assert spec(_high_cpu=True) == {"core_type": "c2"}
