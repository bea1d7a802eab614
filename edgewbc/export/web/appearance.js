// What of a prepared image is unlike the training images, a port of edgewbc/smear/appearance.py, stain.py, unusual.py.
"use strict";

const QUANTITIES = {
  background_red: "background: red", background_green: "background: green", background_blue: "background: blue",
  density_red: "stain of the nucleus: red", density_green: "stain of the nucleus: green",
  density_blue: "stain of the nucleus: blue", nucleus: "size of the nucleus", cells: "number of nuclei",
  offset: "distance of the nucleus from the center", border: "nuclei cut off by the edge", edge: "sharpness",
  grain: "noise",
};
const SIDE = 40, NUCLEUS = 0.25, CELL = 0.16;

function histogram(values, mask) {
  const counts = new Float64Array(256);
  values.forEach((value, at) => { if (!mask || mask[at]) counts[value]++; });
  return counts;
}

function percentile(counts, percent) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const wanted = Math.fround(Math.fround(percent / 100) * Math.fround(total));
  let below = 0;
  for (let level = 0; level < 256; level++) {
    below += counts[level];
    if (below >= wanted) return level;
  }
  return 256;
}

const channelOf = (image, channel) => image.data.filter((_, at) => at % 3 === channel);

function densityTable(level) {
  const table = new Float32Array(256);
  const density = (value) => -Math.log((value + 1) / 256);
  for (let value = 0; value < 256; value++) table[value] = Math.max(density(value) - density(level), 0);
  return table;
}

/** Widen a mask by an ellipse of 5 x 5 pixels (cv2.dilate). */
function widened(mask, width, height) {
  const found = new Uint8Array(mask.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let down = -2; down <= 2 && !found[y * width + x]; down++) {
        const reach = Math.abs(down) === 2 ? 0 : 2;
        for (let across = -reach; across <= reach; across++) {
          const row = y + down, column = x + across;
          if (row >= 0 && row < height && column >= 0 && column < width && mask[row * width + column]) {
            found[y * width + x] = 1;
          }
        }
      }
    }
  }
  return found;
}

/** Return the connected regions of a mask (with diagonal neighbors): area and center of each. */
function regions(mask, width, height) {
  const seen = new Uint8Array(mask.length), found = [];
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || seen[start]) continue;
    const open = [start];
    let area = 0, sumX = 0, sumY = 0;
    seen[start] = 1;
    while (open.length) {
      const at = open.pop(), x = at % width, y = (at - x) / width;
      area++; sumX += x; sumY += y;
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
          const next = row * width + column;
          if (mask[next] && !seen[next]) { seen[next] = 1; open.push(next); }
        }
      }
    }
    found.push({ area, x: sumX / area, y: sumY / area });
  }
  return found;
}

function nucleus(nuclei, width, height) {
  const found = regions(widened(nuclei, width, height), width, height);
  if (!found.length) return [0, 0, 1];
  const largest = Math.max(...found.map((each) => each.area));
  let best = -1, offset = 1;
  for (const each of found) {
    const off = Math.hypot(each.x - (width - 1) / 2, each.y - (height - 1) / 2) / width;
    const weight = each.area * Math.exp(-((off / 0.22) ** 2) / 2);
    if (weight > best) { best = weight; offset = off; }
  }
  return [largest, found.filter((each) => each.area >= CELL * largest).length, offset];
}

function steepness(values, width, height, across) {
  const counts = new Float64Array(256);
  let any = false;
  for (let y = across ? 0 : 1; y < height; y++) {
    for (let x = across ? 1 : 0; x < width; x++) {
      const at = y * width + x;
      counts[Math.abs(values[at] - values[across ? at - 1 : at - width])]++;
      any = true;
    }
  }
  return any ? percentile(counts, 99) : 0;
}

