// The enlarged view in place of the gallery: the cell, its map, or the field around it. All keys go on working.

import { getBlob, getField } from "./api.js";
import { $, say } from "./dom.js";
import { setImage } from "./panel.js";

const STEP = 1.35;
const MOST = 16;

export class Stage {
  constructor(cases) {
    this.cases = cases;
    this.mode = "";
    this.map = false;
    this.turn = 0;
    this.zoom = 1;
    this.shift = { x: 0, y: 0 };
    this.frame = $("stage-frame");
    this.view = $("stage-view");
    cases.addEventListener("focus", () => this.follow());
    cases.addEventListener("cells", () => this.follow());
    new ResizeObserver(() => this.fit()).observe(this.view);
    this.listen();
  }

  get open() {
    return this.mode !== "";
  }

  show(mode) {
    this.mode = mode;
    $("stage").hidden = !mode;
    document.body.classList.toggle("staged", mode !== "");
    $("stage-cell").setAttribute("aria-pressed", String(mode === "cell"));
    $("stage-field").setAttribute("aria-pressed", String(mode === "field"));
    $("stage-map").hidden = this.cases.info.maps === null || mode !== "cell";
    this.shown = "";
    this.zoom = 1;
    this.shift = { x: 0, y: 0 };
    if (mode) this.follow();
    else {
      say("Gallery");
      $("gallery").focus({ preventScroll: true });
    }
  }

  setMap(on) {
    this.map = on;
    $("stage-map").setAttribute("aria-pressed", String(on));
    this.shown = "";
    if (this.open) this.follow();
  }

  async follow() {
    if (!this.open) return;
    const cell = this.cases.cells.get(this.cases.place?.has(this.cases.focus) ? this.cases.focus : 0);
    if (!cell) {
      this.show("");
      return;
    }
    const label = cell.open ? "open" : cell.excluded ? "not counted" : this.cases.titleOf(cell.label);
    $("stage-title").textContent = `Cell ${cell.order}: ${label}`;
    const key = `${cell.id} ${this.mode}`;
    if (this.shown === key) return;
    this.shown = key;
    this.turn += 1; // what is fetched for an earlier turn is dropped
    const { turn } = this;
    const field = this.mode === "field";
    $("stage-box").hidden = true;
    $("stage-overlay").hidden = true;
    $("stage-note").hidden = true;
    $("stage-caption").textContent = this.cases.info.maps ?? "";
    $("stage-caption").hidden = !(this.map && !field && this.cases.info.maps !== null);
    try {
      const { blob, box } = field ? await getField(cell.id) : { blob: await getBlob(`/api/cells/${cell.id}/image`), box: null };
      if (this.turn !== turn) return;
      const image = $("stage-image");
      setImage(image, blob);
      await image.decode();
      if (this.turn !== turn) return;
      this.frame.hidden = false;
      this.box = box;
      this.fit();
      if (this.map && !field && this.cases.info.maps !== null) {
        const overlay = await getBlob(`/api/cells/${cell.id}/map`);
        if (this.turn !== turn) return;
        setImage($("stage-overlay"), overlay);
        $("stage-overlay").hidden = false;
      }
    } catch (error) {
      if (this.turn !== turn) return;
      this.frame.hidden = true;
      $("stage-note").hidden = false;
      $("stage-note").textContent = `The image cannot be shown: ${error.message}`;
    }
  }

  // Places the image: whole in the view at zoom 1, and never out of it.
  fit() {
    const image = $("stage-image");
    if (!this.open || !image.naturalWidth) return;
    const [wide, tall] = [this.view.clientWidth, this.view.clientHeight];
    const scale = Math.min(wide / image.naturalWidth, tall / image.naturalHeight) * this.zoom;
    const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
    const slack = { x: Math.max(0, (width - wide) / 2), y: Math.max(0, (height - tall) / 2) };
    this.shift.x = Math.max(-slack.x, Math.min(slack.x, this.shift.x));
    this.shift.y = Math.max(-slack.y, Math.min(slack.y, this.shift.y));
    Object.assign(this.frame.style, {
      width: `${width}px`,
      height: `${height}px`,
      transform: `translate(${(wide - width) / 2 + this.shift.x}px, ${(tall - height) / 2 + this.shift.y}px)`,
    });
    const box = $("stage-box");
    box.hidden = !this.box;
    if (!this.box) return;
    const [left, top, boxWidth, boxHeight] = this.box;
    Object.assign(box.style, {
      left: `${100 * left}%`,
      top: `${100 * top}%`,
      width: `${100 * boxWidth}%`,
      height: `${100 * boxHeight}%`,
    });
  }

  zoomBy(steps, at) {
    const before = this.zoom;
    this.zoom = Math.max(1, Math.min(MOST, this.zoom * STEP ** steps));
    const frame = this.view.getBoundingClientRect();
    const from = at ? { x: at.clientX - frame.left - frame.width / 2, y: at.clientY - frame.top - frame.height / 2 } : { x: 0, y: 0 };
    const ratio = this.zoom / before;
    this.shift = { x: from.x - (from.x - this.shift.x) * ratio, y: from.y - (from.y - this.shift.y) * ratio };
    this.fit();
  }

  listen() {
    this.view.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(event.deltaY < 0 ? 1 : -1, event);
    }, { passive: false });
    const fingers = new Map();
    this.view.addEventListener("pointerdown", (event) => {
      fingers.set(event.pointerId, event);
      this.view.setPointerCapture(event.pointerId);
    });
    this.view.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      const other = [...fingers.values()].find((each) => each.pointerId !== event.pointerId);
      if (other) {
        const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
        this.zoomBy(Math.log(Math.max(1, apart(event)) / Math.max(1, apart(before))) / Math.log(STEP), other);
      } else {
        this.shift.x += event.clientX - before.clientX;
        this.shift.y += event.clientY - before.clientY;
        this.fit();
      }
      fingers.set(event.pointerId, event);
    });
    for (const name of ["pointerup", "pointercancel"]) this.view.addEventListener(name, (event) => fingers.delete(event.pointerId));
    $("stage-cell").addEventListener("click", () => this.show("cell"));
    $("stage-field").addEventListener("click", () => this.show("field"));
    $("stage-in").addEventListener("click", () => this.zoomBy(1));
    $("stage-out").addEventListener("click", () => this.zoomBy(-1));
    $("stage-close").addEventListener("click", () => this.show(""));
  }
}
