// What is wrong with the compressed data of a JPEG. Browsers decode on where they are damaged, and do not say so: then
// an image whose lower half is noise looks like any other. edgewbc has libjpeg's warnings (edgewbc/images/jpeg_pixels.py);
// here the Huffman codes are read to their end, without their values.
// Source: ISO/IEC 10918-1, annexes B (markers), C and F.2 (Huffman codes), G.2 (progressive scans).
"use strict";

/** Return what is wrong with the scans of a JPEG, in libjpeg's words; empty if nothing is, or without Huffman codes. */
function jpegDamage(bytes) {
  const tables = new Map();
  let at = 2, frame = null, interval = 0;
  try {
    for (;;) {
      const before = at;
      let skipped = 0;
      for (;;) { // the next marker (next_marker of libjpeg)
        while (bytes[at] !== 0xff) {
          if (at++ >= bytes.length) return "";
          skipped++;
        }
        while (bytes[at] === 0xff) at++;
        if (bytes[at++] !== 0) break;
        skipped += 2;
      }
      const marker = bytes[at - 1];
      if (skipped) return `${skipped} extraneous bytes before marker 0x${marker.toString(16)}`;
      if (marker === 0xd9 || at >= bytes.length || at < before) return "";
      if (marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) continue;
      const segment = bytes.subarray(at + 2, at + word(bytes, at));
      at += word(bytes, at);
      if (marker === 0xc4) readTables(tables, segment);
      else if (marker === 0xdd) interval = word(segment, 0);
      else if (marker === 0xc0 || marker === 0xc1 || marker === 0xc2) frame = readFrame(segment, marker === 0xc2);
      else if (marker > 0xc2 && marker < 0xd0 && marker !== 0xc8 && marker !== 0xcc) return ""; // other codes
      else if (marker === 0xda) {
        if (!frame) return "";
        at = readScan(bytes, at, frame, tables, interval, segment);
      }
    }
  } catch (error) {
    if (error instanceof Corrupt) return error.message;
    throw error;
  }
}

class Corrupt extends Error {}

function readTables(tables, segment) {
  for (let at = 0; at + 17 <= segment.length; ) {
    const name = segment[at], counts = [0, ...segment.subarray(at + 1, at + 17)], first = [0], start = [0];
    let code = 0, place = 0;
    for (let length = 1; length <= 16; length++) {
      first.push(code);
      start.push(place);
      code = (code + counts[length]) << 1;
      place += counts[length];
    }
    tables.set(name, { counts, first, start, symbols: segment.slice(at + 17, at + 17 + place) });
    at += 17 + place;
  }
}

function readFrame(segment, progressive) {
  const height = word(segment, 1), width = word(segment, 3), parts = new Map();
  for (let place = 6; place + 3 <= segment.length; place += 3) {
    parts.set(segment[place], { across: segment[place + 1] >> 4, down: segment[place + 1] & 15 });
  }
  const most = (name) => Math.max(...[...parts.values()].map((part) => part[name]));
  const across = most("across"), down = most("down");
  for (const part of parts.values()) { // in blocks of 8 x 8
    part.width = Math.ceil(Math.ceil((width * part.across) / across) / 8);
    part.height = Math.ceil(Math.ceil((height * part.down) / down) / 8);
    part.known = progressive ? new Uint8Array(64 * part.width * part.height) : null; // coefficients that are not zero
  }
  return { parts, progressive, units: Math.ceil(width / (8 * across)) * Math.ceil(height / (8 * down)) };
}

/** Read a scan from `at` to its end, and return where that is. Throws Corrupt. */
function readScan(bytes, at, frame, tables, interval, segment) {
  const count = segment[0], [from, to, approximation] = segment.subarray(1 + 2 * count, 4 + 2 * count);
  const parts = [];
  for (let each = 0; each < count; each++) {
    const part = frame.parts.get(segment[1 + 2 * each]), names = segment[2 + 2 * each];
    if (!part) return at;
    parts.push({ ...part, dc: tables.get(names >> 4), ac: tables.get(16 | (names & 15)) });
  }
  let held = 0, left = 0, run = 0; // bits that were read and are not used yet; blocks without further coefficients
  const bit = () => {
    if (!left) {
      held = bytes[at];
      if (held === 0xff) {
        let next = at + 1;
        while (bytes[next] === 0xff) next++;
        if (bytes[next] !== 0) throw new Corrupt("premature end of data segment");
        at = next;
      } else if (held === undefined) throw new Corrupt("premature end of data segment");
      at++;
      left = 8;
    }
    return (held >> --left) & 1;
  };
  const receive = (size) => {
    let value = 0;
    while (size-- > 0) value = (value << 1) | bit();
    return value;
  };
  const symbol = (table) => {
    if (!table) throw new Corrupt("Huffman table is missing");
    for (let length = 1, code = 0; length <= 16; length++) {
      code = (code << 1) | bit();
      const place = code - table.first[length];
      if (place < table.counts[length]) return table.symbols[table.start[length] + place];
    }
    throw new Corrupt("bad Huffman code");
  };
  const endOfBand = (size) => (1 << size) - 1 + receive(size);
  const sequential = (part) => {
    receive(symbol(part.dc));
    for (let place = 1; place < 64; ) {
      const code = symbol(part.ac), size = code & 15;
      if (!size && code < 0xf0) return;
      place += size ? code >> 4 : 16;
      if (size && place > 63) throw new Corrupt("too many coefficients");
      receive(size);
      place += size ? 1 : 0;
    }
  };
  const firstOfBand = (part, block) => {
    if (run) return void run--;
    for (let place = from; place <= to; ) {
      const code = symbol(part.ac), size = code & 15;
      if (!size && code < 0xf0) return void (run = endOfBand(code >> 4));
      place += size ? code >> 4 : 16;
      if (!size) continue;
      if (place > to) throw new Corrupt("too many coefficients");
      receive(size);
      part.known[64 * block + place++] = 1;
    }
  };
  const refined = (part, block) => {
    const known = part.known.subarray(64 * block, 64 * block + 64);
    let place = from;
    for (; !run && place <= to; place++) {
      const code = symbol(part.ac), size = code & 15;
      let zeros = code >> 4;
      if (size > 1) throw new Corrupt("bad Huffman code");
      if (size) bit();
      else if (zeros < 15) {
        run = endOfBand(zeros) + 1;
        break;
      }
      for (; place <= to; place++) {
        if (known[place]) bit();
        else if (--zeros < 0) break;
      }
      if (size && place > to) throw new Corrupt("too many coefficients");
      if (size) known[place] = 1;
    }
    if (!run) return;
    for (; place <= to; place++) if (known[place]) bit();
    run--;
  };
  let read = sequential;
  if (frame.progressive) {
    if (from) read = approximation >> 4 ? refined : firstOfBand;
    else read = approximation >> 4 ? bit : (part) => receive(symbol(part.dc));
  }
  const alone = count === 1, units = alone ? parts[0].width * parts[0].height : frame.units;
  for (let unit = 0; unit < units; unit++) {
    if (interval && unit && unit % interval === 0) {
      const restart = 0xd0 + ((unit / interval - 1) & 7);
      left = run = 0;
      while (bytes[at] === 0xff && bytes[at + 1] === 0xff) at++;
      if (bytes[at] !== 0xff || bytes[at + 1] !== restart) throw new Corrupt(`no restart marker 0x${restart.toString(16)}`);
      at += 2;
    }
    if (alone) read(parts[0], unit);
    else for (const part of parts) for (let block = part.across * part.down; block > 0; block--) read(part, 0);
  }
  return at;
}
