// The gallery: groups of cells, of which only those on the screen are elements of the page.

import { $, count, make, percent } from "./dom.js";
import { colorOf } from "./palette.js";

const SIZES = [56, 72, 92, 120, 160, 220];
const GAP = 6;
const CAPTION = 20;
const HEAD = 34;
const SPACE = 14;
const MARGIN = 12;
const SCREENS_AROUND = 0.75;
const DRAG = 6;
const MARKS = { review: "?", unfamiliar: "!", error: "×" };
const STATUS = { review: "for review", unfamiliar: "unfamiliar", error: "unreadable", ok: "accepted by the software" };

export class Gallery {
  constructor(cases, thumbs, onOpen) {
    this.cases = cases;
    this.thumbs = thumbs;
    this.onOpen = onOpen;
    this.view = $("gallery");
    this.sheet = $("sheet");
    this.size = Number(localStorage.getItem("edgewbc-size") ?? 3);
    if (!(this.size in SIZES)) this.size = 3;
    this.tiles = new Map();
    this.sections = new Map();
    this.touching = false;
    this.planned = false;
    cases.addEventListener("cells", () => this.plan(true));
    cases.addEventListener("focus", () => this.plan(false));
    this.view.addEventListener("scroll", () => this.plan(false), { passive: true });
    new ResizeObserver(() => this.plan(true)).observe(this.view);
    this.listen();
  }

  plan(layout) {
    this.stale = this.stale || layout;
    if (this.planned) return;
    this.planned = true;
    requestAnimationFrame(() => {
      this.planned = false;
      if (this.stale) this.layout();
      this.stale = false;
      this.draw();
    });
  }

  resize(step) {
    this.size = Math.max(0, Math.min(SIZES.length - 1, this.size + step));
    localStorage.setItem("edgewbc-size", String(this.size));
    this.layout();
    this.reveal(this.cases.focus);
    this.plan(true);
  }

  // Computes where every group lies.
  layout() {
    const width = this.view.clientWidth - 2 * MARGIN;
    this.columns = Math.max(1, Math.floor((width + GAP) / (SIZES[this.size] + GAP)));
    const side = Math.floor((width + GAP) / this.columns) - GAP;
    this.side = side;
    this.step = { x: side + GAP, y: side + CAPTION + GAP };
    let top = MARGIN / 2;
    this.areas = this.cases.groups.map((group) => {
      const rows = Math.ceil(group.ids.length / this.columns);
      const area = { group, top, height: HEAD + rows * this.step.y };
      top += area.height + SPACE;
      return area;
    });
    this.sheet.style.height = `${top}px`;
    this.view.style.setProperty("--side", `${side}px`);
  }

  draw() {
    if (!this.areas) return;
    const from = this.view.scrollTop;
    const height = this.view.clientHeight;
    const [first, last] = [from - height * SCREENS_AROUND, from + height * (1 + SCREENS_AROUND)];
    const shown = new Set();
    const visible = [];
    const near = [];
    const sections = new Set();
    for (const area of this.areas) {
      if (area.top > last || area.top + area.height < first) continue;
      const section = this.section(area);
      sections.add(area.group.key);
      const row = (y) => Math.floor((y - area.top - HEAD) / this.step.y);
      const low = Math.max(0, row(first)) * this.columns;
      const high = Math.min(area.group.ids.length, (row(last) + 1) * this.columns);
      for (let index = low; index < high; index += 1) {
        const id = area.group.ids[index];
        const y = HEAD + Math.floor(index / this.columns) * this.step.y;
        const tile = this.tile(id, section);
        tile.style.transform = `translate(${(index % this.columns) * this.step.x}px, ${y}px)`;
        tile.setAttribute("aria-posinset", String(index + 1));
        tile.setAttribute("aria-setsize", String(area.group.ids.length));
        shown.add(id);
        const inside = area.top + y < from + height && area.top + y + this.step.y > from;
        (inside ? visible : near).push(id);
      }
    }
    for (const [id, tile] of this.tiles) {
      if (!shown.has(id)) {
        tile.remove();
        this.tiles.delete(id);
      }
    }
    for (const [key, section] of this.sections) {
      if (!sections.has(key)) {
        section.remove();
        this.sections.delete(key);
      }
    }
    this.thumbs.want([...visible, ...near]);
    this.visible = visible;
    const active = this.cases.place?.has(this.cases.focus) && shown.has(this.cases.focus) ? `c${this.cases.focus}` : "";
    if (active) this.view.setAttribute("aria-activedescendant", active);
    else this.view.removeAttribute("aria-activedescendant");
  }

