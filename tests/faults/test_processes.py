"""Several processes of one run: the result of one, and an end together when one of them dies."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ft_kit import tiny_bert
from ft_kit.tasks import VOCABULARY

pytestmark = pytest.mark.faults

LIMIT = 60.0
"""Seconds within which all processes end after one of them has died."""

EPOCHS = 12


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model without dropout: nothing depends on how a batch is cut."""
    return tiny_bert(tmp_path_factory.mktemp("still"), VOCABULARY, dropout=0.0)


@pytest.fixture(scope="module")
def command(still: Path, data_files: dict[str, Any]) -> Callable[[str], list[str]]:
    """The arguments of a run of 60 steps, with a checkpoint every five."""
    data = [f"ner.{split}={path}" for split, path in data_files["ner"].items()]
    rest = [f"epochs={EPOCHS}", "precision=fp32", "device=cpu", "batch_size=8"]
    rest += ["learning_rate=1e-4", "checkpoint_steps=5", "metric=loss", "report=false"]
    settings = [part for one in [*data, *(f"run.{one}" for one in rest)] for part in ("-o", one)]
    return lambda plugins: ["run", "--plugins", plugins, "--model", str(still), *settings]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("alone")


@pytest.fixture
def alone(command: Callable[[str], list[str]], children: Any, folder: Path) -> Callable[..., Path]:
    """The run of some plugins in one process."""

    def run(plugins: str) -> Path:
        output = folder / plugins
        if not output.exists():
            code, child = children.run([*command(plugins), "--output", output])
            assert code == 0, child.stderr
        return output

    return run


def losses(run: Path, comparing: ModuleType) -> list[float]:
    """The loss of every line of the log, and of every evaluation."""
    lines = comparing.lines(run / "metrics.jsonl")
    return [line["loss"] if "loss" in line else line["metrics"]["loss"]["value"] for line in lines]


def assert_same_curve(run: Path, reference: Path, comparing: ModuleType) -> None:
    ours, theirs = losses(run, comparing), losses(reference, comparing)
    assert len(ours) == 5 * EPOCHS // 10 + EPOCHS
    assert ours == pytest.approx(theirs, abs=1e-5)


def steps_saved(run: Path) -> int:
    """The step of the newest checkpoint."""
    names = [path.name for path in (run / "checkpoints").glob("step-*")]
    return max((int(name.removeprefix("step-")) for name in names), default=0)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("plugins", ["ner", "ner,adversarial"])
def test_the_loss_curve_is_that_of_one_process(
    command: Callable[[str], list[str]],
    together: Any,
    alone: Callable[..., Path],
    comparing: ModuleType,
    tmp_path: Path,
    plugins: str,
    count: int,
) -> None:
    reference = alone(plugins)
    together.run([*command(plugins), "--output", tmp_path / "run"], count)
    assert_same_curve(tmp_path / "run", reference, comparing)


@pytest.mark.parametrize("victim", [0, 1])
def test_one_is_killed_and_the_run_goes_on_in_one_and_then_in_two(
    command: Callable[[str], list[str]],
    together: Any,
    children: Any,
    alone: Callable[..., Path],
    comparing: ModuleType,
    tmp_path: Path,
    victim: int,
) -> None:
    reference = alone("ner,adversarial")
    output = tmp_path / "run"
    processes = together.start([*command("ner,adversarial"), "--output", output])
    processes[victim].wait_until(lambda: steps_saved(output) >= 10)
    assert processes[victim].kill()
    killed = time.monotonic()
    survivor = processes[1 - victim]
    assert survivor.wait() == 1
    assert time.monotonic() - killed < LIMIT
    assert "error: another process of this run has ended" in survivor.stderr
    assert f"ft run --resume {output}" in survivor.stderr

    reached = steps_saved(output)
    child = children.start(["run", "--resume", output])
    child.wait_until(lambda: steps_saved(output) >= reached + 20)
    child.signal(signal.SIGTERM)
    assert child.wait() == 130, child.stderr
    assert "the processes are 1 now, and were 2" in child.stdout

    first, _ = together.run(["run", "--resume", output])
    assert "resumed at step" in first.stdout
    assert_same_curve(output, reference, comparing)


def test_an_error_in_one_process_is_told_once_and_ends_both(
    command: Callable[[str], list[str]], together: Any, tmp_path: Path
) -> None:
    stumble = f"{Path(__file__).parents[1] / 'techniques.py'}:Stumble"
    armed = tmp_path / "armed"
    armed.touch()
    settings = ["-o", f"stumble.armed={armed}", "-o", "stumble.step=12"]
    processes = together.start(
        [*command(f"ner,{stumble}"), *settings, "--output", tmp_path / "run"]
    )
    assert [one.wait() for one in processes] == [1, 1]
    own = [one.stderr for one in processes if "error: RuntimeError: stumbled" in one.stderr]
    other = [one.stderr for one in processes if "has ended: stumbled" in one.stderr]
    assert len(own) == len(other) == 1
    assert "raised by plugin 'stumble'" in own[0]


