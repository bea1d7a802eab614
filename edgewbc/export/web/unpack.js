// The parts of this file: LZMA as 16-bit units of text (edgewbc/export/web_parts.py writes them).
"use strict";

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

/** Return the CRC-32 of bytes, as in PNG and zip files. */
function crc32(bytes, from = 0, to = bytes.length) {
  let sum = 0xffffffff;
  for (let at = from; at < to; at++) sum = CRC[(sum ^ bytes[at]) & 255] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

/** Return the bytes that a text stands for: a unit is two bytes, and one after "=" has its highest bit inverted. */
function bytesOf(units, size) {
  const bytes = new Uint8Array(size + 1);
  let at = 0;
  for (let place = 0; place < units.length && at < size; place++) {
    let unit = units.charCodeAt(place);
    if (unit === 0x3d) unit = units.charCodeAt(++place) ^ 0x8000;
    bytes[at++] = unit & 255;
    bytes[at++] = unit >> 8;
  }
  return bytes.subarray(0, size);
}

/**
 * Decompress LZMA without a header, with lp = pb = 0, into `size` bytes. After the specification by Igor Pavlov
 * (lzma-specification.txt and LzmaSpec.cpp of the LZMA SDK, public domain), whose names the comments give.
 */
function unlzma(input, size, lc) {
  const IS_MATCH = 0, IS_REP = 12, IS_REP_G0 = 24, IS_REP_G1 = 36, IS_REP_G2 = 48, IS_REP0_LONG = 60, POS_SLOT = 72;
  const POS_DECODERS = 328, ALIGN = 443, LENGTH = 459, REP_LENGTH = 733, LITERAL = 1007;
  const chances = new Uint16Array(LITERAL + (768 << lc)).fill(1024), output = new Uint8Array(size);
  const now = Uint32Array.of(0xffffffff, 0); // Range and Code
  let at = 5;
  for (let place = 1; place < 5; place++) now[1] = (now[1] << 8) | input[place];

  const normalize = () => {
    if (now[0] >= 0x1000000) return;
    now[0] <<= 8;
    now[1] = (now[1] << 8) | input[at++];
  };
  const bit = (place) => { // DecodeBit
    const chance = chances[place], bound = Math.imul(now[0] >>> 11, chance) >>> 0;
    if (now[1] < bound) {
      now[0] = bound;
      chances[place] = chance + ((2048 - chance) >>> 5);
      normalize();
      return 0;
    }
    now[0] -= bound;
    now[1] -= bound;
    chances[place] = chance - (chance >>> 5);
    normalize();
    return 1;
  };
  const tree = (base, bits) => { // BitTreeDecode
    let found = 1;
    for (let each = 0; each < bits; each++) found = (found << 1) | bit(base + found);
    return found - (1 << bits);
  };
  const reversed = (base, bits) => { // BitTreeReverseDecode
    let place = 1, found = 0;
    for (let each = 0; each < bits; each++) {
      const one = bit(base + place);
      place = (place << 1) | one;
      found |= one << each;
    }
    return found;
  };
  const direct = (bits) => { // DecodeDirectBits
    let found = 0;
    for (let each = 0; each < bits; each++) {
      now[0] >>>= 1;
      const one = now[1] >= now[0] ? 1 : 0;
      if (one) now[1] -= now[0];
      found = (found << 1) | one;
      normalize();
    }
    return found;
  };
  const length = (base) => {
    if (!bit(base)) return 2 + tree(base + 2, 3);
    if (!bit(base + 1)) return 10 + tree(base + 10, 3);
    return 18 + tree(base + 18, 8);
  };
  const distance = (long) => {
    const slot = tree(POS_SLOT + (Math.min(long - 2, 3) << 6), 6), bits = (slot >> 1) - 1;
    if (slot < 4) return slot;
    const first = (2 | (slot & 1)) << bits;
    if (slot < 14) return first + reversed(POS_DECODERS + first - slot, bits);
    return first + (direct(bits - 4) << 4) + reversed(ALIGN, 4);
  };

  let state = 0, rep0 = 0, rep1 = 0, rep2 = 0, rep3 = 0, done = 0;
  while (done < size) {
    if (!bit(IS_MATCH + state)) { // a literal
      const base = LITERAL + 768 * ((done ? output[done - 1] : 0) >> (8 - lc));
      let symbol = 1;
      if (state >= 7) {
        let match = output[done - rep0 - 1];
        do {
          const expected = (match >> 7) & 1, found = bit(base + ((1 + expected) << 8) + symbol);
          match <<= 1;
          symbol = (symbol << 1) | found;
          if (expected !== found) break;
        } while (symbol < 256);
      }
      while (symbol < 256) symbol = (symbol << 1) | bit(base + symbol);
      output[done++] = symbol;
      state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
      continue;
    }
    let long;
    if (bit(IS_REP + state)) {
      if (!bit(IS_REP_G0 + state)) {
        if (!bit(IS_REP0_LONG + state)) {
          if (rep0 >= done) throw new Error("damaged");
          output[done] = output[done - rep0 - 1];
          done++;
          state = state < 7 ? 9 : 11;
          continue;
        }
      } else {
        let found = rep1;
        if (bit(IS_REP_G1 + state)) {
          found = rep2;
          if (bit(IS_REP_G2 + state)) { found = rep3; rep3 = rep2; }
          rep2 = rep1;
        }
        rep1 = rep0;
        rep0 = found;
      }
      long = length(REP_LENGTH);
      state = state < 7 ? 8 : 11;
    } else {
      rep3 = rep2;
      rep2 = rep1;
      rep1 = rep0;
      long = length(LENGTH);
      state = state < 7 ? 7 : 10;
      rep0 = distance(long) >>> 0;
    }
    if (rep0 >= done || at > input.length + 8) throw new Error("damaged");
    const end = Math.min(size, done + long);
    for (let from = done - rep0 - 1; done < end; ) output[done++] = output[from++];
  }
  return output;
}

/** Return the bytes of a part of this file. Throws an Error if a transfer or an editor has changed it. */
function unpacked(id, { size, packed, crc }, lc) {
  try {
    const bytes = unlzma(bytesOf(document.getElementById(id).textContent, packed), size, lc);
    if (crc32(bytes) === crc) return bytes;
  } catch { /* the same error */ }
  throw new Error("this file is damaged: copy it again, unchanged, or write it anew with edgewbc export --as html");
}
