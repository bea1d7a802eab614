// The review page: puts its parts together.

import { takeToken } from "./api.js";
import { Cases, FILTERS } from "./cases.js";
import { Dialogs, banner, foldedBanner, hideBanner, signedText } from "./dialogs.js";
import { $, count, make, say } from "./dom.js";
import { Gallery } from "./gallery.js";
import { Keys } from "./keys.js";
import { Panel } from "./panel.js";
import { Stage } from "./stage.js";
import { Sync } from "./sync.js";
import { Thumbs } from "./thumbs.js";

const TAB = "edgewbc-tab";
const SEEN = "edgewbc-seen";
const UNLIKE = "This slide looks unlike the training images: a person confirms every cell.";

const cases = new Cases();
const sync = new Sync(cases);
const thumbs = new Thumbs((ids) => gallery.arrived(ids));
const stage = new Stage(cases);
const gallery = new Gallery(cases, thumbs, (id) => {
  cases.moveFocus(id);
  stage.show("cell");
});

sync.tab = sessionStorage.getItem(TAB) ?? crypto.randomUUID();
sessionStorage.setItem(TAB, sync.tab);

// Keys that were pressed while an undo was on its way: they mean the cell that it brings back.
const waiting = [];

function waits(action) {
  if (!sync.undoing && !waiting.length) return false;
  waiting.push(action);
  return true;
}

const actions = {
  inDialog: () => dialogs.open,
  labelOf: (key) => cases.labels?.find((label) => label.key === key)?.name ?? "",
  assign(label) {
    if (waits(() => actions.assign(label))) return true;
    const ids = cases.targets();
    if (!ids.length) return true;
    if (cases.info.closed) {
      say("This version is signed and can only be read.");
      return true;
    }
    if (sync.gone) {
      say("The server does not respond. Nothing is accepted.");
      return true;
    }
    if (!dialogs.who) {
      dialogs.askPerson();
      return true;
    }
    const spot = cases.spot(ids);
    cases.selection.clear();
    sync.decide(ids, label, dialogs.who);
    if (spot) cases.keepFocus(spot.group, spot.index);
    cases.dispatchEvent(new Event("focus"));
    gallery.reveal(cases.focus);
    const open = cases.openCount();
    say(`${ids.length > 1 ? count(ids.length, "cell") : ""} ${cases.titleOf(label)}. ${open ? `${open} open.` : "None open."} ${spoken()}`);
    return true;
  },
  confirm() {
    if (waits(() => actions.confirm())) return true;
    const ids = cases.targets();
    const cell = cases.cells.get(ids[0]);
    if (!cell) return true;
    const labels = new Set(ids.map((id) => cases.cells.get(id).machine));
    if (labels.size > 1 || !cell.machine) {
      say(labels.size > 1 ? "The software gave these cells different labels: choose a class." : "The software gave no label: choose a class.");
      banner("hint", "note", labels.size > 1 ? "The software gave these cells different labels: choose a class." : "The software gave this cell no label: choose a class.");
      setTimeout(() => hideBanner("hint"), 4000);
      return true;
    }
    return actions.assign(cell.machine);
  },
  undo() {
    if (cases.info.closed || sync.gone || !dialogs.who) return true;
    if (waiting.length) waiting.push(() => actions.undo());
    else sync.undo(dialogs.who);
    return true;
  },
  move(key, extend) {
    const id = gallery.neighbor(cases.focus, key);
    cases.moveFocus(id, { extend });
    gallery.reveal(id);
    return true;
  },
  toggle() {
    const id = cases.focus;
    if (cases.selection.has(id)) cases.selection.delete(id);
    else if (cases.place.has(id)) cases.selection.add(id);
    cases.dispatchEvent(new Event("focus"));
    return true;
  },
  selectGroup() {
    const place = cases.place.get(cases.focus);
    if (place) cases.select(cases.groups[place.group].ids);
    return true;
  },
  selectAll() {
    cases.select(cases.flat);
    return true;
  },
  back() {
    if (stage.open) stage.show("");
    else cases.select([]);
    return true;
  },
  go(id) {
    if (!id) return true;
    if (!cases.place.has(id)) actions.filter("all");
    cases.moveFocus(id);
    gallery.reveal(id);
    return true;
  },
  nextOpen: () => actions.go(cases.nextOpen()),
  firstOpen: () => actions.go(cases.firstOpen()),
  enlarge() {
    stage.show(stage.mode === "cell" ? "" : "cell");
    return true;
  },
  field() {
    stage.show(stage.mode === "field" ? "" : "field");
    return true;
  },
  map() {
    if (cases.info.maps !== null) stage.setMap(panel.toggleMap());
    return true;
  },
  zoom(step) {
    if (stage.open) stage.zoomBy(step);
    else gallery.resize(step);
    return true;
  },
  sign() {
    dialogs.askSign();
    return true;
  },
  person() {
    dialogs.askPerson();
    return true;
  },
  help() {
    dialogs.showHelp(keys.single);
    return true;
  },
  filter(name) {
    $("filter").value = name;
    cases.setFilter(name);
    $("gallery").scrollTop = 0;
  },
  singleKeys: (on) => keys.setSingle(on),
  signed: () => say("Signed. The case is closed."),
  corrected: () => say("A new version is open."),
};

