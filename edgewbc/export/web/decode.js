// From the bytes of a file to RGB pixels, with the notes of edgewbc/images/decode.py, or the reason why not.
// Only JPEG and PNG with 8 bits: for other formats, and for transparency, browsers differ from edgewbc.
"use strict";

const DAMAGED = "truncated or damaged";
const TRUNCATED = "possibly truncated: part of the JPEG is missing or empty";
const LIMIT = 100e6, SMALL = 4e6, MAX_PIXELS_PER_BYTE = 1000;

const text = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, to));
const word = (bytes, at) => (bytes[at] << 8) | bytes[at + 1];

/** Read a JPEG's markers (edgewbc/images/jpeg.py): size, channels, and whether its scans are complete. */
function readJpeg(bytes) {
  let at = 2, frame = null, scans = 0;
  const seen = new Map(), exif = [];
  const complete = () => frame && scans > 0 &&
    [...seen.values()].filter((bits) => bits === (1n << 64n) - 1n).length >= frame.channels;
  for (;;) {
    if (complete() && !frame.progressive) {
      let end = bytes.length - 2;
      while (end >= at && !(bytes[end] === 0xff && bytes[end + 1] === 0xd9)) end--;
      if (end < at) throw new Error(DAMAGED);
      break;
    }
    while (at < bytes.length - 1 && !(bytes[at] === 0xff && bytes[at + 1] > 1 && bytes[at + 1] < 0xff &&
      !(bytes[at + 1] >= 0xd0 && bytes[at + 1] <= 0xd8))) at++;
    if (at >= bytes.length - 1) throw new Error(DAMAGED);
    const marker = bytes[at + 1];
    at += 2;
    if (marker === 0xd9) {
      if (!scans) throw new Error(DAMAGED);
      break;
    }
    const length = word(bytes, at);
    if (at + 2 > bytes.length || length < 2) throw new Error(DAMAGED);
    if (marker === 0xe1 && text(bytes, at + 2, at + 8) === "Exif\0\0") exif.push(bytes.subarray(at + 2, at + length));
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      if (frame || at + 8 > bytes.length) throw new Error(DAMAGED);
      frame = { bits: bytes[at + 2], height: word(bytes, at + 3), width: word(bytes, at + 5), channels: bytes[at + 7],
        progressive: marker === 0xc2 || marker === 0xca };
    } else if (marker === 0xda) {
      const count = bytes[at + 2];
      if (!frame || at + length > bytes.length) throw new Error(DAMAGED);
      let [first, last, bits] = bytes.subarray(at + 3 + 2 * count, at + 6 + 2 * count);
      scans++;
      if (!frame.progressive) { first = 0; last = 63; bits = 0; }
      if (!(bits & 15)) {
        for (let each = 0; each < count; each++) {
          const channel = bytes[at + 3 + 2 * each];
          seen.set(channel, (seen.get(channel) ?? 0n) | ((1n << BigInt(last + 1)) - (1n << BigInt(first))));
        }
      }
    }
    at += length;
  }
  if (!frame) throw new Error(DAMAGED);
  if (![1, 3].includes(frame.channels)) throw new Error("a CMYK JPEG is not supported by this page: use edgewbc classify");
  if (frame.bits !== 8) throw new Error(`a JPEG with ${frame.bits} bits per channel is not supported`);
  if (frame.width * frame.height * scans > 1e9) throw new Error(`too large: a JPEG of ${frame.width} x ${frame.height} pixels in ${scans} scans`);
  return { kind: "JPEG", width: frame.width, height: frame.height, gray: frame.channels === 1, incomplete: !complete(),
    orientation: exif.length ? orientationOf(exif[0]) : 1, hide: (copy) => {
      for (const block of exif) copy[block.byteOffset - bytes.byteOffset] = 0; // no "Exif" any more
    } };
}

