"""The command line as a whole: exit codes, streams, lazy loading, nothing ugly ever shown."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

from cnnspec.cli.main import SECTIONS, VERBS, run

LENET = (
    "network LeNet5; input 28x28x1; conv 6 5x5 padding=2; relu; maxpool 2x2; conv 16 5x5; relu; maxpool 2x2; "
    "flatten; dense 120; relu; dense 84; relu; dense 10; softmax"
)


def cnnspec(*arguments: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "cnnspec", *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_alone_it_says_what_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    page = capsys.readouterr().out
    assert "cnnspec analyze lenet" in page
    assert "cnnspec explain -e" in page


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([option]) == 0
    assert capsys.readouterr().out.startswith("cnnspec 0.")


def test_help_lists_every_verb_without_loading_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    page = capsys.readouterr().out
    assert [verb for verb in VERBS if f"\n  {verb} " not in page] == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_command_and_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(import_module(f"cnnspec.cli.{verb}").command, click.Command)
    assert run([verb, "--help"]) == 0
    assert f"cnnspec {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("verb", VERBS)
def test_the_form_of_what_is_printed_is_asked_for_alike(verb: str) -> None:
    for option in import_module(f"cnnspec.cli.{verb}").command.params:
        if option.name == "form":
            assert ["--format"] == option.opts
            assert (option.type.choices[0], True, "What to print.") == (
                option.default, option.show_default, option.help,
            )  # fmt: skip


def test_sections_hold_each_verb_once() -> None:
    verbs = [verb for section in SECTIONS.values() for verb in section]
    assert len(verbs) == len(set(verbs))


def test_an_unknown_verb_gets_a_guess(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyse", "x.cnn"]) == 2
    assert 'did you mean "analyze"?' in capsys.readouterr().err


def test_a_file_in_place_of_a_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["net.cnn"]) == 2
    assert "cnnspec analyze net.cnn" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["analyze"], ["analyze", "--nonsense", "-e", "input 1"], ["--nonsense"]]
)
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert capsys.readouterr().out == ""


def broken(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Lets every verb raise an error."""

    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("cnnspec.cli.spec.document_of", fail)


def test_a_crash_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("CNNSPEC_TRACEBACK", raising=False)
    broken(monkeypatch, ZeroDivisionError("by\nzero"))
    assert run(["analyze", "-e", "input 1"]) == 70
    streams = capsys.readouterr()
    assert streams.out == ""
    assert "Traceback" not in streams.err
    assert "ZeroDivisionError: by zero" in streams.err
    assert "CNNSPEC_TRACEBACK=1" in streams.err