  section(area) {
    const { key, title, ids } = area.group;
    let section = this.sections.get(key);
    if (!section) {
      section = make("div", { class: "group", role: "group" }, make("div", { class: "group-head", "aria-hidden": "true" },
        make("span", { class: "swatch" }), make("span", { class: "group-title" }), make("span", { class: "group-count" })));
      section.style.setProperty("--color", colorOf(key));
      section.dataset.key = key;
      this.sections.set(key, section);
    }
    section.style.top = `${area.top}px`; // not a transform: the sticky heading would not know of it
    section.style.height = `${area.height}px`;
    section.setAttribute("aria-label", `${title}, ${count(ids.length, "cell")}`);
    section.querySelector(".group-title").textContent = title;
    section.querySelector(".group-count").textContent = ids.length.toLocaleString("en");
    if (section.parentNode !== this.sheet) this.sheet.append(section);
    return section;
  }

  tile(id, section) {
    const cell = this.cases.cells.get(id);
    let tile = this.tiles.get(id);
    if (!tile) {
      tile = make("div", { class: "tile", role: "option", id: `c${id}` }, make("div", { class: "thumb" }, make("span", { class: "mark" })),
        make("div", { class: "caption" }, make("span", { class: "swatch" }), make("span", { class: "short" }), make("span", { class: "sure" })));
      tile.dataset.id = String(id);
      this.tiles.set(id, tile);
    }
    if (tile.parentNode !== section) section.append(tile);
    const selected = this.cases.selection.has(id);
    const focused = id === this.cases.focus;
    tile.setAttribute("aria-selected", String(selected || (focused && !this.cases.selection.size)));
    tile.classList.toggle("selected", selected);
    tile.classList.toggle("focused", focused);
    if (tile.cell !== cell) {
      tile.cell = cell;
      this.fill(tile, cell);
    }
    if (!tile.drawn) this.show(tile, id);
    return tile;
  }

  fill(tile, cell) {
    const label = this.cases.labels.find((each) => each.name === (cell.label || cell.machine));
    const short = cell.label || cell.machine ? (label?.short ?? cell.label ?? cell.machine) : "–";
    tile.classList.toggle("pending", Boolean(cell.pending));
    tile.classList.toggle("open", cell.open);
    tile.classList.toggle("person", cell.decided !== "");
    tile.style.setProperty("--color", colorOf(cell.label || cell.machine));
    tile.querySelector(".short").textContent = short;
    tile.querySelector(".sure").textContent = cell.decided ? "✓" : percent(cell.probability);
    const mark = tile.querySelector(".mark");
    mark.textContent = cell.open ? (MARKS[cell.status] ?? "?") : "";
    tile.setAttribute("aria-label", this.describe(cell));
    tile.title = cell.name;
  }

  // What a screen reader says of a cell.
  describe(cell) {
    const title = (name) => this.cases.titleOf(name);
    const software = cell.machine ? `software: ${title(cell.machine)} ${percent(cell.probability)}, ${cell.open && cell.status === "ok" ? "to confirm" : STATUS[cell.status]}` : `software: no label`;
    if (cell.open) return `Cell ${cell.order}, open, ${software}`;
    if (cell.excluded) return `Cell ${cell.order}, not counted: ${cell.excluded}`;
    return `Cell ${cell.order}, ${title(cell.label)}${cell.decided ? `, decided by ${cell.who || "you"}` : ""}, ${software}`;
  }

  show(tile, id) {
    const url = this.thumbs.get(id);
    if (url === "") return;
    tile.drawn = true;
    const box = tile.querySelector(".thumb");
    if (url === null) {
      box.classList.add("none");
      return;
    }
    const image = make("img", { alt: "", draggable: "false", src: url });
    box.prepend(image);
  }

  // Called when thumbnails have come.
  arrived(ids) {
    for (const id of ids) {
      const tile = this.tiles.get(id);
      if (tile && !tile.drawn) this.show(tile, id);
    }
  }

  // Scrolls so that a cell is on the screen.
  reveal(id) {
    if (this.stale || !this.areas) this.layout();
    const place = this.cases.place?.get(id);
    if (!place) return;
    const area = this.areas[place.group];
    const row = Math.floor(place.index / this.columns);
    const top = area.top + (row ? HEAD + row * this.step.y : 0);
    const bottom = area.top + HEAD + (row + 1) * this.step.y;
    const covered = row ? HEAD : 0; // by the heading, which stays at the top
    if (top - covered < this.view.scrollTop) this.view.scrollTop = top - covered - 4;
    else if (bottom > this.view.scrollTop + this.view.clientHeight) this.view.scrollTop = bottom - this.view.clientHeight + 4;
  }

