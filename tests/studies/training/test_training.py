"""Tests of `bench.training`: the loops with tiny networks, the rounds with a clock of their own, and the table."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench import tables
from bench.training import loops, result, study
from bench.training.__main__ import main
from bench.training.loops import Job, Measured
from bench.training.result import Loop, Network, Result, Row, Setting
from edgewbc.bench.machine import Machine
from edgewbc.data.manifest import Split
from edgewbc.errors import UserError
from edgewbc.train.heap import VARIABLES
from edgewbc.utils.files import write_json
from tests.colored import make_manifest

TINY = Network("edgenet", "edge/edgenet", 4, 2)


def test_each_loop_trains_on_every_image(tmp_path: Path) -> None:
    """An epoch of each loop is `batches` steps, and the networks of all loops start alike and learn apart."""
    manifest = make_manifest(tmp_path / "images", per_class=4)
    found = loops.loops(TINY, "f32", manifest, tmp_path, [Loop.EDGEWBC, Loop.PLAIN, Loop.LIMIT])
    assert [*found] == [Loop.EDGEWBC, Loop.PLAIN, Loop.LIMIT]
    assert [epoch() for epoch in found.values()] == [8, 8, 8]
    assert [epoch() for epoch in found.values()] == [8, 8, 8]


def test_the_plain_loop_steps_like_edgewbc(tmp_path: Path) -> None:
    """From the same weights and the same batch, with the recipe's clipping, one step leaves the same weights."""
    import torch

    from edgewbc.nets import model
    from edgewbc.train import recipe_file
    from edgewbc.train.loop import Trainer
    from edgewbc.train.recipe import TrainRecipe
    from edgewbc.utils import resources

    manifest = make_manifest(tmp_path / "images", per_class=4)
    changes: dict[str, recipe_file.Value] = {
        "fit.batch": 4,
        "fit.precision": "f32",
        "fit.clip": 0.01,
        "fit.optimizer": "sgd",
        "fit.warmup": 0,
    }
    recipe = recipe_file.read(resources.recipes()[TINY.recipe], TrainRecipe, changes)
    spec = recipe.model.spec(manifest.classes)
    torch.manual_seed(1)
    net = model.build(spec)
    own, theirs = copy.deepcopy(net), copy.deepcopy(net)
    trainer = Trainer(own, spec, recipe.fit, manifest, tmp_path)
    trainer.prepare()
    batch = next(iter(trainer.inputs.training(trainer.plan(0)[:1], 0, 0)))
    step = loops._stepper(theirs, recipe.fit)
    target = torch.from_numpy(trainer.labels[batch.rows])
    assert trainer.train_batch(batch, 1) == pytest.approx(step(batch.x, target), rel=1e-5)
    for mine, other in zip(own.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-7)
    assert any(not torch.equal(mine, before) for mine, before in zip(own.parameters(), net.parameters(), strict=True))


