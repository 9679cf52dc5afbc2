from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from extcp_gitops.errors import ExtcpError
from extcp_gitops.process import Completed, attend, clean, environment, run, which

PYTHON = sys.executable
SECONDS = 30.0


def python(code: str, *arguments: str) -> list[str]:
    return [PYTHON, "-c", code, *arguments]


def is_alive(number: int) -> bool:
    """Whether a process still runs; one that only waits to be collected does not."""
    try:
        os.kill(number, 0)
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()
    return state != "Z"


def assert_dies(number: int) -> None:
    for _ in range(200):
        if not is_alive(number):
            return
        time.sleep(0.05)
    raise AssertionError(f"process {number} still runs")


# Starts a grandchild, tells its number through a file, and waits for it.
PARENT = ["sh", "-c", 'sleep 600 & echo $! > "$0.part"; mv "$0.part" "$0"; wait']


def test_a_program_runs_and_its_output_is_kept_apart() -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    assert run(python(code), timeout=SECONDS, ok=(0, 3)) == Completed(3, b"out\n", b"err\n")


def test_output_is_bytes_and_need_not_be_text() -> None:
    code = "import os; os.write(1, bytes(range(256))); os.write(2, b'\\xff\\xfe')"
    done = run(python(code), timeout=SECONDS)
    assert (done.stdout, done.stderr) == (bytes(range(256)), b"\xff\xfe")


def test_a_lot_goes_in_and_comes_out_at_once() -> None:
    text = os.urandom(3_000_000)
    code = """
import sys
while chunk := sys.stdin.buffer.read(10_000):
    sys.stdout.buffer.write(chunk); sys.stderr.buffer.write(chunk)
"""
    assert run(python(code), timeout=SECONDS, stdin=text) == Completed(0, text, text)


def test_without_input_there_is_an_end_and_no_terminal() -> None:
    code = """
import os, sys
assert sys.stdin.read() == ""
try:
    os.open("/dev/tty", os.O_RDWR)
except OSError:
    print(os.getpid() == os.getsid(0))
"""
    assert run(python(code), timeout=SECONDS).stdout == b"True\n"


@pytest.mark.parametrize("code", ["pass", "import os; os.close(0)"])
def test_input_that_nobody_reads_is_no_error(code: str) -> None:
    assert run(python(code), timeout=SECONDS, stdin=b"x" * 3_000_000).returncode == 0


def test_arguments_reach_the_program_as_they_are(tmp_path: Path) -> None:
    arguments = ["a b", "$HOME", "`x`", ";", "--", "-x", "", "*", "\n", "\u00e9", "'\""]
    code = "import sys; print(ascii(sys.argv[1:]))"
    done = run([Path(PYTHON), "-c", code, *arguments], timeout=SECONDS, cwd=tmp_path)
    assert done.stdout.decode().strip() == ascii(arguments)


def test_the_directory_is_the_one_asked_for(tmp_path: Path) -> None:
    done = run(python("import os; print(os.getcwd())"), timeout=SECONDS, cwd=tmp_path)
    assert Path(done.stdout.decode().strip()) == tmp_path.resolve()


@pytest.mark.parametrize("name", ["no-such-program", "/nowhere/no-such-program", "./no-such"])
def test_a_missing_program_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-T001") as caught:
        run([name], timeout=SECONDS, cwd=tmp_path)
    assert f"'{Path(name).name}'" in str(caught.value)
    assert "install" in caught.value.findings[0].remedy


