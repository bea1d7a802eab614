// Crop and resize, a port of edgewbc/pixels.py: the same bytes as OpenCV's area averaging.
// Images are {width, height, data}: data is a Uint8Array of RGB bytes.
"use strict";

const roundEven = (value) => {
  const low = Math.floor(value), rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
};

/** Return the part of an image that the network sees, [left, top, width, height] (PixelSpec.rectangle). */
function rectangle(spec, width, height) {
  if (spec.crop === "centre" && spec.size <= Math.min(height, width)) {
    return [Math.floor((width - spec.size) / 2), Math.floor((height - spec.size) / 2), spec.size, spec.size];
  }
  return [0, 0, width, height];
}

function cropped(image, left, top, width, height) {
  const data = new Uint8Array(3 * width * height);
  for (let row = 0; row < height; row++) {
    const start = 3 * ((top + row) * image.width + left);
    data.set(image.data.subarray(start, start + 3 * width), 3 * row * width);
  }
  return { width, height, data };
}

/** Return which source positions an averaged position is made of, and their weights (OpenCV, computeResizeAreaTab). */
function areaTable(from, to) {
  const scale = 1 / (to / from), table = [];
  for (let at = 0; at < to; at++) {
    const start = at * scale, end = start + scale, wide = Math.min(scale, from - start);
    const last = Math.min(Math.floor(end), from - 1), first = Math.min(Math.ceil(start), last);
    if (first - start > 1e-3) table.push([at, first - 1, Math.fround((first - start) / wide)]);
    for (let position = first; position < last; position++) table.push([at, position, Math.fround(1 / wide)]);
    if (end - last > 1e-3) table.push([at, last, Math.fround(Math.min(Math.min(end - last, 1), wide) / wide)]);
  }
  return table;
}

/** Reduce an image by averaging over areas, as cv2.resize(..., interpolation=cv2.INTER_AREA); it must not grow. */
function reduce(image, width, height) {
  const across = 1 / (width / image.width), down = 1 / (height / image.height);
  const fullX = roundEven(across), fullY = roundEven(down);
  const data = new Uint8Array(3 * width * height);
  if (Math.abs(across - fullX) < 2.220446049250313e-16 && Math.abs(down - fullY) < 2.220446049250313e-16) {
    const area = fullX * fullY, share = Math.fround(1 / area);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < 3 * width; x++) {
        let sum = 0;
        const channel = x % 3, column = (x - channel) / 3;
        for (let row = 0; row < fullY; row++) {
          const start = 3 * ((y * fullY + row) * image.width + column * fullX) + channel;
          for (let step = 0; step < fullX; step++) sum += image.data[start + 3 * step];
        }
        const mean = fullX === 2 && fullY === 2 ? (sum + 2) >> 2 : roundEven(Math.fround(sum * share));
        data[3 * y * width + x] = mean;
      }
    }
    return { width, height, data };
  }
  const columns = areaTable(image.width, width), rows = areaTable(image.height, height);
  const line = new Float32Array(3 * width), sums = new Float32Array(3 * width);
  let current = 0;
  const store = (at) => {
    for (let x = 0; x < sums.length; x++) data[3 * at * width + x] = Math.max(0, Math.min(255, roundEven(sums[x])));
  };
  for (const [at, position, weight] of rows) {
    line.fill(0);
    const start = 3 * position * image.width;
    for (const [to, from, share] of columns) {
      for (let channel = 0; channel < 3; channel++) {
        line[3 * to + channel] += Math.fround(image.data[start + 3 * from + channel] * share);
      }
    }
    if (at !== current) {
      store(current);
      current = at;
      sums.fill(0);
    }
    for (let x = 0; x < sums.length; x++) sums[x] += Math.fround(weight * line[x]);
  }
  store(current);
  return { width, height, data };
}

/** Crop and resize an image to the network's input. Throws for an image that would have to be enlarged. */
function prepare(image, spec) {
  const found = cropped(image, ...rectangle(spec, image.width, image.height));
  if (found.width === spec.width && found.height === spec.height) return found;
  if (found.width < spec.width || found.height < spec.height) {
    throw new Error(`image of ${image.width} x ${image.height} pixels: this page takes no image smaller than ` +
      `${spec.width} x ${spec.height}; use edgewbc classify`);
  }
  return reduce(found, spec.width, spec.height);
}