const panel = new Panel(cases, thumbs, (label) => actions.assign(label));
const dialogs = new Dialogs(cases, sync, actions);
const keys = new Keys(actions);

// What a screen reader says of the cell in focus.
function spoken() {
  const cell = cases.cells.get(cases.place?.has(cases.focus) ? cases.focus : 0);
  return cell ? gallery.describe(cell) : "No cell.";
}

function drawHead() {
  const { info } = cases;
  document.title = `${info.name} – review`;
  $("case-name").textContent = info.name;
  $("case-name").title = info.folder;
  $("case-state").textContent = info.closed ? `version ${info.version}, signed` : info.version > 1 ? `version ${info.version}, correction` : "not signed";
  $("case-state").classList.toggle("signed", info.closed);
  $("sign").textContent = info.closed ? "Correct…" : "Sign off";
  $("undo").disabled = info.closed || !info.undo;
  document.body.classList.toggle("closed", info.closed);
  if (info.signed && info.closed) banner("signed", "note", signedText(info.signed));
  else hideBanner("signed");
  if (info.warning) foldedBanner("warning", "warning", UNLIKE, info.warning);
  else hideBanner("warning");
  for (const option of $("filter").options) {
    const passes = FILTERS.find(([name]) => name === option.value);
    let n = 0;
    for (const cell of cases.cells.values()) if (passes[2](cell)) n += 1;
    option.textContent = `${passes[1]} (${n.toLocaleString("en")})`;
  }
  panel.differential();
  drawNothing();
}

function drawNothing() {
  const empty = cases.flat.length === 0;
  $("nothing").hidden = !empty;
  if (empty) $("nothing").textContent = cases.filter === "open" ? "No cell is open. The case can be signed." : "No cell to show here.";
}

// Says what was not saved while the server is gone; nothing is accepted meanwhile.
function drawConnection() {
  const listed = sync.lost.map((step) => {
    const cells = step.ids.length === 1 ? `cell ${cases.cells.get(step.ids[0])?.order ?? "?"}` : count(step.ids.length, "cell");
    return `${cells} → ${cases.titleOf(step.label)}`;
  });
  const unsaved = listed.length ? ` NOT saved: ${listed.join("; ")}.` : " Every decision before was saved.";
  hideBanner("connection");
  hideBanner("unsaved");
  document.body.classList.toggle("gone", sync.gone !== "");
  if (sync.gone === "gone") banner("connection", "error", `The server does not respond; nothing is accepted.${unsaved} If it was ended, run edgewbc review again and open the new address.`);
  else if (sync.gone) banner("connection", "error", `This page belongs to an earlier start of edgewbc review: open the address that it printed.${sync.revision ? unsaved : ""}`);
  else if (listed.length) {
    banner("unsaved", "error", `The server responds again.${unsaved}`,
      make("button", { type: "button", text: "Save now", onclick: () => sync.retry() }), make("button", { type: "button", text: "Discard", onclick: () => sync.discard() }));
  }
}