def test_what_cannot_be_started_is_named(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    (tmp_path / "binary").write_bytes(b"\x7fELF nonsense")
    (tmp_path / "binary").chmod(0o755)
    huge = "x" * 10_000_000
    attempts: list[tuple[list[str], Path | None]] = [
        ([str(tmp_path / "text")], None),
        ([str(tmp_path / "binary")], None),
        ([str(tmp_path)], None),
        ([PYTHON], tmp_path / "nowhere"),
        ([PYTHON], tmp_path / "text"),
        ([PYTHON, huge], None),
        ([PYTHON, "a\0b"], None),
        ([PYTHON, "\ud800"], None),
    ]
    for command, cwd in attempts:
        with pytest.raises(ExtcpError, match="EXTCP-T002") as caught:
            run(command, timeout=SECONDS, cwd=cwd)
        assert len(str(caught.value)) < 200


def test_a_failure_says_the_last_lines_of_what_the_program_said() -> None:
    code = "import sys; [print('line', n, file=sys.stderr) for n in range(50)]; sys.exit(7)"
    with pytest.raises(ExtcpError, match="EXTCP-T005") as caught:
        run(python(code), timeout=SECONDS)
    message = caught.value.findings[0].message
    assert "status 7" in message
    assert [line.strip() for line in message.splitlines()[1:]] == [
        f"line {n}" for n in range(40, 50)
    ]


def test_a_failure_without_words_is_one_line() -> None:
    with pytest.raises(ExtcpError) as caught:
        run(["false"], timeout=SECONDS)
    assert caught.value.findings[0].message == "'false' failed with status 1"


def test_a_long_line_is_shortened() -> None:
    code = "import sys; sys.exit('error: ' + 'long ' * 100_000)"
    with pytest.raises(ExtcpError) as caught:
        run(python(code), timeout=SECONDS)
    assert len(str(caught.value)) < 500


def test_half_a_token_at_the_cut_is_not_shown() -> None:
    code = (
        "import sys; sys.stderr.write('https://u:' + 'hunter2' * 20_000 + '@h\\nend'); sys.exit(1)"
    )
    with pytest.raises(ExtcpError) as caught:
        run(python(code), timeout=SECONDS)
    assert "hunter2" not in str(caught.value)
    assert str(caught.value).endswith(": end")


def test_a_failure_holds_no_credentials_and_no_control_characters() -> None:
    said = "\x1b[31mfatal\x1b[0m: https://me:hunter2@host/\x1b]0;title\x07 \x9b1m\u202e\r\nend\x00"
    code = "import sys; sys.stderr.write(sys.argv[1].replace('NUL', chr(0))); sys.exit(1)"
    with pytest.raises(ExtcpError) as caught:
        run(python(code, said.replace("\x00", "NUL")), timeout=SECONDS)
    message = caught.value.findings[0].message
    assert "hunter2" not in message
    assert message.splitlines()[1:] == ["  fatal: https://***@host/  1m", "  end"]
    assert all(line.isprintable() for line in message.splitlines())


def test_the_arguments_are_not_in_the_message() -> None:
    with pytest.raises(ExtcpError) as caught:
        run(python("import sys; sys.exit(1)", "hunter2"), timeout=SECONDS)
    assert "hunter2" not in repr(caught.value) + str(caught.value.findings)


def test_a_signal_is_told_apart_from_a_status() -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(ExtcpError, match=r"EXTCP-T006 .*SIGKILL"):
        run(python(code), timeout=SECONDS)


def test_when_the_time_is_up_grandchildren_go_too(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    with pytest.raises(ExtcpError, match=r"EXTCP-T003 .*after 1\.5 seconds"):
        run([*PARENT, told], timeout=1.5)
    assert_dies(int(told.read_text()))


def test_time_is_up_also_for_a_program_that_closed_its_output() -> None:
    code = "import os, time; os.close(0); os.close(1); os.close(2); time.sleep(600)"
    with pytest.raises(ExtcpError, match="EXTCP-T003"):
        run(python(code), timeout=1)


def test_time_is_up_also_for_a_program_that_ignores_to_be_asked() -> None:
    code = """
import signal, sys, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
while True:
    print("busy", flush=True)
    time.sleep(0.01)
"""
    with pytest.raises(ExtcpError, match="EXTCP-T003"):
        run(python(code), timeout=1)


def test_who_is_asked_to_end_may_tidy_up_and_takes_its_children_along(tmp_path: Path) -> None:
    lock, number = tmp_path / "lock", tmp_path / "number"
    lock.touch()
    trap = f"trap 'rm {lock}; exit 1' TERM; sleep 600 & echo $! > {number}; wait"

    def start() -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        argv = ["sh", "-c", trap]
        return subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)

    with pytest.raises(ExtcpError, match="EXTCP-T003 'a trap'"):
        attend("a trap", start, timeout=1, grace=SECONDS)
    assert not lock.exists()
    assert_dies(int(number.read_text()))


def test_an_interrupt_ends_the_whole_group(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    code = f"""
from extcp_gitops.process import run
run([*{PARENT!r}, {str(told)!r}], timeout=600)
"""
    with subprocess.Popen(python(code), stderr=subprocess.PIPE) as tool:
        while not told.exists():
            time.sleep(0.02)
        tool.send_signal(signal.SIGINT)
        _, words = tool.communicate(timeout=SECONDS)
    assert words.rstrip().endswith(b"KeyboardInterrupt")
    assert_dies(int(told.read_text()))


def test_an_interrupt_while_a_program_starts_ends_it_too(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from extcp_gitops.process import run
def interrupt(event, _):
    if event == "subprocess.Popen":
        os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(interrupt)
run(["sh", "-c", "mkdir $$; exec sleep 600"], timeout=600)
"""
    command = python(code)
    done = subprocess.run(
        command, check=False, stderr=subprocess.PIPE, timeout=SECONDS, cwd=tmp_path
    )
    assert done.stderr.rstrip().endswith(b"KeyboardInterrupt")
    for path in tmp_path.iterdir():
        assert_dies(int(path.name))


def test_interrupts_are_let_through_afterwards_whatever_happened() -> None:
    for command in (["true"], ["false"], ["no-such-program"]):
        with contextlib.suppress(ExtcpError):
            run(command, timeout=SECONDS)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_programs_run_in_threads_as_well() -> None:
    with ThreadPoolExecutor(4) as pool:
        done = pool.map(lambda n: run(["echo", str(n)], timeout=SECONDS).stdout, range(20))
        assert list(done) == [b"%d\n" % n for n in range(20)]


def test_what_stays_in_the_background_holds_nobody_up(tmp_path: Path) -> None:
    # As ssh's ControlPersist does: it ends at once, but something keeps its output open.
    code = """
import subprocess
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
print(child.pid)
"""
    done = run(python(code), timeout=SECONDS, cwd=tmp_path)
    os.kill(int(done.stdout), signal.SIGKILL)


@pytest.mark.parametrize("stream", [1, 2])
def test_output_without_end_is_cut_off(stream: int) -> None:
    code = f"import os\nwhile True: os.write({stream}, b'x' * 65536)"
    with pytest.raises(ExtcpError, match="EXTCP-T004"):
        run(python(code), timeout=SECONDS, max_output=1_000_000)


def test_output_without_end_does_not_take_the_memory() -> None:
    code = """
import resource
from extcp_gitops.errors import ExtcpError
from extcp_gitops.process import run
resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
try:
    run(["yes"], timeout=60)
except ExtcpError as error:
    print(error.findings[0].code)
"""
    done = run(python(code), timeout=SECONDS * 2, env=dict(os.environ))
    assert done.stdout == b"EXTCP-T004\n"


def test_no_descriptor_of_ours_is_left(tmp_path: Path) -> None:
    def count() -> int:
        return len(list(Path("/dev/fd").iterdir()))

    before = count()
    for command in (["true"], ["false"], ["no-such-program"], ["sleep", "60"]):
        with contextlib.suppress(ExtcpError):
            run(command, timeout=0.2, cwd=tmp_path)
    assert count() == before


def test_the_environment_is_small_and_the_same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "KUBECONFIG": "/x",
        "GIT_DIR": "/x",
        "GIT_CONFIG_COUNT": "1",
        "PYTHONPATH": "/x",
        "LC_ALL": "de_DE.UTF-8",
        "LANGUAGE": "de",
        "HTTPS_PROXY": "http://proxy.example.com:3128",
        "SSL_CERT_FILE": "/x.pem",
        "SSH_AUTH_SOCK": "/x.sock",
        "SOMEBODYS_TOKEN": "hunter2",
    }.items():
        monkeypatch.setenv(name, value)
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    seen = run(python(code), timeout=SECONDS).stdout.decode()
    assert "hunter2" not in seen
    assert '"LC_ALL": "C.UTF-8"' in seen
    for name in ("KUBECONFIG", "GIT_DIR", "GIT_CONFIG_COUNT", "PYTHONPATH", "LANGUAGE"):
        assert f'"{name}"' not in seen
    for name in ("PATH", "HOME", "HTTPS_PROXY", "SSL_CERT_FILE", "SSH_AUTH_SOCK"):
        assert f'"{name}"' in seen


def test_the_environment_takes_additions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    assert environment(HOME="/nowhere", KUBECONFIG="/dev/null")["HOME"] == "/nowhere"
    assert environment(KUBECONFIG="/dev/null")["KUBECONFIG"] == "/dev/null"
    assert "TMPDIR" not in environment()


def plant(directory: Path, name: str) -> Path:
    program = directory / name
    program.write_text("#!/bin/sh\necho planted\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("path", ["", ".", ":/usr/bin:/bin", "bin:/usr/bin:/bin", "./bin"])
def test_a_program_planted_in_the_current_directory_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    (tmp_path / "bin").mkdir()
    plant(tmp_path, "planted")
    plant(tmp_path / "bin", "planted")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", path)
    assert which("planted") is None
    with pytest.raises(ExtcpError, match="EXTCP-T001"):
        run(["planted"], timeout=SECONDS)
    assert run(["true"], timeout=SECONDS).returncode == 0


def test_a_program_on_the_path_is_found_and_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = plant(tmp_path, "planted")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert which("planted") == program
    assert run(["planted"], timeout=SECONDS).stdout == b"planted\n"


def test_without_a_path_the_system_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATH")
    assert which("sh") is not None


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"", ""),
        (b"  plain\n", "plain"),
        (b"50%\r100%\r\ndone", "50%\n100%\ndone"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"gh\x1b[0mp_A1b2C3d4E5f6G7h8I9j0", "***"),
        (b"a\x00b\x07c\x7f", "a b c"),
        ("a\u2028b\u200bc".encode(), "a b c"),
    ],
)
def test_what_a_program_says_is_made_fit_to_show(raw: bytes, shown: str) -> None:
    assert clean(raw) == shown
