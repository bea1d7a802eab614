"""The contents of `kit.json`."""

from __future__ import annotations

from edgewbc.kit.facts import KitFacts, KitModel, WheelFacts


def test_installers_are_keys_of_their_own() -> None:
    """The install script reads them at the top; everything else is by attribute name."""
    wheel = WheelFacts("a-1.whl", "a", "1", 10, "aa", "bb", ("tests",))
    model = KitModel("wbc5-edge", "int8", "cc")
    made = KitFacts("0.2", "windows", ("3.12",), (2, 28), model, (wheel,), {"b": "not needed"}, {"vc_redist": "x.exe"})
    values = made.to_json()
    assert list(values)[0] == "format"
    assert (values["vc_redist"], "installers" in values) == ("x.exe", False)
    assert values["model"] == {"name": "wbc5-edge", "precision": "int8", "sha256": "cc"}
    assert values["wheels"][0]["without"] == ["tests"]
    assert (values["pythons"], values["glibc"], values["left_out"]) == (["3.12"], [2, 28], {"b": "not needed"})