# Without --multi_gpu accelerate starts a single process where there is no GPU.
ACCELERATE = (
    "--multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no --dynamo_backend no"
)
LAUNCHERS = {
    "torchrun": [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"],
    "accelerate": [sys.executable, "-m", "accelerate.commands.launch", *ACCELERATE.split()],
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_launcher_starts_the_same_command(
    command: Callable[[str], list[str]],
    alone: Callable[..., Path],
    comparing: ModuleType,
    tmp_path: Path,
    launcher: str,
) -> None:
    reference = alone("ner")
    output = tmp_path / "run"
    arguments = [*LAUNCHERS[launcher], "-m", "ft", *command("ner"), "--output", str(output)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    # Stopped by what a scheduler or Ctrl-C sends to the launcher, then resumed with it.
    end = time.monotonic() + 300
    while steps_saved(output) < 10:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert "nothing is lost" in errors
    done = subprocess.run(
        [*LAUNCHERS[launcher], "-m", "ft", "run", "--resume", str(output)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("everything is in") == 1
    assert comparing.read(output / "record.json")["machine"]["processes"] == 2
    assert_same_curve(output, reference, comparing)


class Network:
    """Two network namespaces, two machines as far as the network goes, with a cable between them."""

    def __init__(self) -> None:
        self.number = os.getpid() % 10_000
        self.names = [f"ft-{side}-{self.number}" for side in "ab"]
        self.cables = [f"ft{side}{self.number}" for side in "ab"]
        self.addresses = [f"10.231.{self.number % 250}.{host}" for host in (1, 2)]

    def __enter__(self) -> Network:
        for name in self.names:
            self.ip("netns", "add", name)
        self.ip("link", "add", self.cables[0], "type", "veth", "peer", "name", self.cables[1])
        for name, cable, address in zip(self.names, self.cables, self.addresses, strict=True):
            self.ip("link", "set", cable, "netns", name)
            self.ip("-n", name, "address", "add", f"{address}/24", "dev", cable)
            self.ip("-n", name, "link", "set", cable, "up")
            self.ip("-n", name, "link", "set", "lo", "up")
        return self

    def __exit__(self, *_: object) -> None:
        for name in self.names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)

    def ip(self, *arguments: str) -> None:
        subprocess.run(["ip", *arguments], capture_output=True, check=True, text=True)

    def cable(self, state: str) -> None:
        """Plug the cable in (``up``) or pull it out (``down``)."""
        self.ip("-n", self.names[0], "link", "set", self.cables[0], state)

    def start(self, arguments: list[str], launched: Callable[..., Any], port: int) -> list[Any]:
        """The command in a process on each of the two machines."""
        return [
            subprocess.Popen(
                ["ip", "netns", "exec", name, sys.executable, "-m", "ft", *arguments],
                env={
                    **os.environ,
                    **launched(index, 2, self.addresses[0], port),
                    "LOCAL_RANK": "0",
                    "LOCAL_WORLD_SIZE": "1",
                    "GLOO_SOCKET_IFNAME": cable,
                },
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for index, (name, cable) in enumerate(zip(self.names, self.cables, strict=True))
        ]


@pytest.fixture
def network() -> Iterator[Network]:
    if shutil.which("ip") is None:
        pytest.skip("there is no command ip (iproute2) to make network namespaces with")
    one = Network()
    try:
        one.__enter__()
    except subprocess.CalledProcessError as error:
        one.__exit__()
        pytest.skip(f"this machine makes no network namespaces: {error.stderr.strip()}")
    try:
        yield one
    finally:
        one.__exit__()


def test_two_machines_and_a_cable_that_is_pulled_out(
    network: Network,
    command: Callable[[str], list[str]],
    together: Any,
    alone: Callable[..., Path],
    comparing: ModuleType,
    load: Callable[[str], ModuleType],
    tmp_path: Path,
) -> None:
    helpers = load("together")
    reference = alone("ner,adversarial")
    output = tmp_path / "run"
    arguments = [*command("ner,adversarial"), "--output", str(output)]
    both = network.start(arguments, helpers.launched, helpers.free_port())
    end = time.monotonic() + 300
    while steps_saved(output) < 10:
        assert [one.poll() for one in both] == [None, None], [one.communicate() for one in both]
        assert time.monotonic() < end
        time.sleep(0.02)
    network.cable("down")
    pulled = time.monotonic()
    said = [one.communicate(timeout=2 * LIMIT)[1] for one in both]
    assert time.monotonic() - pulled < LIMIT
    assert [one.returncode for one in both] == [1, 1]
    for text in said:
        assert "has not been heard of for 25 s" in text
        assert f"ft run --resume {output}" in text

    network.cable("up")
    arguments = ["run", "--resume", str(output)]
    both = network.start(arguments, helpers.launched, helpers.free_port())
    said = [one.communicate(timeout=300)[1] for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert_same_curve(output, reference, comparing)
