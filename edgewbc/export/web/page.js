// The page: files in, rows, differential and CSV out. Nothing leaves it: its policy forbids every connection.
"use strict";

const element = (id) => document.getElementById(id);
const bundle = JSON.parse(element("bundle").textContent);
const part = (id) => unpacked(id, bundle.parts[id], bundle.literal_bits);
let familiarity = null;
const rows = [];
let stopped = false;

/** Start the runtime on one thread and load the model. */
async function start() {
  await new Promise((done) => setTimeout(done)); // the page is drawn first
  if (bundle.familiarity) familiarity = readFamiliarity(bundle.familiarity, part("familiarity"));
  const code = URL.createObjectURL(new Blob([part("runtime")], { type: "text/javascript" }));
  const ort = await import(code);
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.proxy = false;
  ort.env.logLevel = "error";
  ort.env.wasm.wasmBinary = part("wasm").buffer;
  const session = await ort.InferenceSession.create(part("model"), { executionProviders: ["wasm"] });
  const run = async (image) => {
    const input = new ort.Tensor("uint8", image.data, [1, image.height, image.width, 3]);
    const { probabilities, features } = await session.run({ image: input });
    return { probabilities: probabilities.data, features: features.data };
  };
  if (bundle.golden) await reproduce(bundle.golden, part("golden"), run);
  return run;
}
const network = start();

