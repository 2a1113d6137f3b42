"""The commands as a person calls them, each in a process of its own, forked from one that has loaded the libraries.

Loading torch and transformers takes seconds a command, of which there are hundreds. The forked process has arguments,
environment, folder and output as any other; that nothing heavy is loaded at the start is tested in test_house.py.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import tempfile
import threading
from functools import cache
from multiprocessing.connection import Client, Listener
from pathlib import Path


def run(*arguments, env=None, cwd=None, input=b"", timeout=1200, text=True, interrupt=None):
    """Run a command, with bytes on its standard input; give a `subprocess.CompletedProcess`.

    After `interrupt` seconds it gets a Ctrl-C. TimeoutExpired, after killing it, where it takes longer than `timeout`.
    """
    command = list(map(os.fspath, map(_word, arguments)))
    environment = {**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1", **(env or {})}
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("in", "out", "err")]
        files[0].write_bytes(input)
        code = _ask(command, environment, str(cwd or Path.cwd()), list(map(str, files)), timeout, interrupt)
        said = [path.read_bytes() for path in files[1:]]
    if code is None:
        raise subprocess.TimeoutExpired(command, timeout)
    if text:
        said = [part.decode() for part in said]
    return subprocess.CompletedProcess(command, code, *said)


def _word(argument):
    return argument if isinstance(argument, bytes | os.PathLike) else str(argument)


def _ask(*request):
    with _lock:
        _, connection = _stem()
        connection.send(request)
        return connection.recv()


_lock = threading.Lock()


@cache
def _stem():
    """The process that the commands are forked from; it ends with this one."""
    address = str(Path(tempfile.mkdtemp(), "stem"))
    with Listener(address, "AF_UNIX") as listener:
        process = subprocess.Popen(
            [sys.executable, __file__, address],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
        )
        atexit.register(process.wait)
        atexit.register(process.terminate)
        return process, listener.accept()


def _serve(address):
    import tasteprint.cli.main
    import tasteprint.incontext.model
    import tasteprint.posterior.model
    import tasteprint.train.run  # noqa: F401

    with Client(address, "AF_UNIX") as connection:
        while True:
            try:
                request = connection.recv()
            except EOFError:
                return
            connection.send(_forked(connection, *request))


def _forked(connection, command, environment, cwd, files, timeout, interrupt):
    """Fork, wait, and give the exit code; None where it was killed for its time."""
    child = os.fork()
    if child == 0:
        connection.close()
        _be(command, environment, cwd, files)
    late = []
    timer = threading.Timer(timeout, lambda: (late.append(True), os.kill(child, signal.SIGKILL)))
    timer.start()
    stop = threading.Timer(interrupt or timeout, os.kill, (child, signal.SIGINT))
    stop.start() if interrupt else None
    _, status = os.waitpid(child, 0)
    timer.cancel()
    stop.cancel()
    return None if late else os.waitstatus_to_exitcode(status)


def _be(command, environment, cwd, files):
    """Become the command: what `python -m tasteprint` would do, and the end that it would have."""
    for number, path in enumerate(files):
        os.dup2(
            os.open(path, os.O_RDONLY if number == 0 else os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600),
            number,
        )
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["tasteprint", *command]
    code = 1
    try:
        from tasteprint.cli.main import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])
