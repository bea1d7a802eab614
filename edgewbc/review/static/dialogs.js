// The dialogs: who decides, sign-off, correction, help; and the banners above the cells.

import { $, count, make, when } from "./dom.js";
import { colorOf } from "./palette.js";

const ORDER = "1234567890ux";
const NAME = "edgewbc-review-name";

export const KEYS = [
  ["← ↑ → ↓", "move; with Shift, select"],
  ["PgUp PgDn", "move by a screen"],
  ["Home End", "first, last cell"],
  ["Enter", "confirm the software's label"],
  ["z, Ctrl+Z", "undo"],
  ["o", "next open cell"],
  ["Space", "select or deselect the cell"],
  ["a", "select the whole group"],
  ["v", "enlarge, and back"],
  ["f", "show in its field, and back"],
  ["m", "map of what the label rests on"],
  ["+ −", "larger, smaller"],
  ["s", "sign off"],
  ["n", "who decides"],
  ["Esc", "back; clear the selection"],
  ["?", "this help"],
];

export class Dialogs {
  constructor(cases, sync, actions) {
    this.cases = cases;
    this.sync = sync;
    this.actions = actions;
    this.who = sessionStorage.getItem(NAME) ?? "";
    for (const id of ["person", "sign", "correct"]) $(`${id}-cancel`).addEventListener("click", () => $(`${id}-dialog`).close("cancel"));
    $("person-dialog").querySelector("form").addEventListener("submit", (event) => this.named(event));
    $("sign-dialog").querySelector("form").addEventListener("submit", (event) => this.signed(event));
    $("correct-dialog").querySelector("form").addEventListener("submit", (event) => this.corrected(event));
    $("sign-first").addEventListener("click", () => {
      $("sign-dialog").close();
      actions.firstOpen();
    });
    $("help-single").addEventListener("change", (event) => actions.singleKeys(event.target.checked));
    for (const dialog of document.querySelectorAll("dialog")) {
      dialog.addEventListener("close", () => $("gallery").focus({ preventScroll: true }));
    }
  }

  get open() {
    return document.querySelector("dialog[open]") !== null;
  }

  // The name comes from the command line, from an earlier answer in this tab, or is asked for.
  begin() {
    if (!this.who) this.who = this.cases.info.by;
    this.drawPerson();
    if (!this.who && !this.cases.readOnly) this.askPerson();
  }

  drawPerson() {
    $("person-name").textContent = this.who || "Name?";
    $("person").title = `Who decides${this.who ? `: ${this.who}` : ""} (n)`;
  }

  askPerson() {
    $("person-input").value = this.who;
    $("person-error").textContent = "";
    $("person-dialog").showModal();
    $("person-input").focus();
  }

  named(event) {
    event.preventDefault();
    const name = $("person-input").value.trim();
    if (!name) {
      $("person-error").textContent = "Enter a name.";
      return;
    }
    this.who = name;
    sessionStorage.setItem(NAME, name);
    this.drawPerson();
    $("person-dialog").close();
  }

  // The sign-off shows what is signed. While a cell is open it says so, and offers to go there.
  askSign() {
    if (this.cases.info.closed) return;
    if (!this.who) {
      this.askPerson();
      return;
    }
    this.signShown = "";
    this.drawSign();
    $("sign-dialog").showModal();
    this.focusSign();
  }

  // While decisions are being saved, Enter presses nothing.
  focusSign() {
    const open = this.cases.openCount();
    $(open ? "sign-first" : this.sync.whole ? "sign-confirm" : "sign-dialog").focus();
  }

  // Keeps the open sign-off in step with the case: what is signed is what it shows.
  refreshSign() {
    if (!$("sign-dialog").open) return;
    if (this.cases.info.closed) {
      $("sign-dialog").close();
      return;
    }
    const before = this.signShown;
    this.drawSign();
    if (before && this.signShown !== before) $("sign-error").textContent = "The case changed meanwhile: look at it again.";
    if (document.activeElement !== $("sign-cancel")) this.focusSign();
  }

