"""A stack is started once, found again, and ends exactly the processes it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devstack import private, stack
from devstack.errors import DevstackError
from devstack.process import wait_until
from devstack.server import recorded
from devstack.state import ENVIRONMENT, REPOSITORY, default_path, load

# the two that start in a moment; what all of them have in common is tested here
QUICK = ("valkey", "redis")


@pytest.fixture
def quick_stack(tmp_path: Path) -> Path:
    """The path of the JSON file of a running stack."""
    path = tmp_path / "devstack.json"
    stack.up(tmp_path / "stack", path, QUICK)
    return path


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path: Path) -> object:
    yield
    stack.end(tmp_path / "stack")


def devstack(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The command line, as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "devstack", *arguments],
        cwd=REPOSITORY,
        env={**{k: v for k, v in os.environ.items() if k != ENVIRONMENT}, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_second_up_finds_the_first_one(quick_stack: Path, tmp_path: Path) -> None:
    """Two terminals in one checkout share their servers."""
    first = load(quick_stack)
    processes = recorded(tmp_path / "stack")

    second = stack.up(tmp_path / "stack", quick_stack, QUICK)

    assert second == first
    assert recorded(tmp_path / "stack") == processes


def test_up_starts_only_what_is_lacking(tmp_path: Path) -> None:
    """Asking for one more server does not restart those in use."""
    path = tmp_path / "devstack.json"
    before = stack.up(tmp_path / "stack", path, ["redis"])

    after = stack.up(tmp_path / "stack", path, QUICK)

    assert before.valkey is None
    assert after.redis == before.redis
    assert after.valkey is not None


def test_up_replaces_a_stack_that_lost_a_server(quick_stack: Path, tmp_path: Path) -> None:
    """A dead server is not handed to tests."""
    before = recorded(tmp_path / "stack")
    before["redis"].signal(signal.SIGKILL)
    assert wait_until(lambda: not before["redis"].alive, 5)

    state = stack.up(tmp_path / "stack", quick_stack, QUICK)

    assert stack.running(state)
    assert not before["valkey"].alive


def test_up_refuses_to_forget_a_stack_that_runs_elsewhere(quick_stack: Path, tmp_path: Path) -> None:
    """One JSON file describes one stack; the other would run on unseen."""
    with pytest.raises(DevstackError, match="take that one down first"):
        stack.up(tmp_path / "another", quick_stack, QUICK)


def test_down_stops_exactly_its_own_processes(quick_stack: Path, tmp_path: Path) -> None:
    """A server of somebody else survives, even one of the same program."""
    other = tmp_path / "other"
    stack.up(other, other / "devstack.json", ["redis"])
    mine, theirs = recorded(tmp_path / "stack"), recorded(other)

    assert stack.down(quick_stack)

    assert not any(process.alive for process in mine.values())
    assert all(process.alive for process in theirs.values())
    assert not quick_stack.exists()
    assert stack.down(other / "devstack.json")


def test_down_without_a_stack_does_nothing(tmp_path: Path) -> None:
    """It may be called at any time."""
    assert stack.down(tmp_path / "devstack.json") is False


def test_a_record_of_a_reused_pid_kills_nobody(quick_stack: Path, tmp_path: Path) -> None:
    """A pid alone does not say which process it is."""
    record = tmp_path / "stack" / "run" / "redis.json"
    redis = recorded(tmp_path / "stack")["redis"]
    record.write_text(record.read_text().replace(str(redis.started), str(redis.started - 1)))

    stack.down(quick_stack)

    assert redis.alive
    redis.signal(signal.SIGKILL)


def test_two_ups_at_once_start_one_stack(tmp_path: Path) -> None:
    """Parallel test workers ask for the same stack at the same moment."""
    path = tmp_path / "stack.json"
    arguments = ("up", "--state", str(path), "--dir", str(tmp_path / "stack"), "--only", ",".join(QUICK))

    outputs = [process.communicate(timeout=60)[0] for process in (devstack(*arguments), devstack(*arguments))]

    assert outputs[0] == outputs[1]
    assert set(recorded(tmp_path / "stack")) == set(QUICK)


def test_status_tells_by_its_exit_code(quick_stack: Path, tmp_path: Path) -> None:
    """Scripts ask whether the stack runs."""

    def status() -> tuple[int, str]:
        process = devstack("status", "--state", str(quick_stack))
        output, _ = process.communicate(timeout=60)
        return process.returncode, output

    assert status()[0] == 0

    recorded(tmp_path / "stack")["redis"].signal(signal.SIGKILL)

    code, output = status()
    assert code == 1
    assert "redis has ended" in output


def test_run_gives_its_command_a_stack_and_ends_both(tmp_path: Path) -> None:
    """The command finds the addresses by the environment; its exit code is the result; only logs of a failure stay."""
    (tmp_path / "tmp").mkdir()
    script = "import os, pathlib, sys; print(pathlib.Path(os.environ['FLUXA_DEVSTACK']).read_text()); sys.exit(7)"

    environment = {"TMPDIR": str(tmp_path / "tmp"), ENVIRONMENT: str(tmp_path / "none.json")}
    process = devstack("run", "--only", "redis", "--", sys.executable, "-c", script, **environment)
    output, _ = process.communicate(timeout=60)

    assert process.returncode == 7
    assert '"redis": {' in output
    assert list((tmp_path / "tmp").iterdir()) == []
    assert (tmp_path / ".none" / "failed-run-logs" / "redis.log").exists()


def test_run_uses_the_stack_that_the_environment_names(quick_stack: Path, tmp_path: Path) -> None:
    """Nested runs share, and the inner one leaves the outer one's servers alone."""
    script = "import os; print(os.environ['FLUXA_DEVSTACK'])"

    process = devstack("run", "--", sys.executable, "-c", script, FLUXA_DEVSTACK=str(quick_stack))
    output, _ = process.communicate(timeout=60)

    assert output.strip() == str(quick_stack)
    assert all(process.alive for process in recorded(tmp_path / "stack").values())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_run_leaves_nothing_when_it_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    """Even SIGKILL of the owner ends its servers: a guard waits for that."""
    script = "import os, time; print(os.environ['FLUXA_DEVSTACK'], flush=True); time.sleep(600)"
    process = devstack("run", "--only", "redis", "--", sys.executable, "-c", script, TMPDIR=str(tmp_path))
    assert process.stdout is not None
    directory = Path(process.stdout.readline().strip()).parent
    servers = recorded(directory)
    assert all(server.alive for server in servers.values())

    process.send_signal(number)
    process.wait(60)

    assert wait_until(lambda: not directory.exists(), 20)
    assert not any(server.alive for server in servers.values())
    process.stdout.close()


def test_the_guard_ends_with_its_owner_and_not_before(tmp_path: Path) -> None:
    """A private stack lives exactly as long as it is of use."""
    owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    state = private.private_up(tmp_path / "own", owner.pid, ["redis"])
    assert stack.running(state)

    owner.communicate(b"\n")

    assert wait_until(lambda: not (tmp_path / "own").exists(), 20)


def test_the_default_path_is_the_checkouts_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word from the environment, everybody in a checkout means the same stack."""
    monkeypatch.delenv(ENVIRONMENT, raising=False)

    assert default_path() == REPOSITORY / "devstack.json"