  // Moves the focus by arrows: within a row, between rows, and on to the next group.
  neighbor(id, key) {
    const { groups, place, flat } = this.cases;
    const here = place.get(id);
    if (!here) return flat[0] ?? 0;
    const group = groups[here.group].ids;
    const column = here.index % this.columns;
    const rows = Math.max(1, Math.floor(this.view.clientHeight / this.step.y) - 1);
    const down = (count) => {
      const index = here.index + count * this.columns;
      if (index < group.length) return group[index];
      if (Math.floor(here.index / this.columns) < Math.floor((group.length - 1) / this.columns)) return group.at(-1);
      const next = groups[here.group + 1]?.ids;
      return next ? next[Math.min(column, next.length - 1)] : id;
    };
    const up = (count) => {
      const index = here.index - count * this.columns;
      if (index >= 0) return group[index];
      if (here.index >= this.columns) return group[column];
      const before = groups[here.group - 1]?.ids;
      if (!before) return id;
      const last = Math.floor((before.length - 1) / this.columns) * this.columns;
      return before[Math.min(last + column, before.length - 1)];
    };
    switch (key) {
      case "ArrowLeft": return flat[Math.max(0, here.flat - 1)];
      case "ArrowRight": return flat[Math.min(flat.length - 1, here.flat + 1)];
      case "ArrowDown": return down(1);
      case "ArrowUp": return up(1);
      case "PageDown": return down(rows);
      case "PageUp": return up(rows);
      case "Home": return flat[0];
      default: return flat.at(-1);
    }
  }

  // The cells that a rectangle of the sheet touches.
  within(box) {
    const found = [];
    for (const area of this.areas) {
      if (area.top > box.bottom || area.top + area.height < box.top) continue;
      area.group.ids.forEach((id, index) => {
        const x = MARGIN + (index % this.columns) * this.step.x;
        const y = area.top + HEAD + Math.floor(index / this.columns) * this.step.y;
        const apart = x > box.right || x + this.side < box.left || y > box.bottom || y + this.step.y - GAP < box.top;
        if (!apart) found.push(id);
      });
    }
    return found;
  }

  listen() {
    const { view, cases } = this;
    const idOf = (event) => Number(event.target.closest?.(".tile")?.dataset.id ?? 0);
    let drag = null;
    const point = (event) => {
      const frame = view.getBoundingClientRect();
      return { x: event.clientX - frame.left, y: event.clientY - frame.top + view.scrollTop };
    };
    const band = (event) => {
      const to = point(event);
      const box = { left: Math.min(drag.x, to.x), right: Math.max(drag.x, to.x), top: Math.min(drag.y, to.y), bottom: Math.max(drag.y, to.y) };
      Object.assign($("band").style, { left: `${box.left}px`, top: `${box.top}px`, width: `${box.right - box.left}px`, height: `${box.bottom - box.top}px` });
      $("band").hidden = false;
      cases.select([...drag.before, ...this.within(box)]);
    };
    view.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch" || event.offsetX > view.clientWidth) return;
      drag = { ...point(event), id: idOf(event), moved: false, before: event.ctrlKey || event.metaKey || event.shiftKey ? [...cases.selection] : [] };
      view.setPointerCapture(event.pointerId);
      view.focus({ preventScroll: true });
      event.preventDefault();
    });
    view.addEventListener("pointermove", (event) => {
      if (!drag) return;
      const to = point(event);
      if (!drag.moved && Math.hypot(to.x - drag.x, to.y - drag.y) < DRAG) return;
      drag.moved = true;
      const frame = view.getBoundingClientRect();
      if (event.clientY > frame.bottom - 24) view.scrollTop += 24;
      if (event.clientY < frame.top + 24) view.scrollTop -= 24;
      band(event);
    });
    const end = (event) => {
      if (!drag) return;
      const { id, moved } = drag;
      drag = null;
      $("band").hidden = true;
      if (moved) {
        const [first] = cases.targets();
        if (first && cases.selection.size) {
          cases.focus = cases.anchor = first;
          cases.dispatchEvent(new Event("focus"));
        }
        return;
      }
      if (!id) cases.select([]);
      else if (event.ctrlKey || event.metaKey || this.touching) cases.toggle(id, !this.touching);
      else cases.moveFocus(id, { extend: event.shiftKey });
    };
    view.addEventListener("pointerup", end);
    view.addEventListener("pointercancel", () => {
      drag = null;
      $("band").hidden = true;
    });
    // A finger scrolls; a tap is a click without the events above.
    view.addEventListener("click", (event) => {
      if (event.pointerType !== "touch") return;
      const key = this.touching && event.target.closest?.(".group-head")?.parentNode.dataset.key;
      if (key) {
        cases.select(cases.groups.find((group) => group.key === key)?.ids ?? [], true);
        return;
      }
      const id = idOf(event);
      if (!id) return;
      if (this.touching) cases.toggle(id, false);
      else cases.moveFocus(id);
    });
    view.addEventListener("dblclick", (event) => {
      const id = Number(document.elementFromPoint(event.clientX, event.clientY)?.closest?.(".tile")?.dataset.id ?? 0);
      if (id) this.onOpen(id);
    });
  }
}