  drawSign() {
    const { info } = this.cases;
    const open = this.cases.openCount();
    const body = $("sign-body");
    const saving = !this.sync.whole;
    $("sign-error").textContent = "";
    $("sign-confirm").disabled = saving;
    $("sign-first").hidden = !open;
    $("sign-confirm").hidden = open > 0;
    if (open) {
      body.replaceChildren(make("p", { class: "wrong", text: `${count(open, "cell is", "cells are")} still open. A case can be signed when every cell is decided.` }));
      return;
    }
    if (saving) {
      body.replaceChildren(make("p", { text: "Decisions are being saved…" }));
      return;
    }
    this.signShown = JSON.stringify([info.differential, info.version]);
    const lines = info.differential.rows.map((row) => {
      const line = make("tr", {}, make("th", { scope: "row" }, make("span", { class: "swatch" }), row.title), make("td", { class: "number", text: row.values[0] }), make("td", { class: "number", text: row.values[1] ? `${row.values[1]} %` : "" }));
      line.style.setProperty("--color", colorOf(row.name));
      return line;
    });
    const decided = [...this.cases.cells.values()].filter((cell) => cell.decided !== "");
    const changed = decided.filter((cell) => cell.decided !== cell.machine);
    const unseen = this.cases.cells.size - this.cases.seen.size;
    const facts = [
      ["Case", `${info.name}, version ${info.version}`],
      ["Signed by", this.who],
      ["Decided by people", `${count(decided.length, "cell")}, ${changed.length.toLocaleString("en")} of them changed`],
      ["Shown in this window", `${this.cases.seen.size.toLocaleString("en")} of ${count(this.cases.cells.size, "cell")}`],
      ["Software", `${info.bundle} ${info.hashes.bundle.slice(0, 12)}`],
      ["Microscope profile", info.hashes.profile ? info.hashes.profile.slice(0, 12) : "none"],
    ];
    const notes = [make("p", { text: "Signing closes the case: what is signed is never changed, only corrected in a new version." })];
    if (unseen > 0) notes.unshift(make("p", { class: "note", text: `${count(unseen, "cell was", "cells were")} not shown in this window. They keep the software's label or what was decided before.` }));
    body.replaceChildren(
      make("div", { class: "table" }, make("table", {}, make("tbody", {}, ...lines))),
      make("ul", { class: "muted remarks" }, ...info.differential.remarks.map((text) => make("li", { text }))),
      make("dl", { class: "facts-list" }, ...facts.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })])),
      ...notes,
    );
  }

  // What the person has looked at, for the record; the server adds the differential.
  seen() {
    return { shown: this.cases.seen.size, filter: this.cases.filter, screen: `${window.innerWidth}x${window.innerHeight}` };
  }

  async signed(event) {
    event.preventDefault();
    if (!this.sync.whole) return;
    try {
      await this.sync.signOff({ who: this.who, seen: this.seen() });
      $("sign-dialog").close();
      this.actions.signed();
    } catch (error) {
      if (error.body?.changes) this.sync.take(error.body.changes, []);
      $("sign-error").textContent = `Not signed: ${error.message}`;
    }
  }

  askCorrect() {
    if (!this.who) {
      this.askPerson();
      return;
    }
    $("correct-error").textContent = "";
    $("correct-reason").value = "";
    $("correct-dialog").showModal();
    $("correct-reason").focus();
  }

  async corrected(event) {
    event.preventDefault();
    const why = $("correct-reason").value.trim();
    if (!why) {
      $("correct-error").textContent = "Enter a reason.";
      return;
    }
    try {
      await this.sync.correct({ who: this.who, why });
      $("correct-dialog").close();
      this.actions.corrected();
    } catch (error) {
      $("correct-error").textContent = error.message;
    }
  }

  showHelp(single) {
    const entries = (pairs) => pairs.map(([keys, what]) => make("div", { class: "entry" }, make("dt", {}, ...keys.split(/[ ,]+/).map((key) => make("kbd", { text: key }))), make("dd", { text: what })));
    $("help-classes").replaceChildren(...entries([...this.cases.labels].filter((label) => label.key).sort((a, b) => ORDER.indexOf(a.key) - ORDER.indexOf(b.key)).map((label) => [label.key, label.title])));
    $("help-keys").replaceChildren(...entries(KEYS.filter(([key]) => key !== "m" || this.cases.info.maps !== null)));
    $("help-single").checked = single;
    $("help-dialog").showModal();
  }
}

// A line above the cells. `kind` is "note", "warning" or "error"; the same name replaces the line before.
export function banner(name, kind, text, ...buttons) {
  hideBanner(name);
  const line = make("div", { class: `banner ${kind}`, role: kind === "error" ? "alert" : "status" }, make("span", { text }), ...buttons);
  line.dataset.name = name;
  $("banners").append(line);
  return line;
}

// A line above the cells whose long text opens below it, so that it takes no room from them.
export function foldedBanner(name, kind, title, text) {
  if ($("banners").querySelector(`[data-name="${name}"]`)?.dataset.text === text) return;
  const line = banner(name, kind, "");
  line.dataset.text = text;
  line.replaceChildren(make("details", {}, make("summary", { text: title }), make("p", { text: text.replaceAll("`", "") })));
}

export function hideBanner(name) {
  $("banners").querySelector(`[data-name="${name}"]`)?.remove();
}

export function signedText(signed) {
  return `Signed by ${signed.who} on ${when(signed.at)}. This version is closed and can only be read.`;
}
