// Keeps this tab and the case on the disk in step: sends decisions in order, and asks for the changes of other tabs.
//
// A decision shows at once and is "pending" until the server has confirmed that it is in the journal. If the server
// does not respond, nothing further is accepted: the decisions that were not saved are listed, and can be sent again.

import { Gone, Refused, getJson, postJson } from "./api.js";

const SOON = 1000;
const LATER = 5000;

export class Sync extends EventTarget {
  constructor(cases) {
    super();
    this.cases = cases;
    this.queue = [];
    this.sending = false;
    this.lost = [];
    this.gone = "";
    this.server = "";
    this.revision = 0;
    this.headRevision = 0;
    this.timer = 0;
  }

  // Loads the whole case.
  async load() {
    const found = await getJson("/api/case");
    this.server = found.server;
    this.revision = this.headRevision = found.revision;
    this.cases.pending.clear();
    this.cases.setInfo(found.head);
    this.cases.setCells(found.cells, found.columns, true);
    this.columns = found.columns;
    this.dispatchEvent(new Event("head"));
  }

  start() {
    const wake = () => {
      if (!document.hidden) this.poll();
    };
    document.addEventListener("visibilitychange", wake);
    window.addEventListener("focus", wake);
    this.plan();
  }

  plan() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.poll(), document.hidden ? LATER : SOON);
  }

  // Asks for what changed since the last response.
  async poll() {
    if (this.sending || this.asking) return this.plan();
    this.asking = true;
    try {
      const since = Math.min(this.revision, this.headRevision);
      const found = await getJson(`/api/changes?since=${since}&server=${encodeURIComponent(this.server)}`);
      this.reached();
      if (!this.sending && (found.reload || found.revision !== since)) this.take(found, []);
    } catch (error) {
      this.failed(error);
    } finally {
      this.asking = false;
      this.plan();
    }
    return undefined;
  }

  // Takes over a response with changes; those of cells other than `own` come from elsewhere.
  take(found, own) {
    if (found.reload) {
      this.load().catch((error) => this.failed(error));
      return;
    }
    if (found.revision < this.revision) return;
    const at = this.columns.indexOf("rev");
    const others = found.cells.filter((row) => row[at] > this.revision && !own.includes(row[0])).map((row) => row[0]);
    this.revision = found.revision;
    if (found.head) {
      this.headRevision = found.revision;
      this.cases.setInfo(found.head);
    }
    if (found.cells.length) this.cases.setCells(found.cells, this.columns);
    this.dispatchEvent(new Event("head"));
    if (others.length) this.dispatchEvent(new CustomEvent("elsewhere", { detail: others }));
  }

  // Decides a label for cells. Shown at once; sent as soon as what is before it in the queue is saved.
  decide(ids, label, who) {
    const seen = ids.map((id) => [id, this.cases.saved.get(id).rev]);
    this.queue.push({ kind: "decide", ids, seen, label, who });
    this.cases.setPending(ids, label);
    this.send();
  }

  undo(who) {
    this.queue.push({ kind: "undo", ids: [], who });
    this.send();
  }

  get busy() {
    return this.sending || this.queue.length > 0;
  }

  // Whether an undo was not answered yet: which cell it brings back is not known before.
  get undoing() {
    return this.queue.some((step) => step.kind === "undo");
  }

  async send() {
    if (this.sending || this.gone) return;
    this.sending = true;
    this.dispatchEvent(new Event("busy"));
    while (this.queue.length) {
      const step = this.queue[0];
      try {
        await this.deliver(step);
        this.queue.shift();
      } catch (error) {
        if (error instanceof Refused && (error.status === 409 || error.status === 400)) { // only this one is refused
          this.queue.shift();
          this.release(step);
          if (error.body?.changes) this.take(error.body.changes, step.ids);
          this.dispatchEvent(new CustomEvent("conflict", { detail: { step, message: error.message } }));
          continue;
        }
        this.fail(error);
        break;
      }
    }
    this.sending = false;
    this.dispatchEvent(new Event("busy"));
  }

  async deliver(step) {
    // The differential takes the server some time: it is asked for with the last of the decisions that wait.
    const body = { ...this.base(), who: step.who, head: this.queue.length === 1 };
    if (step.kind === "undo") {
      const found = await postJson("/api/undo", body);
      const ids = found.cells.map((row) => row[0]);
      this.take(found, ids);
      this.dispatchEvent(new CustomEvent("undone", { detail: ids }));
      return;
    }
    // What this tab itself changed since the key was pressed is no surprise: the newest revision is meant.
    const cells = step.seen.map(([id, rev]) => [id, Math.max(rev, this.cases.saved.get(id).mine ?? 0)]);
    const found = await postJson("/api/decide", { ...body, label: step.label, cells });
    this.release(step, found.cells.length === 0);
    this.take(found, step.ids);
    for (const [id] of cells) {
      const saved = this.cases.saved.get(id);
      saved.mine = saved.rev;
    }
    this.dispatchEvent(new CustomEvent("saved", { detail: step }));
  }

  // Forgets what is pending of a step, unless a later step decides the same cells.
  release(step, regroup = true) {
    const later = new Map(this.queue.filter((each) => each !== step).flatMap((each) => each.ids.map((id) => [id, each.label])));
    for (const id of step.ids) {
      if (later.has(id)) this.cases.pending.set(id, later.get(id));
      else this.cases.pending.delete(id);
    }
    this.cases.setPending(step.ids.filter((id) => !later.has(id)), undefined, regroup);
  }

  // Nothing that waits in the queue was confirmed: it is listed, and taken back on the screen.
  fail(error) {
    const steps = this.queue.splice(0);
    for (const step of steps) this.cases.setPending(step.ids, undefined);
    this.lost.push(...steps.filter((step) => step.kind === "decide"));
    this.failed(error);
  }

  failed(error) {
    if (!(error instanceof Gone || error instanceof Refused)) throw error;
    const reason = error instanceof Gone ? "gone" : error.status === 403 || error.status === 421 ? "restarted" : "refused";
    if (reason === "refused") {
      this.dispatchEvent(new CustomEvent("conflict", { detail: { message: error.message } }));
      return;
    }
    if (this.gone !== reason || this.lost.length) {
      this.gone = reason;
      this.dispatchEvent(new Event("connection"));
    }
  }

  reached() {
    if (!this.gone) return;
    this.gone = "";
    this.dispatchEvent(new Event("connection"));
  }

  // Sends again what was not saved. What somebody else decided meanwhile is refused as stale.
  retry() {
    const steps = this.lost.splice(0);
    for (const step of steps) {
      this.queue.push(step);
      this.cases.setPending(step.ids, step.label);
    }
    this.dispatchEvent(new Event("connection"));
    return this.send();
  }

  discard() {
    this.lost = [];
    this.dispatchEvent(new Event("connection"));
  }

  // Whether the differential on the screen is that of all decisions on the screen.
  get whole() {
    return !this.busy && this.headRevision === this.revision;
  }

  // Signs what the screen shows: the server refuses if the differential that it shows is not the newest.
  async signOff(body) {
    this.take(await postJson("/api/sign-off", { ...this.base(), revision: this.headRevision, ...body }), []);
  }

  async correct(body) {
    this.take(await postJson("/api/correct", { ...this.base(), ...body }), []);
  }

  // What every change says of this tab.
  base() {
    return { tab: this.tab, server: this.server, revision: this.revision };
  }
}
