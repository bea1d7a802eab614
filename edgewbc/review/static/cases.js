// The case as this tab knows it: cells, groups, filter, selection. It draws nothing and asks the server for nothing.

const OPEN = "open";
const EXCLUDED = "excluded";

export const FILTERS = [
  ["all", "all cells", () => true],
  ["open", "open cells", (cell) => cell.open],
  ["review", "software: review", (cell) => cell.status === "review"],
  ["unfamiliar", "software: unfamiliar", (cell) => cell.status === "unfamiliar"],
  ["ok", "software: accepted", (cell) => cell.status === "ok"],
  ["person", "decided by a person", (cell) => cell.decided !== ""],
  ["changed", "changed by a person", (cell) => cell.decided !== "" && cell.decided !== cell.machine],
];

// A saved cell, with what this tab has decided and the server has not confirmed yet laid over it.
function overlay(saved, pending) {
  if (pending === undefined) return saved;
  return { ...saved, label: pending, decided: pending, open: false, excluded: "", pending: true };
}

// Where each cell lies: its group, its index in the group, and its index in all.
class Places {
  constructor(groups, flat) {
    this.groups = groups;
    this.flat = new Map();
    for (let index = 0; index < flat.length; index += 1) this.flat.set(flat[index], index);
  }

  has(id) {
    return this.flat.has(id);
  }

  get(id) {
    const flat = this.flat.get(id);
    if (flat === undefined) return undefined;
    let index = flat;
    let group = 0;
    while (index >= this.groups[group].ids.length) {
      index -= this.groups[group].ids.length;
      group += 1;
    }
    return { group, index, flat };
  }
}

export class Cases extends EventTarget {
  constructor() {
    super();
    this.info = null;
    this.saved = new Map();
    this.cells = new Map();
    this.pending = new Map();
    this.filter = "all";
    this.groups = [];
    this.focus = 0;
    this.anchor = 0;
    this.selection = new Set();
    this.orders = { counted: [], doubt: [], likeness: [] };
    this.seen = new Set();
  }

  get readOnly() {
    return !this.info || this.info.closed || this.info.stale;
  }

  get labels() {
    return this.info.labels;
  }

  // Takes over the head of the case: labels, state, differential.
  setInfo(info) {
    this.info = { ...(this.info ?? {}), ...info };
  }

  // Takes over cells from the server: all of them, or those that changed.
  setCells(rows, columns, all = false) {
    if (all) {
      this.saved.clear();
      this.cells.clear();
    }
    const changed = [];
    for (const row of rows) {
      const cell = {};
      for (let index = 0; index < columns.length; index += 1) cell[columns[index]] = row[index];
      this.saved.set(cell.id, cell);
      this.cells.set(cell.id, overlay(cell, this.pending.get(cell.id)));
      changed.push(cell.id);
    }
    if (all) this.sort();
    this.regroup(changed);
  }

  // Sorts the cells once: what they are sorted by is the software's, and no decision changes it.
  sort() {
    const rank = new Map(this.labels.map((label, index) => [label.name, index]));
    const cells = [...this.saved.values()];
    for (const cell of cells) cell.rank = rank.get(cell.machine) ?? 99;
    const byDoubt = (a, b) => (a.probability ?? 0) - (b.probability ?? 0) || a.order - b.order;
    const ids = (compare) => [...cells].sort(compare).map((cell) => cell.id);
    this.orders = {
      counted: ids((a, b) => a.order - b.order),
      doubt: ids(byDoubt),
      likeness: ids((a, b) => a.rank - b.rank || byDoubt(a, b)),
    };
  }

  // Marks cells as decided by this tab, before the server has confirmed it; undefined takes that back.
  setPending(ids, label, regroup = true) {
    for (const id of ids) {
      if (label === undefined) this.pending.delete(id);
      else this.pending.set(id, label);
      this.cells.set(id, overlay(this.saved.get(id), this.pending.get(id)));
    }
    if (regroup) this.regroup(ids);
  }

  setFilter(filter) {
    this.filter = filter;
    this.regroup([]);
    this.keepFocus(0, 0);
    this.dispatchEvent(new Event("focus"));
  }

