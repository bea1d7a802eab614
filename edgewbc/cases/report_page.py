"""The page of a case's report: its HTML and its style, on screens and on paper (A4); `report` fills it in."""

from __future__ import annotations

from string import Template

PAGE = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ink: #1d1d1f; --soft: #5c5f66; --line: #d4d7dc; --page: #fff; --tint: #f3f5f8;
  --warn: #9a3412; --warn-page: #fff4ec; --frame: #0b62d6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9eaec; --soft: #a5a9b1; --line: #44474d; --page: #17181b;
  --tint: #22242a; --warn: #ffb085; --warn-page: #3a2217; --frame: #6aa8ff; } }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --page: #fff; --tint: #f3f5f8;
  --warn: #8a2c0d; --warn-page: #fff; --frame: #0b62d6; } }
* { box-sizing: border-box; }
body { font: 15px/1.45 system-ui, "Segoe UI", sans-serif; color: var(--ink); background: var(--page); }
body { max-width: 54rem; margin: 0 auto; padding: 1.25rem; }
header { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline; gap: .3rem 1rem; }
h1 { font-size: 1.45rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 1.1rem 0 .3rem; }
h3 { font-size: .85rem; margin: 0 0 .2rem; font-weight: 600; }
h3 span { color: var(--soft); font-weight: 400; }
p { margin: .3rem 0; }
ul { margin: .2rem 0; padding-left: 1.2rem; }
.state { border: 1.5px solid currentColor; border-radius: 4px; padding: .1rem .45rem; letter-spacing: .03em; }
.state.draft { color: var(--warn); }
.research, .problem { border-left: 4px solid var(--warn); background: var(--warn-page); padding: .35rem .7rem; }
.research { margin-top: .6rem; font-size: .9rem; }
.note { color: var(--soft); font-size: .85rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .5rem 1rem; margin: .9rem 0; }
dl div { min-width: 0; }
dt { color: var(--soft); font-size: .8rem; }
dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .5rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child { text-align: left; padding-left: 0; }
tbody th { font-weight: 400; }
thead th { color: var(--soft); font-size: .8rem; font-weight: 600; }
tr.total th, tr.total td { font-weight: 600; border-bottom: 2px solid var(--ink); }
tr.out th, tr.out td { font-weight: 700; }
tr.out th::after { content: " \\25C0"; color: var(--warn); font-size: .75em; }
table.changes { font-size: .85rem; }
table.changes th, table.changes td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: .7rem 1rem; }
.group > div { display: flex; flex-wrap: wrap; gap: 3px; }
.group img { display: block; width: 34px; height: 34px; border-radius: 3px; border: 1px solid var(--line); }
.group img.changed { border: 2.5px solid var(--frame); }
footer { margin-top: 1.2rem; padding-top: .5rem; border-top: 1px solid var(--line); }
footer { color: var(--soft); font-size: .72rem; overflow-wrap: anywhere; }
footer p { margin: .1rem 0; }
@media screen { .group img { width: 46px; height: 46px; } }
@media screen and (max-width: 600px) { body { padding: 1rem; } .wide table { font-size: .76rem; }
  .wide th, .wide td { padding: .3rem .16rem; } .wide thead th, .wide th:first-child { white-space: normal; }
  .changes thead { display: none; } .changes tr { display: block; padding: .4rem 0; }
  .changes tr { border-bottom: 1px solid var(--line); }
  .changes th, .changes td { display: flex; gap: .6rem; padding: .05rem 0 !important; border: 0; }
  .changes [data-name]::before { content: attr(data-name); color: var(--soft); flex: 0 0 5.5rem; } }
body.draft::before { content: "DRAFT"; position: fixed; inset: 38% 0 auto; text-align: center; font-size: 9rem;
  font-weight: 800; letter-spacing: .1em; color: var(--warn); opacity: .09; transform: rotate(-24deg);
  pointer-events: none; }
@page { size: A4; margin: 9mm 13mm; }
@media print { :root { font-size: 8.3pt; } body { font-size: 1rem; line-height: 1.25; max-width: none; padding: 0; }
  footer { font-size: 6.5pt; }
  section, .group, tr { break-inside: avoid; } h2 { margin: .5rem 0 .1rem; } p { margin: .1rem 0; }
  dl { margin: .5rem 0; grid-template-columns: repeat(3, 1fr); gap: .2rem 1rem; } th, td { padding: .1rem .4rem; }
  .gallery { grid-template-columns: 1fr 1fr; gap: .3rem 1rem; } footer { margin-top: .6rem; }
  .problem, .research { border: 1px solid var(--warn); border-left-width: 4px; } }
</style>
</head>
<body$mark>
<header><h1>Differential blood count: $case</h1><div>$state</div></header>
<p class="research">$research</p>
$facts
$warning
$open
<div class="wide">$table</div>
<p class="note">$limits</p>
$notes
$flags
$gallery
$changes
$signatures
<footer>$made_with</footer>
</body>
</html>
"""
)
