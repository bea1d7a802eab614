"""Small OpenVINO IRs as text."""

from __future__ import annotations


def ir(
    labels: str = '<model_info><labels value="a b"/></model_info>',
    shape: str = "?,8,8,3",
    layers: str = '<layer id="1" type="ReLU" version="opset1"/>',
    start: str = '<?xml version="1.0"?>',
) -> bytes:
    """Return an IR that has an input, layers and labels, and cannot run."""
    image = f'<layer id="0" type="Parameter" version="opset1"><data shape="{shape}" element_type="u8"/></layer>'
    return f"{start}<net><layers>{image}{layers}</layers><rt_info>{labels}</rt_info></net>\n".encode()