/** Return the EXIF orientation, 1 to 8; 1 if it is missing or invalid (edgewbc/images/headers.py). */
function orientationOf(exif) {
  const from = text(exif, 0, 6) === "Exif\0\0" ? 6 : 0, order = text(exif, from, from + 4), little = order[0] === "I";
  if (!["II*\0", "MM\0*"].includes(order)) return 1;
  const view = new DataView(exif.buffer, exif.byteOffset + from, exif.length - from), sizes = { 1: 1, 3: 2, 4: 4 };
  try {
    let at = view.getUint32(4, little), found = null;
    const entries = view.getUint16(at, little);
    at += 2;
    for (let entry = 0; entry < entries; entry++, at += 12) {
      const size = sizes[view.getUint16(at + 2, little)], count = view.getUint32(at + 4, little);
      if (view.getUint16(at, little) !== 274 || found !== null || !size || count < 1 || count > view.byteLength) continue;
      const place = size * count > 4 ? view.getUint32(at + 8, little) : at + 8;
      view.getUint8(place + size * count - 1);
      found = size === 1 ? view.getUint8(place) : size === 2 ? view.getUint16(place, little) : view.getUint32(place, little);
    }
    view.getUint32(at, little); // where the next directory is
    return found >= 1 && found <= 8 ? found : 1;
  } catch {
    return 1;
  }
}

/** Rotate and flip an image according to its EXIF orientation. */
function upright(image, orientation) {
  if (orientation === 1) return image;
  const { width, height, data } = image, swapped = orientation >= 5, found = new Uint8Array(data.length);
  const [wide, high] = swapped ? [height, width] : [width, height];
  const across = [2, 3, 6, 7].includes(orientation), down = [3, 4, 7, 8].includes(orientation);
  for (let row = 0, to = 0; row < high; row++) {
    for (let column = 0; column < wide; column++) {
      const x = across ? wide - 1 - column : column, y = down ? high - 1 - row : row;
      const from = 3 * (swapped ? x * width + y : y * width + x);
      found[to++] = data[from];
      found[to++] = data[from + 1];
      found[to++] = data[from + 2];
    }
  }
  return { width: wide, height: high, data: found };
}

/** Read a PNG's chunks and check their sums (edgewbc/images/headers.py). */
function readPng(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length), seen = new Map(), exif = [];
  let at = 8, name = "";
  while (name !== "IEND") {
    if (at + 12 > bytes.length) throw new Error(DAMAGED);
    const length = view.getUint32(at);
    name = text(bytes, at + 4, at + 8);
    if (at + 12 + length > bytes.length) throw new Error(DAMAGED);
    if (crc32(bytes, at + 4, at + 8 + length) !== view.getUint32(at + 8 + length)) throw new Error(DAMAGED);
    if (!seen.size && name !== "IHDR") throw new Error(DAMAGED);
    if (!seen.has(name)) seen.set(name, bytes.subarray(at + 8, at + 8 + length));
    if (name === "eXIf") exif.push(at);
    at += 12 + length;
  }
  const header = seen.get("IHDR"), [bits, kind] = header.subarray(8, 10), palette = seen.get("PLTE") ?? [];
  if (bits === 16) throw new Error("a PNG with 16 bits per channel is not supported by this page: use edgewbc classify");
  let gray = kind === 0 || kind === 4;
  if (kind === 3) gray = palette.every((value, place) => value === palette[place - (place % 3)]);
  const size = new DataView(header.buffer, header.byteOffset);
  const alpha = kind === 4 || kind === 6 || seen.has("tRNS");
  const orientation = seen.has("eXIf") ? orientationOf(seen.get("eXIf")) : 1;
  const hide = (copy) => {
    const changed = new DataView(copy.buffer);
    for (const place of exif) { // such chunks get a name that no decoder knows
      const end = place + 8 + changed.getUint32(place);
      copy[place + 5] = "x".charCodeAt(0);
      changed.setUint32(end, crc32(copy, place + 4, end));
    }
  };
  return { kind: "PNG", width: size.getUint32(0), height: size.getUint32(4), gray, alpha, animated: seen.has("acTL"),
    orientation, hide };
}

