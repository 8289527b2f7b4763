"""How a command line is made: what a caller gives is one text to the command, whatever it is."""

import subprocess
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsrf_activity.model.activity import RestartPolicy
from wsrf_activity.model.errors import InvalidParameter
from wsrf_activity.model.lifetime import LifetimePolicy
from wsrf_activity.model.services import Parameter, ParameterType, Service, ad_hoc

KEEP = LifetimePolicy().keep
LINES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


def argv(service: Service, **values: str) -> tuple[str, ...]:
    return service.work(values, KEEP).argv


def command(*arguments: str, parameters: tuple[Parameter, ...] = (Parameter(name="p"),)) -> Service:
    return Service(name="s", command=arguments, parameters=parameters)


def shell(line: str, *parameters: Parameter) -> Service:
    return Service(name="s", shell=line, parameters=parameters or (Parameter(name="p"),))


@given(LINES)
def test_a_value_is_one_argument(value: str) -> None:
    assert argv(command("run", "x={p}", "--p={p}/{p}"), p=value) == ("run", f"x={value}", f"--p={value}/{value}")


@given(LINES.filter(lambda value: not value.startswith("-")))
def test_the_shell_takes_a_value_as_one_text(value: str) -> None:
    line = argv(shell("printf '%s\\n' {p} a{p}z"), p=value)
    assert line[:2] == ("/bin/sh", "-c")
    ran = subprocess.run(line, capture_output=True, check=True)
    assert ran.stdout.decode() == f"{value}\na{value}z\n"
    assert ran.stderr == b""


@pytest.mark.parametrize("value", ["-rf", "--help", "-"])
@pytest.mark.parametrize(
    "service",
    [
        command("grep", "{p}"),
        command("grep", "{p}.txt"),
        shell("grep {p} file"),
        shell("cat x|{p}"),
        shell("{p}"),
        shell("a; b -- x; c {p}"),
    ],
)
def test_a_value_cannot_pose_as_an_option(service: Service, value: str) -> None:
    with pytest.raises(InvalidParameter, match="dash") as refused:
        service.work({"p": value}, KEEP)
    assert refused.value.parameter == "p"


@pytest.mark.parametrize(
    "service",
    [
        command("grep", "--", "{p}"),
        command("grep", "-e{p}"),
        command("grep", "{p}", parameters=(Parameter(name="p", pattern="-.*"),)),
        command("grep", "{p}", parameters=(Parameter(name="p", choices=("-v", "-i")),)),
        shell("grep -- {p} file"),
        shell("grep --word={p} file"),
    ],
)
def test_a_dash_is_fine_where_it_is_no_option_or_is_wanted(service: Service) -> None:
    assert any("-v" in argument for argument in argv(service, p="-v"))


def test_a_negative_number_is_no_option() -> None:
    assert argv(command("seq", "{p}", parameters=(Parameter(name="p", type="integer"),)), p="-5") == ("seq", "-5")


@pytest.mark.parametrize(
    "line",
    [
        "grep '{p}' file",
        'grep "{p}" file',
        "grep 'a {p}",
        'x="$(grep {p} file)"',
        "echo `cat {p}`",
        "cat <<END\n{p}\nEND",
        "run # {p}",
        "run;# {p}",
        "echo \\{p}",
        "echo $(( {p} + 1 ))",
        "echo $'{p}'",
        'echo "a\\"b {p}"',
    ],
)
def test_a_place_where_quoting_protects_nothing_is_found(line: str) -> None:
    assert shell(line).unquotable() == "p"
    assert shell(line, Parameter(name="p", type="integer")).unquotable() is None
    assert shell(line, Parameter(name="p", choices=("a", "b"))).unquotable() is None


@pytest.mark.parametrize(
    "line",
    [
        "grep {p} file",
        "grep 'it' {p}",
        'a "b" {p} "c"',
        "x=$(grep {p} f)",
        "a \\\\ {p}",
        "echo ${#x}{p}",
        "a#b {p}",
        "a{p}",
    ],
)
def test_a_place_where_quoting_protects_is_not_complained_of(line: str) -> None:
    assert shell(line).unquotable() is None


def test_braces_are_written_twice() -> None:
    assert argv(command("awk", "{{print ${p}}} {not a name}"), p="1") == ("awk", "{print $1} {not a name}")


