"""The look of a printable HTML sheet of cells: a grid of images with their text below."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
body{font:16px/1.35 system-ui,sans-serif;color:#000;background:#fff;margin:1rem}
h1{font-size:1.3rem;margin:0 0 .4rem}p{margin:.2rem 0;max-width:60rem}
ol{list-style:none;padding:0;margin:1rem 0;display:grid;gap:.8rem}
ol{grid-template-columns:repeat(auto-fill,minmax(150px,1fr))}
li{border:1px solid #888;padding:.4rem;break-inside:avoid}
img{display:block;width:100%;height:auto}
b,small{display:block}small{color:#222;overflow-wrap:anywhere;font-size:.75rem}
.kept{border-style:dashed}
@media print{body{margin:0;font-size:10pt}ol{grid-template-columns:repeat(5,1fr);gap:3mm}}
"""
"""CSS; an item of class `kept` has a dashed border."""
