from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vivocart.cli import main as main_module
from vivocart.cli.main import cli, run
from vivocart.ground.errors import InputError, OutputError

_COMMAND = [sys.executable, "-c", "from vivocart.cli.main import main; main()"]


def _call(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*_COMMAND, *arguments], capture_output=True, text=True, check=False, **options)


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line on stderr of a call that must end with exit code 2."""
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    return said.err


def _leaves() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, command in cli.commands.items():
        below = getattr(command, "commands", {})
        found += [(name, inner) for inner in below] if below else [(name,)]
    return found


def test_help_version_and_bare_call(capsys: pytest.CaptureFixture[str]):
    for arguments in ((), ("--help",), ("-h",)):
        assert run(arguments) == 0
        text = capsys.readouterr().out
        assert "For research, not for treatment decisions." in text
        assert "vivocart trial hn2301" in text
    assert run(("--version",)) == 0
    assert capsys.readouterr().out.startswith("vivocart ")


@pytest.mark.parametrize("words", _leaves(), ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]):
    assert run((*words, "--help")) == 0
    assert len(capsys.readouterr().out.splitlines()) > 4


@pytest.mark.parametrize("words", _leaves(), ids=" ".join)
def test_every_option_is_documented(words: tuple[str, ...]):
    command = cli
    for word in words:
        command = command.commands[word]
    assert command.help
    for parameter in command.params:
        assert parameter.param_type_name == "argument" or parameter.help, parameter.name


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from vivocart.cli.main import run; code = run(['--help'])\n"
        "heavy = {'numpy', 'pandas', 'numba', 'matplotlib', 'sympy', 'xarray', 'libsbml', 'rich', 'jinja2', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("trail",), "No such command 'trail'"),
        (("trial",), "Missing argument 'STUDY'; see vivocart trial --help"),
        (("trial", "hn2301", "--patients", "0"), "--patients"),
        (("trial", "hn2301", "--patients", "many"), "'many' is not a valid integer"),
        (("trial", "hn2301", "--seed", "-1"), "--seed"),
        (("trial", "hn2301", "--interval-days", "0"), "--interval-days"),
        (("trial", "hn2301", "--nonsense"), "No such option"),
        (("trial", "hn2310", "--out", "{tmp}/r"), "unknown study 'hn2310'; did you mean hn2301"),
        (("trial", "{tmp}/nowhere.yaml", "--out", "{tmp}/r"), "nowhere.yaml: no such file"),
        (
            ("simulate", "--product", "HN2310", "--dose-mg", "4"),
            "unknown product 'HN2310'; did you mean HN2301",
        ),
        (("simulate", "--product", "HN2301", "--dose-mg", "-4", "--interval-days", "3"), "-4"),
        (("simulate", "--product", "HN2301", "--dose-mg", "nan", "--interval-days", "3"), "nan"),
        (("simulate", "--product", "HN2301", "--dose-mg", "4", "--infusions", "0"), "infusions"),
        (("simulate", "--product", "HN2301", "--dose-mg", "4", "--infusions", "3"), "interval_days"),
        (
            (
                "simulate",
                "--product",
                "HN2301",
                "--dose-mg",
                "4",
                "--infusions",
                "3",
                "--interval-days",
                "0.01",
            ),
            "interval",
        ),
        (("simulate", "--product", "HN2301"), "dose"),
        (("compare", "--arm", "HN2301 4 mg x 3 every 3 q"), "HN2301 4 mg x 3 every 3 q"),
        (("compare", "--arm", "a: HN2301 4 mg", "--arm", "a: HN2301 2 mg"), "two arms bear the same name"),
        (("compare",), "--arm"),
        (("model", "show", "--module", "lmp"), "unknown module 'lmp'; did you mean lnp"),
        (("model", "run", "nowhere.xml", "--until", "1"), "nowhere.xml"),
        (("evidence", "cite", "wang25"), "unknown record 'wang25'; did you mean wang2025"),
        (("evidence", "cite", "wang2025", "--style", "vancouver"), "unknown citation style"),
        (("evidence", "show", "wang25"), "did you mean"),
        (("completion", "tcsh"), "'tcsh' is not one of"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    line = _refused(capsys, *(word.replace("{tmp}", str(tmp_path)) for word in arguments))
    assert said in line
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a folder that not even root can write")
def test_an_unwritable_folder_is_refused_before_the_work(capsys: pytest.CaptureFixture[str], monkeypatch):
    from vivocart.scenarios import trial

    monkeypatch.setattr(trial, "run_trial", lambda *_, **__: pytest.fail("the work was started"))
    assert "/proc/result: cannot write the result" in _refused(
        capsys, "trial", "hn2301", "--out", "/proc/result"
    )


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (InputError("-4 mg", where="dose_mg", mend="give more"), 2, "error: dose_mg: -4 mg; give more"),
        (OutputError("results: no space"), 2, "error: results: no space"),
        (InputError("several\nlines"), 2, "error: several lines"),
        (KeyboardInterrupt(), 130, "stopped: interrupted"),
        (ZeroDivisionError("no"), 1, "error: unexpected ZeroDivisionError: no; run again with VIVOCART_DEBUG=1"),
        (OSError(errno.ENOSPC, "No space left on device"), 2, "error: no space is left on the disk"),
        (OSError(errno.EIO, "Input/output error"), 1, "error: unexpected OSError"),
    ],
)  # fmt: skip
def test_what_a_command_raises(raised: BaseException, code: int, said: str, capsys, monkeypatch):
    monkeypatch.delenv("VIVOCART_DEBUG", raising=False)

    def broken(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(main_module.cli.commands["doctor"], "callback", broken)
    assert run(("doctor",)) == code
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1


def test_debug_shows_the_traceback_and_still_fails(capsys, monkeypatch):
    monkeypatch.setenv("VIVOCART_DEBUG", "0")

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(main_module.cli.commands["doctor"], "callback", broken)
    assert run(("--debug", "doctor")) == 1
    assert "Traceback" in capsys.readouterr().err


def test_real_processes_end_with_the_codes_they_promise():
    assert _call("--version").returncode == 0
    done = _call("simulate", "--product", "nothing", "--dose-mg", "4")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_reader_that_goes_away_is_no_error():
    code = (
        "from vivocart.cli.main import main; import sys; sys.argv = ['vivocart', 'model', 'export']; main()"
    )
    reader = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert reader.stdout is not None
    reader.stdout.close()
    assert reader.stderr is not None
    said = reader.stderr.read()
    reader.stderr.close()
    assert reader.wait(60) == 141
    assert said == b""


def test_a_full_disk_behind_stdout_is_refused_in_one_line():
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full")
    code = "import sys; sys.argv = ['vivocart', 'completion', 'bash']; from vivocart.cli.main import main; main()"
    with full.open("w") as stdout:
        done = subprocess.run(
            [sys.executable, "-c", code], check=False, stdout=stdout, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert (
        done.stderr
        == "error: no space is left on the disk that was written to; make room, or write elsewhere\n"
    )


def test_ctrl_c_ends_a_real_trial_with_130_and_leaves_the_former_result(tmp_path: Path):
    target = tmp_path / "result"
    target.mkdir()
    (target / "summary.json").write_text("former")
    # whoever started these tests in the background left SIGINT ignored, which a child inherits
    listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            listening + _COMMAND[-1],
            "trial",
            "hn2301",
            "--patients",
            "3000",
            "--out",
            str(target),
        ],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    process.stderr.readline()  # the first word of progress: it is at work
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.strip().splitlines()[-1] == "stopped: interrupted before the end; no result was changed"
    assert "Traceback" not in err
    assert [path.name for path in target.iterdir()] == ["summary.json"]
    assert (target / "summary.json").read_text() == "former"


def test_json_is_one_object_and_nothing_else(capsys: pytest.CaptureFixture[str]):
    for arguments in (
        ("doctor", "--json"),
        ("model", "show", "--json", "--module", "lnp"),
        ("evidence", "show", "wang2025", "--json"),
        ("evidence", "cite", "wang2025", "--json"),
        ("evidence", "check", "--json"),
    ):
        assert run(arguments) == 0
        captured = capsys.readouterr()
        assert isinstance(json.loads(captured.out), dict)
        assert captured.err == ""


def test_completion_scripts_name_the_program(capsys: pytest.CaptureFixture[str]):
    for shell in ("bash", "zsh", "fish"):
        assert run(("completion", shell)) == 0
        assert "_VIVOCART_COMPLETE" in capsys.readouterr().out
    environment = os.environ | {
        "_VIVOCART_COMPLETE": "bash_complete", "COMP_WORDS": "vivocart tr", "COMP_CWORD": "1",
    }  # fmt: skip
    assert _call(env=environment).stdout.strip() == "plain,trial"