def test_an_optional_argument_disappears_and_in_a_line_is_empty() -> None:
    optional = (Parameter(name="p", required=False),)
    assert argv(command("run", "--p={p}", "end", parameters=optional)) == ("run", "end")
    assert argv(shell("run {p} end", *optional)) == ("/bin/sh", "-c", "run '' end")
    assert argv(command("run", "{p}", parameters=(Parameter(name="p", default="d"),))) == ("run", "d")


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("string", " kept ", " kept "),
        ("integer", "+007", "7"),
        ("integer", " -12\n", "-12"),
        ("integer", "9" * 100, "9" * 100),
        ("number", "1.50", "1.50"),
        ("number", "-.5e-3", "-.5e-3"),
        ("boolean", "1", "true"),
        ("boolean", "false", "false"),
        ("boolean", " true ", "true"),
    ],
)
def test_values_become_canonical(type_: ParameterType, text: str, value: str) -> None:
    assert Parameter(name="p", type=type_).check(text) == value


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("integer", ""),
        ("integer", "1.0"),
        ("integer", "1e3"),
        ("integer", "1_000"),
        ("integer", "\u0661"),
        ("integer", "9" * 101),
        ("number", "NaN"),
        ("number", "inf"),
        ("number", "1_0.0"),
        ("number", "\u0663"),
        ("number", "1e999"),
        ("number", "0e-9999"),
        ("number", "."),
        ("number", "1e99999999999999999999"),
        ("number", "--1"),
        ("boolean", "yes"),
        ("boolean", "TRUE"),
        ("boolean", ""),
    ],
)
def test_values_of_the_wrong_type_are_refused(type_: ParameterType, text: str) -> None:
    with pytest.raises(InvalidParameter, match="parameter p:") as refused:
        Parameter(name="p", type=type_).check(text)
    assert refused.value.parameter == "p"


@given(st.integers(-20, 20))
def test_bounds_of_a_number_are_inclusive(number: int) -> None:
    bounded = Parameter(name="p", type="integer", minimum=Decimal(-10), maximum=Decimal(10))
    if abs(number) <= 10:
        assert bounded.check(str(number)) == str(number)
    else:
        with pytest.raises(InvalidParameter, match="from -10 up to 10"):
            bounded.check(str(number))


def test_bounds_of_a_text_are_its_length() -> None:
    bounded = Parameter(name="p", minimum=Decimal(2), maximum=Decimal(3))
    assert [bounded.check(text) for text in ("ab", "äöü")] == ["ab", "äöü"]
    for text in ("a", "abcd"):
        with pytest.raises(InvalidParameter, match="from 2 up to 3 characters"):
            bounded.check(text)


def test_choices_and_patterns_hold_for_the_whole_value() -> None:
    assert Parameter(name="p", type="integer", choices=("1", "2")).check("01") == "1"
    with pytest.raises(InvalidParameter, match="one of 1, 2"):
        Parameter(name="p", choices=("1", "2")).check("3")
    for text in ("abc1", "ab\n", "1ab"):
        with pytest.raises(InvalidParameter, match=r"what matches \[a-z\]\+"):
            Parameter(name="p", pattern="[a-z]+").check(text)


def test_missing_and_unknown_parameters_are_named() -> None:
    with pytest.raises(InvalidParameter, match="p is missing") as missing:
        argv(command("run", "{p}"))
    with pytest.raises(InvalidParameter, match="has no parameter 'q'; accepted: p") as unknown:
        argv(command("run", "{p}"), p="1", q="2")
    assert (missing.value.parameter, unknown.value.parameter) == ("p", "q")


def test_a_long_value_is_not_repeated_whole() -> None:
    with pytest.raises(InvalidParameter) as refused:
        Parameter(name="p", type="integer").check("x" * 10_000)
    assert len(refused.value.description) < 200


def test_work_carries_what_the_service_says() -> None:
    service = Service(name="s", command=("run",), restart=RestartPolicy.RERUN, retries=3, media_type="text/plain")
    work = service.work({}, KEEP)
    assert (work.restart, work.retries, work.media_type, work.keep) == (RestartPolicy.RERUN, 3, "text/plain", KEEP)
    assert ad_hoc("a | b", KEEP).argv == ("/bin/sh", "-c", "a | b")


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        ("date", ("2020-02-29", " 2020-01-01Z "), ("2021-02-29", "today", "2020-1-1", "20200101")),
        ("datetime", ("2020-01-01T00:00:00Z", "2020-01-01T24:00:00"), ("2020-01-01", "2020-01-01 00:00:00", "now")),
        ("duration", ("P1Y2M3DT4H5M6.7S", "-PT1S", "P0D"), ("P", "PT", "1 day", "P1W", "P1DT")),
        (
            "uri",
            ("https://example.org:80/a?b#c", "../a", "urn:a:b"),
            ("a b", "1:2", "http://a:b/", "a%zz", "a#b#c", "<a>"),
        ),
    ],
)
def test_times_and_references_are_checked(type_: ParameterType, good: tuple[str, ...], bad: tuple[str, ...]) -> None:
    parameter = Parameter(name="p", type=type_)
    assert [parameter.check(text) for text in good] == [text.strip() for text in good]
    for text in bad:
        with pytest.raises(InvalidParameter, match="accepted: a "):
            parameter.check(text)


@pytest.mark.parametrize(("type_", "text"), [("uri", "-rf"), ("duration", "-P1D")])
def test_no_type_lets_a_value_pose_as_an_option(type_: ParameterType, text: str) -> None:
    service = Service(name="s", command=("run", "{p}"), parameters=(Parameter(name="p", type=type_),))
    with pytest.raises(InvalidParameter, match="must not begin with a dash"):
        service.work({"p": text}, KEEP)