function hasFilledCorner({ width, height, data }) {
  for (const top of [0, Math.max(0, height - 8)]) {
    for (const left of [0, Math.max(0, width - 8)]) {
      let filled = true;
      for (let row = top; filled && row < Math.min(height, top + 8); row++) {
        const part = data.subarray(3 * (row * width + left), 3 * (row * width + Math.min(width, left + 8)));
        filled = part.every((value) => value === 128);
      }
      if (filled) return true;
    }
  }
  return false;
}

/** Return whether colors step at a boundary of blocks, over half the width (edgewbc/images/jpeg_pixels.py). */
function hasStep({ width, height, data }) {
  if (Math.min(width, height) < 64) return false;
  const count = Math.floor((height - 2) / 8), half = width / 2, at = (row, place) => data[3 * width * row + place];
  for (let block = 0; block < count; block++) {
    const sums = [0, 0, 0, 0, 0, 0];
    for (let place = 0; place < 3 * width; place++) {
      const first = 8 * block + 6, column = Math.floor(place / 3);
      const twice = 3 * (at(first + 2, place) - at(first + 1, place)) + at(first, place) - at(first + 3, place);
      const step = Math.max(-48, Math.min(48, twice)), left = Math.max(0, Math.min(1, half - column));
      sums[place % 3] += left * step;
      sums[3 + (place % 3)] += (1 - left) * step;
    }
    if (sums.some((sum) => Math.abs(roundEven(sum / half)) > 20)) return true;
  }
  return false;
}

/** Decode a file: {image, notes}, where notes are reasons for review. Throws an Error with the reason of an error. */
async function decode(bytes) {
  if (!bytes.length) throw new Error("empty file");
  const jpeg = bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
  if (!jpeg && text(bytes, 0, 8) !== "\x89PNG\r\n\x1a\n") {
    throw new Error("not a JPEG or PNG image: this page reads no other format; use edgewbc classify");
  }
  const header = jpeg ? readJpeg(bytes) : readPng(bytes), { width, height } = header;
  if (width < 1 || height < 1) throw new Error(DAMAGED);
  const area = width * height, decimal = (count) => count.toLocaleString("en-US");
  if (area * (header.alpha || header.animated ? 2 : 1) > LIMIT) {
    throw new Error(`too large: ${width} x ${height} pixels; the limit is ${decimal(LIMIT)}`);
  }
  if (area > Math.max(SMALL, MAX_PIXELS_PER_BYTE * bytes.length)) {
    throw new Error(`too large: ${width} x ${height} pixels in a file of ${decimal(bytes.length)} bytes`);
  }
  const plain = bytes.slice(); // without the orientation, which browsers apply or not
  header.hide(plain);
  let bitmap;
  try {
    const asStored = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
    bitmap = await createImageBitmap(new Blob([plain], { type: jpeg ? "image/jpeg" : "image/png" }), asStored);
  } catch {
    throw new Error(DAMAGED);
  }
  if (bitmap.width !== width || bitmap.height !== height) throw new Error(DAMAGED);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
  const stored = { width, height, data: new Uint8Array(3 * area) };
  for (let from = 0, to = 0; from < pixels.length; from += 4) {
    if (pixels[from + 3] !== 255) throw new Error("partly transparent: not supported by this page; use edgewbc classify");
    stored.data[to++] = pixels[from];
    stored.data[to++] = pixels[from + 1];
    stored.data[to++] = pixels[from + 2];
  }
  bitmap.close();
  const image = upright(stored, header.orientation);
  const incomplete = jpeg && (header.incomplete || hasFilledCorner(image));
  const damage = jpeg && !incomplete ? jpegDamage(bytes) : "", notes = [];
  if (header.gray) notes.push("grayscale: the stain's colors are missing");
  if (header.animated) notes.push("animated or with several pages: only the first is used");
  if (incomplete) notes.push(TRUNCATED);
  if (jpeg && !incomplete && !damage && hasStep(stored)) notes.push("possibly damaged: brightness or color steps across the JPEG");
  if (damage) notes.push(`damaged: ${damage}`);
  return { image, notes };
}
