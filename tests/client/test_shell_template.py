"""Parameters of commands: what is one, what is left to the shell."""

from __future__ import annotations

import pytest

from cloud._shell_template import check_parameters, evaluated, filled, names_in, within_single_quotes


@pytest.mark.parametrize(
    ("command", "becomes"),
    [
        ("echo {a} {b_1}", "echo <a> <b_1>"),
        ("{a}{b}", "<a><b>"),
        ("x{a}y{a}z", "x<a>y<a>z"),
        ("{0}", "<0>"),
        ("echo ${HOME} {a}", "echo ${HOME} <a>"),
        ("$${a}", "$${a}"),
        ("$ {a}", "$ <a>"),
        ("\\{a\\}", "{a}"),
        ("\\{a}", "{a}"),
        ("\\\\{a\\\\}", "\\{a\\}"),
        ("${a}{b}", "${a}<b>"),
        ("{{a}}", "{<a>}"),
        ("{}", "{}"),
        ("{a,b} { a } {a-b} {ä}", "{a,b} { a } {a-b} {ä}"),
        ("awk '{print $1}'", "awk '{print $1}'"),
        ("find . -exec rm {} \\;", "find . -exec rm {} \\;"),
        ("printf 'a\\nb'", "printf 'a\\nb'"),
        ("{a", "{a"),
        ("", ""),
    ],
)
def test_names_in_braces_are_replaced_and_nothing_else_is(command: str, becomes: str) -> None:
    assert filled(command, lambda name: f"<{name}>") == becomes


def test_values_are_not_looked_at_again() -> None:
    assert filled("{a} {b}", {"a": "{b}", "b": "\\{x\\} ${y}"}.__getitem__) == "{b} \\{x\\} ${y}"


def test_names_come_once_in_the_order_of_their_use() -> None:
    assert names_in("{b} {a} ${c} {b}{d}") == ["b", "a", "d"]


def test_every_parameter_has_a_value_and_every_value_a_parameter() -> None:
    check_parameters("{a} {b} ${c}", ["b", "a"])
    with pytest.raises(ValueError, match=r"parameter \{b\} and no value .* write \\\{b\\\}"):
        check_parameters("{a} {b}", ["a"])
    with pytest.raises(ValueError, match=r"given for 'c', and the command has no \{c\}"):
        check_parameters("{a} ${c}", ["a", "c"])


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("echo '{a}'", "a"),
        ("sed 's/x/{a}/' {b}", "a"),
        ('echo "it\'s {a}"', None),
        ("echo it\\'s {a}", None),
        ("echo 'x' {a} 'y'", None),
        ("echo 'x\\' {a}", None),
        ("echo '${a}' {b}", None),
        ("echo \"{a}\" '{b}'", "b"),
        ('echo "\\"" {a}', None),
    ],
)
def test_parameters_between_single_quotes_are_found(command: str, name: str | None) -> None:
    assert within_single_quotes(command) == name


@pytest.mark.parametrize(
    "command",
    [
        "echo $(( {n} + 1 ))",
        "(( {n} > 2 )) && echo more",
        "echo $[ {n} ]",
        "[[ {n} -eq 1 ]] && echo one",
        "if [[ 1 -lt {n} ]]; then echo; fi",
        "echo ${x:{n}}",
        "let x={n}",
        "a=1 let {n}",
        "true; declare x={n}",
        "unset {n}",
        "test -v {n}",
        "[ -v {n} ]",
        "printf -v {n} x",
        "x[{n}]=1",
        "eval {n}",
        "echo $( let x={n} )",
    ],
)
def test_a_parameter_that_bash_would_evaluate_is_found(command: str) -> None:
    assert evaluated(command) == "n"


@pytest.mark.parametrize(
    "command",
    [
        'sort -- "{n}"',
        "echo $(( 1 + 2 )) {n}",
        "[ {n} = 1 ] && echo one",
        "[[ -f x ]] && cat {n}",
        "echo ${x} {n}",
        "head -n {n} file",
        "echo let {n}",
        "letter {n}",
        "awk -v n={n} 1",
    ],
)
def test_other_parameters_are_not(command: str) -> None:
    assert evaluated(command) is None
