"""The files in docs/deploy: YAML with the fields that Kubernetes and SkyPilot need, and commands that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgewbc.cli.commands import load
from tests.docs.blocks import TOP

FOLDER = TOP / "docs" / "deploy"
FILES = sorted(FOLDER.glob("*.yaml"))
TASK = {"name", "num_nodes", "resources", "file_mounts", "setup", "run", "workdir", "envs"}
"""Keys of a SkyPilot task that are used here."""
QUANTITY = re.compile(r"\d+(m|Ki|Mi|Gi)?")


def documents(path: Path) -> list[dict[str, Any]]:
    """Return the documents of a file."""
    return [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each is not None]


def kubernetes() -> list[tuple[Path, dict[str, Any]]]:
    return [(path, each) for path in FILES for each in documents(path) if "apiVersion" in each]


def workloads() -> list[tuple[Path, dict[str, Any]]]:
    return [(path, each) for path, each in kubernetes() if each["kind"] in ("Job", "Deployment")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_text(path: Path) -> None:
    """Plain ASCII without tabs; a first comment says how to start it; a guide links to it."""
    text = path.read_text(encoding="utf-8")
    assert text.isascii()
    assert "\t" not in text
    assert text.startswith("# ")
    assert re.search(rf"(kubectl apply -f|sky launch) {path.name}", text.splitlines()[0])
    assert any(f"](deploy/{path.name})" in page.read_text(encoding="utf-8") for page in (TOP / "docs").glob("*.md"))


def test_kubernetes_objects() -> None:
    """Each has a version and a name, and a Service finds the pods that it is for."""
    versions = {"Service": "v1", "Job": "batch/v1", "Deployment": "apps/v1"}
    found = kubernetes()
    assert len(found) == 4
    for path, each in found:
        assert each["apiVersion"] == versions[each["kind"]]
        assert re.fullmatch("[a-z0-9-]{1,63}", each["metadata"]["name"])
        if each["kind"] == "Service":
            labels = [other["spec"]["template"]["metadata"]["labels"] for file, other in workloads() if file == path]
            assert labels == [each["spec"]["selector"]]


@pytest.mark.parametrize(("path", "workload"), workloads(), ids=lambda value: getattr(value, "name", ""))
def test_pods(path: Path, workload: dict[str, Any]) -> None:
    """Containers have an image, a command, requests and limits; what they mount is there; none runs as root."""
    pod = workload["spec"]["template"]["spec"]
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in pod["containers"]:
        assert {"name", "image", "command", "args", "resources"} <= container.keys()
        assert all(isinstance(word, str) for word in (*container["command"], *container["args"]))
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        for kind in ("requests", "limits"):
            for quantity in container["resources"][kind].values():
                assert QUANTITY.fullmatch(str(quantity))
        assert not container["image"].endswith(":latest")


def test_the_job() -> None:
    """Every process has its number, and the first one's address is that of the first pod."""
    ((_, job),) = [found for found in workloads() if found[1]["kind"] == "Job"]
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"]
    assert pod["restartPolicy"] in ("OnFailure", "Never")
    text = pod["containers"][0]["args"][0]
    assert f"--nnodes {spec['completions']} " in text
    assert f"--master_addr {job['metadata']['name']}-0.{pod['subdomain']} " in text
    assert "$JOB_COMPLETION_INDEX" in text
    services = [each for _, each in kubernetes() if each["kind"] == "Service"]
    (service,) = [each for each in services if each["metadata"]["name"] == pod["subdomain"]]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True  # the pods look for each other when they start


def test_the_deployment() -> None:
    """Probes ask addresses that need no token; the time to end covers the hook and the drain; the port is the same."""
    from edgewbc.serve.guard import OPEN

    ((_, deployment),) = [found for found in workloads() if found[1]["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert deployment["spec"]["selector"]["matchLabels"] == deployment["spec"]["template"]["metadata"]["labels"]
    assert {container[probe]["httpGet"]["path"] for probe in ("readinessProbe", "livenessProbe")} == set(OPEN)
    options = dict(zip(container["args"][::2], container["args"][1::2], strict=True))
    sleep = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > sleep + int(options["--drain"])
    assert int(options["--port"]) == container["ports"][0]["containerPort"]


def test_the_task() -> None:
    """A SkyPilot task has only keys that there are, and something to run."""
    (task,) = [each for path in FILES for each in documents(path) if "apiVersion" not in each]
    assert task.keys() <= TASK
    assert {"name", "resources", "run"} <= task.keys()
    assert isinstance(task["num_nodes"], int)
    assert re.fullmatch(r"\w+:\d+", task["resources"]["accelerators"])
    for path, mount in task["file_mounts"].items():
        assert path.startswith("/")
        assert mount["mode"] in ("MOUNT", "COPY", "MOUNT_CACHED")
    assert "$SKYPILOT_NODE_RANK" in task["run"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_commands_exist(path: Path) -> None:
    """Every option that is given to `edgewbc` is one of the command; the recipe is a built-in one."""
    text = path.read_text(encoding="utf-8")
    command = "serve" if "serve" in path.name else "train"
    assert re.search(rf'edgewbc"?,? "?{command}', text)
    known = {option for parameter in load(command).params for option in parameter.opts}
    used = set(re.findall(r"--[a-z][a-z-]*(?=[ \"])", text)) - {"--nnodes"}
    torchrun = {"--node", "--nproc", "--master"}
    assert {option for option in used if not any(option.startswith(each) for each in torchrun)} <= known | {
        "--from-file"
    }
    for recipe in re.findall(r"--recipe (\S+)", text):
        assert (TOP / "recipes" / f"{recipe}.yaml").is_file()
