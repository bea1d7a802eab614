// Thumbnails, fetched many at a time and only for what is on the screen, and kept up to a number.

import { getBuffer } from "./api.js";

const BATCH = 48;
const AT_ONCE = 3;
const KEPT = 4000;

export class Thumbs {
  constructor(arrived) {
    this.arrived = arrived;
    this.urls = new Map();
    this.wanted = new Set();
    this.asked = new Set();
    this.running = 0;
  }

  // The address of a thumbnail, "" if it is not here yet, null if the cell has none.
  get(id) {
    const url = this.urls.get(id);
    if (url === undefined) return "";
    this.urls.delete(id);
    this.urls.set(id, url);
    return url;
  }

  // Names all that is wanted now; what is not wanted any more is not asked for.
  want(ids) {
    this.wanted = new Set(ids.filter((id) => !this.urls.has(id) && !this.asked.has(id)));
    this.ask();
  }

  ask() {
    while (this.running < AT_ONCE && this.wanted.size) {
      const batch = [...this.wanted].slice(0, BATCH);
      for (const id of batch) {
        this.wanted.delete(id);
        this.asked.add(id);
      }
      this.running += 1;
      this.fetch(batch).finally(() => {
        this.running -= 1;
        for (const id of batch) this.asked.delete(id);
        this.ask();
      });
    }
  }

  // Reads a pack: for each cell its id and its length (32 bits each, little-endian), and then the bytes of a JPEG.
  async fetch(batch) {
    let pack;
    try {
      pack = await getBuffer(`/api/thumbs?ids=${batch.join(",")}`);
    } catch {
      return;
    }
    const view = new DataView(pack);
    for (let at = 0; at + 8 <= pack.byteLength; ) {
      const id = view.getUint32(at, true);
      const length = view.getUint32(at + 4, true);
      const url = length ? URL.createObjectURL(new Blob([new Uint8Array(pack, at + 8, length)], { type: "image/jpeg" })) : null;
      this.urls.set(id, url);
      at += 8 + length;
    }
    for (const [id, url] of this.urls) {
      if (this.urls.size <= KEPT) break;
      if (url) URL.revokeObjectURL(url);
      this.urls.delete(id);
    }
    this.arrived(batch);
  }
}