function sharpness(image) {
  const { width, height } = image, green = channelOf(image, 1), counts = histogram(green);
  const contrast = percentile(counts, 90) - percentile(counts, 1);
  const mirrored = (at, size) => (size === 1 ? 0 : at < 0 ? -at : at >= size ? 2 * size - 2 - at : at);
  let rough = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let down = -1; down <= 1; down++) {
        for (let aside = -1; aside <= 1; aside++) sum += green[mirrored(y + down, height) * width + mirrored(x + aside, width)];
      }
      rough += Math.abs(green[y * width + x] - Math.round(sum / 9));
    }
  }
  const edge = Math.max(steepness(green, width, height, true), steepness(green, width, height, false));
  return [edge / Math.max(1, contrast), rough / green.length];
}

/** Measure a prepared image: a value for each of QUANTITIES, in their order. */
function measure(image) {
  const factor = Math.min(1, SIDE / Math.min(image.height, image.width));
  const size = (side) => Math.max(1, roundEven(side * factor));
  const small = factor < 1 ? reduce(image, size(image.width), size(image.height)) : image;
  const channels = [0, 1, 2].map((channel) => channelOf(small, channel));
  const least = percentile(histogram(channels[1]), 70);
  const bright = channels[1].map((value) => (value >= least ? 1 : 0));
  const white = channels.map((values) => percentile(histogram(values, bright), 50));
  const tables = white.map(densityTable);
  const nuclei = channels[0].map((red, at) => {
    const sum = Math.fround(Math.fround(tables[1][channels[1][at]] * 0.5) + tables[0][red]);
    return Math.fround(sum - tables[2][channels[2][at]]) > NUCLEUS ? 1 : 0;
  });
  const { width, height } = small, [area, cells, offset] = nucleus(nuclei, width, height);
  let density = [0, 0, 0];
  if (area) {
    const count = nuclei.reduce((sum, value) => sum + value, 0);
    density = channels.map((values, channel) => {
      const mean = values.reduce((sum, value, at) => sum + value * nuclei[at], 0) / count;
      return Math.log((white[channel] + 1) / (mean + 1));
    });
  }
  let rim = 0;
  for (let x = 0; x < width; x++) rim += nuclei[x] + nuclei[(height - 1) * width + x];
  for (let y = 0; y < height; y++) rim += nuclei[y * width] + nuclei[y * width + width - 1];
  const [edge, grain] = sharpness(image);
  const values = [...white, ...density, Math.sqrt(area / nuclei.length), cells, offset, rim / (2 * (width + height)), edge, grain];
  return values.map(Math.fround);
}

/** Format a number as Python's f"{value:.<digits>g}". */
function general(value, digits) {
  if (value === 0) return "0";
  const [mantissa, power] = value.toExponential(digits - 1).split("e"), exponent = Number(power);
  const plain = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (exponent < -4 || exponent >= digits) {
    return `${plain(mantissa)}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  return plain(value.toFixed(Math.max(0, digits - 1 - exponent)));
}

/** Return why an image is unlike the training images; empty if it is not. */
function unusual(range, measured) {
  const found = [];
  Object.entries(QUANTITIES).forEach(([name, words], at) => {
    const low = range.low[name], high = range.high[name], value = measured[at];
    if (low === undefined || (low <= value && value <= high)) return;
    const rounded = Number(general(value, 5));
    found.push({ words, value: rounded, low, high, excess: Math.max(low - rounded, rounded - high) / Math.max(high - low, 1e-9) });
  });
  if (!found.length) return "";
  const text = ({ words, value, low, high }) => {
    let digits = 3;
    while (digits < 9 && [low, high].some((end) => general(value, digits) === general(end, digits))) digits++;
    return `${words} ${general(value, digits)} (usual ${general(low, digits)} to ${general(high, digits)})`;
  };
  found.sort((one, other) => other.excess - one.excess);
  const more = found.length > 3 ? ` and ${found.length - 3} more` : "";
  return `unlike the training images: ${found.slice(0, 3).map(text).join(", ")}${more}`;
}