def test_a_part_of_a_manifest(tmp_path: Path) -> None:
    """The training images are taken evenly; too few are one clear line."""
    manifest = make_manifest(tmp_path / "images", per_class=4)
    train = manifest.split(Split.TRAIN)
    part = loops.part_of(manifest, 3)
    assert [entry.path for entry in part.split(Split.TRAIN)] == [
        train[index * len(train) // 3].path for index in range(3)
    ]
    assert 0 < len(part.split(Split.VAL)) <= loops.VALIDATION
    with pytest.raises(UserError, match="10000 and one of validation are needed"):
        loops.part_of(manifest, 10_000)


def test_a_fresh_process_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its own threads and none of the user's memory settings, and sends every measurement or its error."""
    make_manifest(tmp_path / "images", per_class=4).write(tmp_path / "m")
    monkeypatch.setenv(VARIABLES[0], "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert VARIABLES[0] not in study.environment(1)
    assert study.environment(2)["OMP_NUM_THREADS"] == "2"
    found = study.execute(Job(tmp_path / "m", (TINY,), ("bf16",), 1, True, backwards=True))
    assert [(one.network, one.precision, one.loop) for one in found] == [
        ("edgenet", "bf16", loop) for loop in (Loop.LIMIT, Loop.EDGEWBC)
    ]
    assert all(one.images_per_s > 0 and 0 <= one.system <= 1.5 for one in found)


def fake(job: Job) -> list[Measured]:
    """Return rates that tell the settings apart: kept is 10 % faster, edgewbc 90 % of the limit, plain 45 %."""
    share = {Loop.EDGEWBC: 0.99, Loop.RETURNED: 0.9, Loop.PLAIN: 0.45, Loop.LIMIT: 1.1}
    pairs = [(one.name, precision) for one in job.networks for precision in job.precisions]
    system = 0.01 if job.kept else 0.2
    return [
        Measured(name, precision, loop, 100.0 * job.threads * share[loop], system)
        for name, precision in pairs
        for loop in Loop
        if loop.kept == job.kept
    ]


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slow:
    """A study whose processes take 30 s each, by a clock of its own, on a machine of two cores."""
    make_manifest(tmp_path / "images", per_class=4).write(tmp_path / "m")
    monkeypatch.setattr("edgewbc.bench.machine.describe", lambda: Machine("a CPU", "AVX2", 2))
    monkeypatch.setattr("edgewbc.runtime.host.cores", lambda: 2)
    return Slow(tmp_path / "m")


@dataclass
class Slow:
    """Executes jobs, and notes them."""

    manifest: Path
    seconds: float = 30.0
    now: float = 0.0
    jobs: list[Job] = field(default_factory=list)

    def __call__(self, job: Job) -> list[Measured]:
        self.now += self.seconds
        self.jobs.append(job)
        return fake(job)

    def run(self, minutes: float, out: Path | None = None, most: int = 5) -> Result:
        """Run the study from now on."""
        self.jobs.clear()
        options = study.Options((TINY,), ("f32",), (1, 2, 64), minutes=minutes, most=most)
        return study.run(self.manifest, options, out=out, execute=self, clock=lambda: self.now)


ORDER = [(1, True), (1, False), (2, True), (2, False)]


def test_rounds_fill_the_time(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round is added while another fits; every other one runs backwards; thread counts the machine lacks are left."""
    found = slow.run(6)
    assert len(slow.jobs) == 12  # four of 30 s per round: a fourth round would end after 8 minutes
    assert [(job.threads, job.kept) for job in slow.jobs] == [*ORDER, *ORDER[::-1], *ORDER]
    assert [job.backwards for job in slow.jobs] == [False] * 4 + [True] * 4 + [False] * 4
    assert [row.setting for row in found.rows] == [Setting("edgenet", "f32", 1), Setting("edgenet", "f32", 2)]
    assert found.rows[0].images_per_s[Loop.EDGEWBC] == (99.0, 99.0, 99.0)
    assert found.rows[1].images_per_s[Loop.PLAIN] == (90.0, 90.0, 90.0)
    assert Result.from_json(json.loads(json.dumps(found.to_json()))) == found
    monkeypatch.setattr("edgewbc.runtime.host.cores", lambda: 1)
    with pytest.raises(UserError, match="may use 1 cores"):
        study.run(slow.manifest, study.Options((TINY,), threads=(2,)), execute=fake)


def test_an_interrupted_study_is_resumed(slow: Slow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured is kept, by round; of another machine or other sizes, nothing is taken over."""
    out = tmp_path / "r" / "t.json"
    with pytest.raises(UserError, match="0.8 minutes are too short .* 2 of 4 processes .* again to resume"):
        slow.run(0.8, out)
    assert [(job.threads, job.kept) for job in slow.jobs] == ORDER[:2]
    assert study.part_of(out) == tmp_path / "r" / "t.part.json"
    found = slow.run(2.2, out)
    assert [(job.threads, job.kept) for job in slow.jobs] == ORDER[2:]  # a second round takes two minutes
    assert len(found.rows[0].images_per_s[Loop.LIMIT]) == 1
    assert "those of one round, in which" in result.section(found.to_json())
    assert len(slow.run(2.2, out).rows[0].images_per_s[Loop.LIMIT]) == 2
    assert [(job.threads, job.kept) for job in slow.jobs] == ORDER[::-1]
    monkeypatch.setattr("edgewbc.bench.machine.describe", lambda: Machine("another CPU", "AVX2", 2))
    assert len(slow.run(2.2, out).rows[0].images_per_s[Loop.LIMIT]) == 1


def test_a_round_that_gets_slower_is_broken_off(slow: Slow, tmp_path: Path) -> None:
    """The study ends in its time, with the rounds that are complete."""
    slow.run(2, out := tmp_path / "t.json")
    slow.seconds, before = 80, slow.now
    found = slow.run(4, out)
    assert len(found.rows[0].images_per_s[Loop.PLAIN]) == 1
    assert slow.now - before <= 240 + 80
    assert len(slow.jobs) == 3


def test_the_table(tmp_path: Path) -> None:
    """Ratios are medians over rounds."""
    rates = {
        Loop.EDGEWBC: (90.0, 80.0, 99.0), Loop.LIMIT: (100.0, 100.0, 100.0),
        Loop.RETURNED: (45.0, 40.0, 33.0), Loop.PLAIN: (30.0, 20.0, 33.0),
    }  # fmt: skip
    kernel = {Loop.EDGEWBC: (0.01, 0.02, 0.03), Loop.LIMIT: (0.0, 0.0, 0.0), Loop.RETURNED: (0.5, 0.4, 0.3)}
    row = Row(Setting("edgenet", "f32", 1), rates, kernel)
    found = Result(Machine("a CPU", "AVX2", 2), (TINY,), (row,), "cells", 2)
    text = result.section(found.to_json())
    assert "| edgenet | f32 | 1 | 90.0 | 30.0 | 100 | 3.00 | 0.90 | 2.00 | 2%, 40% |" in text
    assert "medians over 3 rounds" in text
    write_json(tmp_path / tables.TRAINING, found.to_json())
    assert "## Training on a CPU" in tables.results(tmp_path)
    with pytest.raises(UserError, match="format 2 is not 1"):
        result.section({**found.to_json(), "format": 2})


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for is measured and written; wrong values are refused."""
    make_manifest(tmp_path / "images", per_class=4).write(tmp_path / "m")
    monkeypatch.setattr("edgewbc.bench.machine.describe", lambda: Machine("a CPU", "AVX2", 2))
    monkeypatch.setattr(
        "bench.training.study.run.__kwdefaults__", {**(study.run.__kwdefaults__ or {}), "execute": fake}
    )
    monkeypatch.setattr("bench.training.__main__.system_load", lambda: 0.9)
    out = tmp_path / "t.json"
    arguments = [str(tmp_path / "m"), "--networks", "edgenet", "--threads", "1", "--rounds", "2", "--out", str(out)]
    assert main([*arguments, "--batch", "3"]) == 0
    written = Result.from_json(json.loads(out.read_text()))
    assert written.networks == (Network("edgenet", "edge/edgenet", 3, 5),)
    assert len(written.rows) == 2
    assert not study.part_of(out).exists()
    shown = capsys.readouterr()
    assert "| edgenet | f32 | 1 |" in shown.out
    assert "this machine is busy (90 % in use)" in shown.err
    assert "round 2: threads 1, freed memory returned" in shown.err
    assert main([str(tmp_path / "none"), "--out", str(out)]) == 2
    for wrong in (
        ["--networks", "resnet"],
        ["--threads", "two"],
        ["--threads", "0"],
        ["--batches", "0"],
        ["--minutes", "0"],
    ):
        with pytest.raises(SystemExit):
            main([*arguments, *wrong])


def test_networks_of_the_study() -> None:
    """Every network of the study is of a built-in recipe."""
    from edgewbc.nets import model
    from edgewbc.train import recipe_file
    from edgewbc.train.recipe import TrainRecipe
    from edgewbc.utils import resources

    for network in study.NETWORKS:
        recipe = recipe_file.read(resources.recipes()[network.recipe], TrainRecipe)
        assert model.build(recipe.model.spec(("a", "b"))).features is not None