def test_the_traceback_of_a_crash_can_be_seen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CNNSPEC_TRACEBACK", "1")
    broken(monkeypatch, ZeroDivisionError("by zero"))
    assert run(["analyze", "-e", "input 1"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_an_interruption_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    broken(monkeypatch, KeyboardInterrupt())
    assert run(["analyze", "-e", "input 1"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_results_and_faults_have_a_stream_each() -> None:
    done = cnnspec("analyze", "-e", "input 5x5x1; conv 2 3x3; conv 2 9x9")
    assert done.returncode == 1
    assert b"conv1" in done.stdout
    assert b"window-larger-than-input" in done.stderr
    assert b"window-larger-than-input" not in done.stdout


def test_a_reader_that_goes_away_is_no_fault() -> None:
    command = (
        f"{sys.executable} -m cnnspec analyze resnet152 --format json | head -n 1; exit ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def shell(command: str) -> subprocess.CompletedProcess[bytes]:
    """A line of bash in which ``$CNNSPEC`` is the command."""
    environment = {**os.environ, "CNNSPEC": f"{sys.executable} -m cnnspec"}
    return subprocess.run(["bash", "-c", command], capture_output=True, check=False, env=environment)


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("$CNNSPEC layers >&-", 0, b""),
        ("$CNNSPEC layers 2>&- >/dev/null", 0, b""),
        ("$CNNSPEC nonsense 2>&-", 2, b""),
        ("$CNNSPEC analyze - <&-", 2, b"standard input is closed"),
        ("$CNNSPEC layers >/dev/full", 2, b"cnnspec: No space left on device\n"),
        ("$CNNSPEC layers | true; exit ${PIPESTATUS[0]}", 0, b""),
    ],
)
def test_streams_that_are_closed_or_full(command: str, code: int, said: bytes) -> None:
    done = shell(command)
    assert done.returncode == code
    assert said in done.stderr
    assert bool(done.stderr) == bool(said)


def test_a_lack_of_memory_is_said_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CNNSPEC_TRACEBACK", raising=False)
    broken(monkeypatch, MemoryError())
    assert run(["analyze", "-e", "input 1"]) == 2
    assert "not enough memory" in capsys.readouterr().err


def test_a_file_that_fails_later_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CNNSPEC_TRACEBACK", raising=False)
    broken(monkeypatch, PermissionError(13, "Permission denied", "secret.cnn"))
    assert run(["analyze", "-e", "input 1"]) == 2
    assert capsys.readouterr().err == "cnnspec: secret.cnn: Permission denied\n"


def test_shells_can_complete_verbs() -> None:
    done = cnnspec("", _CNNSPEC_COMPLETE="bash_complete", COMP_WORDS="cnnspec ana", COMP_CWORD="1")
    assert b"analyze" in done.stdout


def test_output_without_unicode() -> None:
    done = cnnspec("analyze", "-e", LENET, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()
    assert b"61,706" in done.stdout


def test_colour_is_off_in_a_pipe_and_can_be_forced() -> None:
    environment: dict[str, Any] = {"NO_COLOR": "", "TERM": "xterm", "FORCE_COLOR": ""}
    assert b"\x1b[" not in cnnspec("analyze", "-e", "input 4; dense 2", **environment).stdout
    forced = cnnspec("analyze", "-e", "input 4; dense 2", **{**environment, "FORCE_COLOR": "1"})
    assert b"\x1b[" in forced.stdout
    never = cnnspec(
        "analyze", "-e", "input 4; dense 2", **{**environment, "FORCE_COLOR": "1", "NO_COLOR": "1"}
    )
    assert b"\x1b[" not in never.stdout


@pytest.mark.parametrize("line", ["--color=always analyze", "analyze --color always"])
@pytest.mark.parametrize("spec", ["input 4; dense 2", "input 4; dens 2"])
def test_colour_is_asked_for_before_the_verb_and_behind_it(
    line: str, spec: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    for asked, is_colourful in ((line, True), (line.replace("always", "never"), False), ("analyze", False)):
        run([*asked.split(), "-e", spec])
        streams = capsys.readouterr()
        assert is_colourful is ("\x1b[" in (streams.err or streams.out))


def test_an_option_of_a_number_means_the_same_everywhere() -> None:
    """A number of samples has one range; how many of something are shown is always ``--most``.

    A quiz makes as many questions as are asked for; none are left out.
    """
    found = [(verb, one) for verb in VERBS for one in import_module(f"cnnspec.cli.{verb}").command.params]
    batches = {str(one.type) for _, one in found if one.name == "batch"}
    assert batches == {"<IntRange 1<=x<=1000000000>"}
    assert {verb for verb, one in found if one.name == "most"} == {
        "animate", "evaluate", "inspect", "predict", "profile", "solve",
    }  # fmt: skip
    earlier = {"--top", "--worst", "--count"}
    assert {one.name for verb, one in found if earlier & {*one.opts} and verb != "quiz"} == {"most"}
    columns = [verb for verb, one in found if "--columns" in one.opts and one.opts[0] == "--columns"]
    assert columns == ["analyze"]


def test_an_earlier_name_of_an_option_still_works_and_stands_in_no_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["profile", "-e", "input 8x8x1; conv 2 3x3; relu", "--top", "1", "--rounds", "1"]) == 0
    capsys.readouterr()
    assert run(["profile", "--help"]) == 0
    assert "--top" not in capsys.readouterr().out


def test_a_run_is_put_into_the_folder_of_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "nothing.cnn", "--output", str(tmp_path / "run")]) == 2
    assert "nothing.cnn" in capsys.readouterr().err


def test_analyzing_loads_nothing_heavy(tmp_path: Path) -> None:
    spec = tmp_path / "lenet.cnn"
    spec.write_text(LENET)
    script = (
        f"import sys; from cnnspec.cli.main import run; code = run(['analyze', {str(spec)!r}]); "
        "print(code, *sorted(name.split('.')[0] for name in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    code, *modules = done.stderr.split()
    assert code == "0"
    assert set(modules) & {"numpy", "graphviz", "pygraphviz", "rich", "torch", "matplotlib", "PIL"} == set()


def test_a_spec_in_place_of_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lenet"]) == 2
    assert "did you mean: cnnspec analyze lenet" in capsys.readouterr().err
