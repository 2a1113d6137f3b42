"""How a command ends: the sentence, the exit code, the report of a fault of our own."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasteprint.cli.endings import told

ENDS = """if True:
    import os
    from tasteprint.cli.endings import told
    with told():
        {body}
"""


def ended(body, **environment):
    code, variables = ENDS.format(body=body), {**os.environ, **environment}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables)


def code_and_words(fault, capsys):
    """Exit code and sentence of a fault that is raised here, which is outside the package."""
    with pytest.raises(SystemExit) as end, told():
        raise fault
    return end.value.code, capsys.readouterr().err


def test_what_was_given_is_a_sentence_and_code_2(capsys, tmp_path):
    from tasteprint.config import load_config

    with pytest.raises(SystemExit) as end, told():
        load_config("maxi")
    assert end.value.code == 2 and capsys.readouterr().err.startswith(
        "tasteprint: config 'maxi' is not known; expected"
    )
    with pytest.raises(SystemExit) as end, told():
        (tmp_path / "none").open()
    said = capsys.readouterr().err
    assert end.value.code == 2 and "[Errno" not in said
    assert said.startswith(
        f"tasteprint: {str(tmp_path / 'none')!r} cannot be used (No such file or directory); expected"
    )


@pytest.mark.parametrize(
    "fault", [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
              RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), OSError(12, "Cannot allocate memory")],
)  # fmt: skip
def test_too_little_memory_is_said_to_be_that(fault, capsys):
    code, said = code_and_words(fault, capsys)
    assert (
        code == 2 and said.startswith("tasteprint: there is not enough memory (") and "expected more" in said
    )


@pytest.mark.parametrize("fault", [KeyError("x"), ValueError("a library's own"), AssertionError()])
def test_a_fault_of_ours_is_code_1_with_a_report(fault, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, said = code_and_words(fault, capsys)
    assert code == 1 and len(said.splitlines()) == 1
    place = Path(re.search(r"what happened is in (\S+): please look", said)[1])
    report = place.read_text("utf-8")
    assert (
        type(fault).__name__ in report
        and "Traceback (most recent call last)" in report
        and "'torch':" in report
    )
    assert "report it at " in said


def test_where_no_report_can_be_kept_it_is_printed(capsys, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/no/such/place")
    code, said = code_and_words(KeyError("x"), capsys)
    assert code == 1 and "Traceback" in said and "please report the lines above at " in said


def test_with_the_variable_every_fault_is_raised(monkeypatch):
    monkeypatch.setenv("TASTEPRINT_DEBUG", "1")
    with pytest.raises(KeyError), told():
        raise KeyError("x")


def test_ctrl_c_is_130_whatever_a_library_makes_of_it(capsys):
    def interrupted():
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        except KeyboardInterrupt:
            raise RuntimeError("Query interrupted") from None

    with pytest.raises(SystemExit) as end, told():
        interrupted()
    assert end.value.code == 130
    assert capsys.readouterr().err == "tasteprint: stopped; the same command can be given again.\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_names_that_are_not_utf_8_are_printed_in_some_form():
    done = ended("print(os.fsdecode(b'caf\\xe9'), '\\u2605')", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and done.stdout == "caf\\udce9 \\u2605\n"
