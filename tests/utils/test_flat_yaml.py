"""Flat YAML: what is read is what PyYAML reads, and everything else is refused with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgewbc.errors import UserError
from edgewbc.utils import flat_yaml, resources


def test_keys_and_values_in_order() -> None:
    text = (
        '# codes\n\npanel: 69738-3\nimmature granulocyte.percent: 71695-1 a name\nnote: "a: b # c \\u00e4"\n  # end\n'
    )
    assert list(flat_yaml.parse(text).items()) == [
        ("panel", "69738-3"), ("immature granulocyte.percent", "71695-1 a name"), ("note", "a: b # c ä"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "key", "key:", "key:value", " key: value", "- key: value", "key: [1, 2]", "key: {a: b}", "key: 'x'", "key: |",
        "key: a: b", "key: a # b", "key: &a x", "key: *a", "key: !!str x", 'key: "a', 'key: "a" b', "key: a:",
        "\tkey: a", "key: a\x85b", "key: ", "? key: a", "---", 'key: "\\ud800"', "key: a\x00", "# \x07", "key: %a",
        "key: @a", "key: `a",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(ValueError, match="line 2: "):
        flat_yaml.parse(f"first: 1\n{line}\n")


def test_a_key_twice() -> None:
    with pytest.raises(ValueError, match="line 2: a occurs twice"):
        flat_yaml.parse("a: 1\na: 2")


@given(st.text(max_size=40))
@example("a: b\n\n# c")
@example('a: "\\u0085"')
@example('a: "\\/"')
@example("a: b\r\nc: d\r\n")
@example("a: <<")
def test_what_is_read_is_what_yaml_reads(text: str) -> None:
    try:
        found = flat_yaml.parse(text)
    except ValueError:
        return
    assert (yaml.load(text, yaml.BaseLoader) or {}) == found  # noqa: S506 - reads texts only


@settings(max_examples=40)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}(\.[a-z]{1,5})?", fullmatch=True), st.text(), max_size=4))
def test_any_text_can_be_written_in_double_quotes(values: dict[str, str]) -> None:
    text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items())
    if any(0xD800 <= ord(letter) < 0xE000 or ord(letter) > 0xFFFF for value in values.values() for letter in value):
        return  # JSON writes these as two, which YAML does not join
    assert flat_yaml.parse(text) == values
    assert (yaml.load(text, yaml.BaseLoader) or {}) == values  # noqa: S506 - reads texts only


def test_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no.yaml: no such file; expected codes"):
        flat_yaml.read(tmp_path / "no.yaml", "codes")
    (tmp_path / "bad.yaml").write_bytes(b"a: \xff")
    with pytest.raises(UserError, match=r"bad.yaml: cannot be read as codes"):
        flat_yaml.read(tmp_path / "bad.yaml", "codes")
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert flat_yaml.read(tmp_path / "bom.yaml", "codes") == {"a": "1"}
    (tmp_path / "nested.yaml").write_text("a:\n  b: 1\n")
    with pytest.raises(UserError, match=r"nested.yaml: line 1: "):
        flat_yaml.read(tmp_path / "nested.yaml", "codes")


def test_the_shipped_codes_are_read_alike() -> None:
    path = resources.folder("recipes") / "codes" / "loinc.yaml"
    assert flat_yaml.read(path, "codes") == yaml.safe_load(path.read_text(encoding="utf-8"))
