"""`edgewbc info`."""

import json

import pytest

from edgewbc.utils import resources
from tests.labelled import make_run

BUNDLE = resources.folder("export/bundles") / resources.SHIPPED_BUNDLE


def test_the_poster_as_a_table(edgewbc):
    """The table ends with the poster's total."""
    ran = edgewbc("info", "vgg16gap", "--classes", "4")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[-1].split() == ["trainable", "14,776,492"]
    assert lines[-2].split()[:4] == ["vgg16gap", "plain", "total", "14,776,492"]
    assert lines[1].split() == ["features.0", "conv", "64", "x", "224", "x", "224", "1,792", "86,704,128"]
    assert "61,804 of the 14,776,492" in ran.err


def test_json_of_a_run(edgewbc, tmp_path):
    """A run folder is described as it is, or at another input size, as one JSON value."""
    make_run(tmp_path / "run")
    told = json.loads(edgewbc("info", tmp_path / "run", "--json").out)
    assert (told["arch"], told["classes"], told["height"], told["head"]) == ("vgg16gap", 5, 32, [10, 10])
    twice = json.loads(edgewbc("info", tmp_path / "run", "--input", "64x32", "--json").out)
    dense = sum(layer["macs"] for layer in told["layers"] if layer["kind"] == "dense")
    assert twice["macs"] - dense == 2 * (told["macs"] - dense)


def test_a_bundle(edgewbc):
    """The released bundle's network is described from its manifest alone."""
    ran = edgewbc("info", BUNDLE, "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["parameters"] > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resnet"], "resnet: neither a run, a bundle, nor one of vgg16gap, vgg16flatten"),
        (["vgg16gap", "--input", "big"], "--input big: write a size as 112"),
        (["vgg16gap", "--input", "16"], "vgg16gap at 16 x 16: so small an input leaves an empty map"),
        ([BUNDLE, "--classes", "9"], "has 5 classes"),
    ],
)
def test_mistakes_are_one_line(edgewbc, arguments, message):
    """A user's mistake is exit code 2 and one line."""
    ran = edgewbc("info", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err.splitlines()[-1]
