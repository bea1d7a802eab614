// The side of the page: the selected cell, the classes to assign, the live differential, the history of the cell.

import { getBlob, getJson } from "./api.js";
import { $, count, make, percent, when } from "./dom.js";
import { colorOf } from "./palette.js";

const STATUS = {
  ok: "accepted by the software",
  review: "software asks for a review",
  unfamiliar: "unlike the training cells",
  error: "could not be read",
};
const TO_CONFIRM = "a person has to confirm it";

export class Panel {
  constructor(cases, thumbs, assign) {
    this.cases = cases;
    this.thumbs = thumbs;
    this.assign = assign;
    this.details = new Map();
    this.map = false;
    this.shown = 0;
    cases.addEventListener("focus", () => this.draw());
    cases.addEventListener("cells", (event) => {
      for (const id of event.detail) this.details.delete(id);
      this.draw();
    });
  }

  // Makes the buttons of the classes; each names its key.
  setLabels() {
    $("classes").replaceChildren(
      ...this.cases.labels.map((label) => {
        const button = make("button", { type: "button", class: "class", title: label.title, "aria-keyshortcuts": label.key || null, onclick: () => this.assign(label.name) },
          make("kbd", { text: label.key || " ", "aria-hidden": "true" }), make("span", { class: "swatch" }), make("span", { class: label.title.length > 13 ? "class-name long" : "class-name", text: label.title }), make("span", { class: "sure", title: "probability by the software, in percent" }));
        button.style.setProperty("--color", colorOf(label.name));
        button.dataset.label = label.name;
        return button;
      }),
    );
  }

  draw() {
    if (this.planned || !this.cases.info) return;
    this.planned = true;
    requestAnimationFrame(() => {
      this.planned = false;
      this.show();
      this.progress();
    });
  }