const sha256 = async (bytes) => {
  if (!globalThis.crypto?.subtle) return "";
  return [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
};

/** Classify a file, given a function that returns its bytes: a row with a status, and a label unless that is "error". */
async function classify(path, read) {
  const row = { path, label: "", probability: null, probabilities: [], status: "error", reason: "", sha256: "" };
  try {
    const bytes = await read();
    row.sha256 = await sha256(bytes);
    const decoded = await decode(bytes), prepared = prepare(decoded.image, bundle.pixels);
    const outputs = await (await network)(prepared);
    return { ...row, ...decide(bundle, familiarity, outputs, decoded, prepared), outputs, prepared };
  } catch (error) {
    return { ...row, reason: String(error?.message ?? error) };
  }
}

const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/, QUOTED = /[";\x00-\x1f\x7f\x85\u2028\u2029]|^ | $/;
const UNPAIRED = /\p{Surrogate}/u, EACH_UNPAIRED = /\p{Surrogate}/gu, ESCAPED = /\\u[dD][89a-fA-F][0-9a-fA-F]{2}/;

/** How a table is written, as by edgewbc classify --csv (edgewbc/lab/csv_table.py). */
const STYLES = {
  plain: { delimiter: ",", decimal: ".", end: "\n", start: "" },
  excel: { delimiter: ";", decimal: ",", end: "\r\n", start: "\ufeff" },
};

/** Return the rows as a table like that of edgewbc classify: names that a spreadsheet takes for formulas are escaped. */
function csv(found, style = "plain") {
  const { delimiter, decimal, end, start } = STYLES[style];
  const quoted = (field) => (field.includes(delimiter) || QUOTED.test(field) ? `"${field.replaceAll('"', '""')}"` : field);
  const plain = (field) => (FORMULA.test(field) || field.startsWith("'") ? `'${field}` : field);
  const name = (field) => {
    const odd = UNPAIRED.test(field) || ESCAPED.test(field); // as edgewbc/lab/csv_table.py writes such names
    const known = odd ? field.replaceAll("\\", "\\\\").replace(EACH_UNPAIRED, (one) => `\\u${one.charCodeAt(0).toString(16)}`) : field;
    return FORMULA.test(known) ? `./${known}` : known;
  };
  const number = (value) => (value === null || value === undefined ? "" : value.toFixed(6).replace(".", decimal));
  const write = (fields) => fields.join(delimiter) + end, words = (fields) => fields.map(plain).map(quoted);
  const lines = [write(words(["path", "label", "probability", ...bundle.classes, "status", "reason", "model_sha256"]))];
  for (const row of found) {
    lines.push(write([quoted(name(row.path)), ...words([row.label]), number(row.probability),
      ...bundle.classes.map((_, at) => number(row.probabilities[at])), ...words([row.status, row.reason, bundle.model_sha256])]));
  }
  return start + lines.join("");
}

function thumbnail(prepared) {
  const canvas = document.createElement("canvas");
  canvas.setAttribute("aria-hidden", "true");
  if (!prepared) return canvas;
  canvas.width = prepared.width;
  canvas.height = prepared.height;
  const pixels = new ImageData(prepared.width, prepared.height);
  for (let from = 0, to = 0; from < prepared.data.length; from += 3, to += 4) {
    pixels.data.set([prepared.data[from], prepared.data[from + 1], prepared.data[from + 2], 255], to);
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

const STATUS = { ok: "counted", review: "review", unfamiliar: "unfamiliar", error: "not read" };

function show(row) {
  const item = document.createElement("li"), what = document.createElement("div"), label = document.createElement("b");
  item.className = row.status;
  const add = (kind, content) => {
    const part = document.createElement("span");
    part.className = kind;
    part.textContent = content;
    what.append(part);
  };
  label.textContent = row.label || "no label";
  what.append(label);
  if (row.probability !== null) add("probability", `${(100 * row.probability).toFixed(1)} %`);
  add("status", STATUS[row.status]);
  add("file", row.path);
  if (row.reason) add("reason", row.reason);
  const others = bundle.classes.map((name, at) => [name, row.probabilities[at] ?? 0]).filter(([name, value]) => name !== row.label && value >= 0.005);
  if (others.length) {
    add("others", others.sort((one, other) => other[1] - one[1]).map(([name, value]) => `${name} ${(100 * value).toFixed(1)} %`).join(" · "));
  }
  item.append(thumbnail(row.prepared), what);
  element("rows").append(item);
}

function summarize() {
  const found = differential(bundle, rows), plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
  element("results").hidden = rows.length === 0;
  element("counts").textContent = [`${plural(rows.length, "image")}: ${found.counted} counted`, `${found.review} for review`,
    `${found.unfamiliar} unfamiliar`, `${found.errors} not read`].join(", ");
  const body = element("differential");
  body.replaceChildren(...found.classes.map(({ name, n, review, percent, interval }) => {
    const line = document.createElement("tr"), head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    const cells = [n, percent === null ? "–" : `${percent.toFixed(1)} %`,
      interval === null ? "–" : `${interval[0].toFixed(1)}–${interval[1].toFixed(1)} %`, review];
    line.append(head, ...cells.map((value) => Object.assign(document.createElement("td"), { textContent: value })));
    return line;
  }));
  const warnings = [];
  if (found.doubted) {
    warnings.push(`These images do not look like the ones this model was trained on: ${found.doubtful} of ` +
      `${found.predicted} need review. No differential is given. Check stain, magnification and camera.`);
  }
  if (found.copies) warnings.push(`${plural(found.copies, "image")} with the same bytes as another: counted again.`);
  if (leftOut) warnings.push(`${plural(leftOut, "file")} left out: hidden, or not named like an image.`);
  for (const { name, n } of found.others) if (n) warnings.push(`${plural(n, name)}, not among the white cells.`);
  element("warning").textContent = warnings.join(" ");
  element("warning").hidden = warnings.length === 0;
}

/**
 * Return the files of a drop, folders with all that is in them, as [path, how to get its File, whether it is a folder].
 * Where a page was opened from a disk, Chromium cannot read the entries of a drop, but its handles; other browsers have
 * entries alone.
 */
async function dropped(items) {
  const found = [], given = [...items].filter((item) => item.kind === "file").map((item) => ({ // gone after an await
    entry: item.webkitGetAsEntry(), file: item.getAsFile(), handle: item.getAsFileSystemHandle?.().catch(() => null) }));
  const unreadable = (path, { message }) => {
    found.push([path, () => { throw new Error(`${message} (this is a folder: try the button)`); }, true]);
  };
  const ofHandle = async (folder, path) => {
    try {
      for await (const each of folder.values()) {
        if (each.kind === "directory") await ofHandle(each, `${path}/${each.name}`);
        else found.push([`${path}/${each.name}`, () => each.getFile()]);
      }
    } catch (error) {
      unreadable(path, error);
    }
  };
  const ofEntry = async (folder, path) => {
    const reader = folder.createReader();
    try {
      for (;;) { // a reader gives at most a hundred entries at a time
        const part = await new Promise((done, failed) => reader.readEntries(done, failed));
        if (!part.length) return;
        for (const each of part) {
          if (each.isDirectory) await ofEntry(each, `${path}/${each.name}`);
          else found.push([`${path}/${each.name}`, () => new Promise((done, failed) => each.file(done, failed))]);
        }
      }
    } catch (error) {
      unreadable(path, error);
    }
  };
  for (const { entry, file, handle } of given) {
    if (entry?.isDirectory) {
      const folder = await handle;
      await (folder ? ofHandle(folder, folder.name) : ofEntry(entry, entry.name));
    } else if (file) found.push([file.name, () => file]);
  }
  return found;
}

/** Return whether a file is one that classify would find in a folder (edgewbc/images/discover.py). */
function isImage(path) {
  const { suffixes, temporary, system_folders: system } = bundle.files, folders = path.split("/"), name = folders.pop();
  if (folders.some((each) => each.startsWith(".") || system.includes(each.toLowerCase()))) return false;
  return suffixes.some((suffix) => name.toLowerCase().endsWith(suffix)) && !temporary.includes(name[0]);
}

let queue = Promise.resolve(), leftOut = 0, saved = true;

/** Return the bytes of a file; throws an Error with the reason why it cannot be read. */
async function contents(get) {
  let file;
  try {
    file = await get();
    if (file.size <= bundle.files.max_bytes) return new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    throw new Error(`cannot be read: ${error.message}`);
  }
  throw new Error(`too large: the file has more than ${bundle.files.max_bytes / 2 ** 20} MiB`);
}

/** Compare two paths, given as the names in them, as classify sorts them: folder by folder. */
function inOrder(one, other) {
  const at = one.findIndex((name, place) => name !== other[place]);
  if (at < 0) return one.length - other.length;
  return other[at] === undefined || one[at] > other[at] ? 1 : -1;
}

/** Classify files, after those that were added before, and show each row when it is ready. */
function add(files) {
  const chosen = files.filter(([path, , folder]) => folder || isImage(path)); // a folder that cannot be read
  chosen.sort(([one], [other]) => inOrder(one.split("/"), other.split("/")));
  stopped = false;
  queue = queue.then(async () => {
    let done = 0;
    leftOut += files.length - chosen.length;
    for (const [path, get] of chosen) {
      if (stopped) break;
      if (done++ % 20 === 0) element("progress").textContent = `${done} of ${chosen.length}: ${path}`; // read out, too
      const row = await classify(path, () => contents(get));
      show(row);
      delete row.outputs;
      delete row.prepared; // a folder may hold thousands
      rows.push(row);
      saved = false;
      if (done % 20 === 0) summarize();
    }
    summarize();
    element("progress").textContent = chosen.length ? `Done: ${done} of ${chosen.length}.` : "There is no image among these files.";
  });
  return queue;
}

/** Classify the files that were chosen; the same ones may be chosen again. */
function choose(event, path) {
  add([...event.target.files].map((file) => [file[path], () => file]));
  event.target.value = "";
}

element("files").addEventListener("change", (event) => choose(event, "name"));
element("folder").addEventListener("change", (event) => choose(event, "webkitRelativePath"));
element("clear").addEventListener("click", () => {
  stopped = true;
  queue = queue.then(() => { saved = true; rows.length = leftOut = 0; element("rows").replaceChildren(); summarize(); });
});

/** Hand the table to the browser as a download. */
function save(style) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv(rows, style)], { type: "text/csv" }));
  link.download = `${bundle.name}.csv`;
  link.click();
  saved = true;
}

element("save").addEventListener("click", () => save("plain"));
element("save-excel").addEventListener("click", () => save("excel"));
addEventListener("beforeunload", (event) => { if (!saved) event.preventDefault(); });
addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("over"); });
addEventListener("drop", async (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  add(await dropped(event.dataTransfer.items));
});
network.then(() => { element("progress").textContent = ""; },
  (error) => { element("progress").textContent = `This page cannot classify here: ${error.message ?? error}`; });
globalThis.edgewbc = { add, classify, csv, differential, prepare, measure, bundle, rows };