function listenToSync() {
  sync.addEventListener("head", () => {
    drawHead();
    dialogs.refreshSign();
  });
  sync.addEventListener("busy", () => {
    document.body.classList.toggle("busy", sync.busy);
    if (!sync.undoing) for (const action of waiting.splice(0)) action();
    dialogs.refreshSign();
  });
  sync.addEventListener("connection", () => {
    waiting.length = 0;
    drawConnection();
  });
  sync.addEventListener("undone", (event) => {
    const [id] = event.detail;
    if (!id) return;
    actions.go(id);
    say(`Undone. ${spoken()}`);
  });
  sync.addEventListener("elsewhere", (event) => {
    const n = event.detail.length;
    banner("elsewhere", "note", `${count(n, "cell was", "cells were")} changed in another window.`);
    setTimeout(() => hideBanner("elsewhere"), 6000);
  });
  sync.addEventListener("conflict", (event) => {
    waiting.length = 0;
    const { message } = event.detail;
    banner("conflict", "error", `Not saved: ${message}`, make("button", { type: "button", text: "Close", onclick: () => hideBanner("conflict") }));
  });
  sync.addEventListener("saved", () => hideBanner("conflict"));
}

// Notes which cells were on the screen for half a second: the sign-off records how many. A reload keeps it.
function watchSeen() {
  const stored = `${SEEN} ${cases.info.folder}`;
  for (const id of JSON.parse(sessionStorage.getItem(stored) ?? "[]")) if (cases.cells.has(id)) cases.seen.add(id);
  let before = [];
  setInterval(() => {
    if (document.hidden || !gallery.visible) return;
    const now = stage.open ? [cases.focus] : gallery.visible;
    const still = new Set(before);
    const known = cases.seen.size;
    for (const id of now) if (still.has(id) && (stage.open || thumbs.get(id) !== "")) cases.seen.add(id);
    if (cases.seen.size > known) sessionStorage.setItem(stored, JSON.stringify([...cases.seen]));
    before = now;
  }, 500);
}

function listenToButtons() {
  $("filter").append(...FILTERS.map(([name, title]) => make("option", { value: name, text: title })));
  $("filter").addEventListener("change", (event) => {
    actions.filter(event.target.value);
    drawNothing();
    $("gallery").focus({ preventScroll: true });
  });
  const click = { undo: actions.undo, help: actions.help, person: actions.person, "show-large": actions.enlarge, "show-field": actions.field, "show-map": actions.map, "stage-map": actions.map, "stage-before": () => actions.move("ArrowLeft"), "stage-after": () => actions.move("ArrowRight") };
  for (const [id, action] of Object.entries(click)) $(id).addEventListener("click", () => action());
  $("smaller").addEventListener("click", () => gallery.resize(-1));
  $("larger").addEventListener("click", () => gallery.resize(1));
  $("sign").addEventListener("click", () => (cases.info.closed ? dialogs.askCorrect() : actions.sign()));
  $("select").addEventListener("click", () => {
    gallery.touching = !gallery.touching;
    $("select").setAttribute("aria-pressed", String(gallery.touching));
    if (!gallery.touching) cases.select([]);
  });
  cases.addEventListener("cells", drawNothing);
  window.addEventListener("beforeunload", (event) => {
    if (sync.busy || sync.lost.length) event.preventDefault();
  });
}

async function begin() {
  takeToken();
  listenToButtons();
  listenToSync();
  try {
    await sync.load();
  } catch (error) {
    banner("connection", "error", `The case cannot be shown: ${error.message}`);
    document.body.classList.add("gone");
    return;
  }
  panel.setLabels();
  cases.keepFocus("", 0);
  cases.dispatchEvent(new Event("focus"));
  drawHead();
  sync.start();
  watchSeen();
  $("gallery").focus({ preventScroll: true });
  dialogs.begin();
  document.body.classList.add("ready");
}

begin();