  show() {
    const { cases } = this;
    const targets = cases.targets();
    const cell = cases.cells.get(cases.place?.has(cases.focus) ? cases.focus : 0);
    document.body.classList.toggle("several", targets.length > 1);
    for (const button of $("classes").children) {
      button.disabled = cases.readOnly || !targets.length;
      button.setAttribute("aria-pressed", String(targets.length === 1 && cell?.label === button.dataset.label));
      button.classList.toggle("machine", targets.length === 1 && cell?.machine === button.dataset.label);
      button.querySelector(".sure").textContent = "";
    }
    for (const id of ["show-large", "show-field", "show-map"]) $(id).disabled = !cell;
    $("show-map").hidden = cases.info.maps === null;
    if (!cell) {
      $("detail-title").textContent = "No cell selected";
      for (const id of ["detail-status", "detail-reason", "detail-file"]) $(id).textContent = "";
      $("detail-image").removeAttribute("src");
      $("history").replaceChildren();
      this.shown = 0;
      return;
    }
    const title = (name) => cases.titleOf(name);
    $("detail-title").textContent = targets.length > 1 ? `${targets.length} cells selected` : `Cell ${cell.order}: ${cell.open ? "open" : cell.excluded ? "not counted" : title(cell.label)}`;
    $("detail-status").textContent = targets.length > 1 ? "A key or a button assigns a class to all of them." : cell.machine ? `${title(cell.machine)} ${percent(cell.probability)}: ${cell.open && cell.status === "ok" ? TO_CONFIRM : STATUS[cell.status]}` : STATUS[cell.status];
    $("detail-file").textContent = cell.number ? `${cell.name}, cell ${cell.number}` : cell.name;
    $("detail-file").title = cell.name;
    if (this.shown !== cell.id) {
      this.shown = cell.id;
      $("detail-image").src = this.thumbs.get(cell.id) || "";
      if (!this.thumbs.get(cell.id)) $("detail-image").removeAttribute("src");
      $("detail-map").hidden = true;
      $("detail-reason").textContent = "";
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.enlarge(cell.id), 60);
    }
    this.detail(cell);
  }

  // Replaces the thumbnail by the crop in full, once the focus rests.
  async enlarge(id) {
    try {
      const blob = await getBlob(`/api/cells/${id}/image`);
      if (this.shown !== id) return;
      setImage($("detail-image"), blob);
      $("detail-image").alt = `Cell ${this.cases.cells.get(id)?.order ?? ""}`;
      if (this.map) await this.drawMap(id);
    } catch {
      // The thumbnail stays.
    }
  }

  async drawMap(id) {
    if (this.cases.info.maps === null) return;
    const blob = await getBlob(`/api/cells/${id}/map`);
    if (this.shown !== id || !this.map) return;
    setImage($("detail-map"), blob);
    $("detail-map").hidden = false;
  }

  toggleMap() {
    this.map = !this.map;
    $("show-map").setAttribute("aria-pressed", String(this.map));
    $("detail-map").hidden = true;
    $("map-note").textContent = this.cases.info.maps ?? "";
    $("map-note").hidden = !this.map;
    if (this.map && this.shown) this.drawMap(this.shown).catch(() => {});
    return this.map;
  }

  // Fetches what the list of cells does not hold: probabilities, reasons, history.
  async detail(cell) {
    const key = `${cell.id} ${cell.rev}`;
    this.wanted = key;
    let found = this.details.get(cell.id);
    if (!found) {
      await new Promise((done) => setTimeout(done, 60));
      if (this.wanted !== key) return;
      try {
        found = await getJson(`/api/cells/${cell.id}`);
      } catch {
        return;
      }
      this.details.set(cell.id, found);
    }
    if (this.wanted !== key || this.cases.focus !== cell.id) return;
    const one = this.cases.targets().length < 2;
    $("detail-reason").textContent = one ? [cell.excluded, ...found.reasons].filter((text) => text && text !== STATUS[cell.status]).join("; ") : "";
    for (const button of $("classes").children) {
      const sure = one ? found.probabilities[button.dataset.label] : undefined;
      button.querySelector(".sure").textContent = sure === undefined ? "" : String(Math.round(100 * sure));
    }
    const name = (label) => (label ? this.cases.titleOf(label) : "no label");
    $("history").replaceChildren(
      ...found.history.map((each) => make("li", { text: `${when(each.at)}: ${each.who}${each.new && each.new === each.old ? ` confirmed ${name(each.new)}` : `: ${name(each.old)} → ${each.new ? name(each.new) : "as before"}`}${each.why ? ` (${each.why})` : ""}` })),
    );
    $("history").parentElement.hidden = !found.history.length;
  }

  // Draws the differential that the server has computed from what is saved.
  differential() {
    const found = this.cases.info.differential;
    const head = make("tr", {}, ...found.columns.map((name, index) => make("th", { scope: "col", class: index ? "number" : "", text: name })));
    const rows = found.rows.map((row) => {
      const line = make("tr", { class: row.apart ? "apart" : "" }, make("th", { scope: "row" }, make("span", { class: "swatch" }), row.title), ...row.values.map((value) => make("td", { class: "number", text: value })));
      line.style.setProperty("--color", colorOf(row.name));
      return line;
    });
    $("differential").replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
    $("differential-note").textContent = found.note;
    $("differential-remarks").replaceChildren(...found.remarks.map((text) => make("li", { text })));
  }

  // How much is done; what is not confirmed by the server yet counts as done.
  progress() {
    const open = this.cases.openCount();
    const all = this.cases.cells.size;
    $("progress").setAttribute("aria-valuemax", String(all));
    $("progress").setAttribute("aria-valuenow", String(all - open));
    $("progress-bar").style.width = `${all ? (100 * (all - open)) / all : 100}%`;
    $("progress-text").textContent = open ? `${count(open, "open cell")} of ${all.toLocaleString("en")}` : `${count(all, "cell")}, none open`;
    $("progress").setAttribute("aria-valuetext", $("progress-text").textContent);
  }
}

// Shows a blob in an image, and frees the one before.
export function setImage(image, blob) {
  const before = image.dataset.url;
  const url = URL.createObjectURL(blob);
  image.src = url;
  image.dataset.url = url;
  if (before) URL.revokeObjectURL(before);
}