  openCount() {
    let count = 0;
    for (const cell of this.cells.values()) if (cell.open) count += 1;
    return count;
  }

  groupOf(cell) {
    if (cell.open) return OPEN;
    if (cell.excluded) return EXCLUDED;
    return cell.label;
  }

  // Puts the cells into groups: open ones first, then by class in the order of the sheet.
  regroup(changed) {
    const passes = FILTERS.find(([name]) => name === this.filter)[2];
    const found = new Map([[OPEN, []], ...this.labels.map((label) => [label.name, []]), [EXCLUDED, []]]);
    const fill = (order, wanted) => {
      for (const id of order) {
        const cell = this.cells.get(id);
        const group = this.groupOf(cell);
        if (!wanted(group) || !passes(cell)) continue;
        if (!found.has(group)) found.set(group, []);
        found.get(group).push(id);
      }
    };
    fill(this.orders.likeness, (group) => group === OPEN);
    fill(this.orders.doubt, (group) => group !== OPEN && group !== EXCLUDED);
    fill(this.orders.counted, (group) => group === EXCLUDED);
    this.groups = [];
    this.flat = [];
    for (const [key, ids] of found) {
      if (!ids.length) continue;
      for (const id of ids) this.flat.push(id);
      this.groups.push({ key, title: this.titleOf(key), ids });
    }
    this.place = new Places(this.groups, this.flat);
    for (const id of this.selection) if (!this.place.has(id)) this.selection.delete(id);
    this.dispatchEvent(new CustomEvent("cells", { detail: changed }));
  }

  titleOf(key) {
    if (key === OPEN) return "Open";
    if (key === EXCLUDED) return "Not counted";
    return this.labels.find((label) => label.name === key)?.title ?? key;
  }

  // The cells that a key is meant for: the selected ones, or the one in focus.
  targets() {
    if (this.selection.size) return this.flat.filter((id) => this.selection.has(id));
    return this.place.has(this.focus) ? [this.focus] : [];
  }

  moveFocus(id, { extend = false, keep = false } = {}) {
    if (!this.place.has(id)) return;
    if (extend) {
      if (!this.place.has(this.anchor)) this.anchor = this.place.has(this.focus) ? this.focus : id;
      const [from, to] = [this.place.get(this.anchor).flat, this.place.get(id).flat].sort((a, b) => a - b);
      this.selection = new Set(this.flat.slice(from, to + 1));
    } else if (!keep) {
      this.selection.clear();
      this.anchor = id;
    }
    this.focus = id;
    this.dispatchEvent(new Event("focus"));
  }

  // Adds a cell to the selection or takes it out; with `from`, an empty selection begins with the cell in focus.
  toggle(id, from = true) {
    if (from && !this.selection.size && this.place.has(this.focus) && this.focus !== id) this.selection.add(this.focus);
    if (this.selection.has(id)) this.selection.delete(id);
    else this.selection.add(id);
    this.focus = this.anchor = id;
    this.dispatchEvent(new Event("focus"));
  }

  select(ids, add = false) {
    this.selection = new Set(add ? [...this.selection, ...ids] : ids);
    this.dispatchEvent(new Event("focus"));
  }

  // Where the focus goes when cells leave their group: to the one that takes the place of the first of them.
  spot(ids) {
    const place = this.place.get(ids[0]);
    return place ? { group: this.groups[place.group].key, index: place.index } : null;
  }

  keepFocus(group, index) {
    const same = this.groups.find((each) => each.key === group);
    if (same) this.focus = same.ids[Math.min(index, same.ids.length - 1)];
    else if (!this.place.has(this.focus)) this.focus = this.flat[0] ?? 0;
    this.anchor = this.focus;
  }

  firstOpen() {
    const group = this.groups.find((each) => each.key === OPEN);
    if (group) return group.ids[0];
    for (const cell of this.cells.values()) if (cell.open) return cell.id;
    return 0;
  }

  nextOpen() {
    const group = this.groups.find((each) => each.key === OPEN);
    if (!group) return this.firstOpen();
    const place = this.place.get(this.focus);
    if (!place || this.groups[place.group].key !== OPEN) return group.ids[0];
    return group.ids[(place.index + 1) % group.ids.length];
  }
}
