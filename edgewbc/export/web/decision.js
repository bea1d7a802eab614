// From the network's outputs to a status, a port of edgewbc/decision, edgewbc/lab/classify.py and verdict.py.
"use strict";

const half = (bits) => {
  const sign = bits & 0x8000 ? -1 : 1, power = (bits >> 10) & 31, rest = bits & 1023;
  if (power === 0) return sign * rest * 2 ** -24;
  return power === 31 ? (rest ? NaN : sign * Infinity) : sign * (1 + rest / 1024) * 2 ** (power - 15);
};

/** Read the statistics of familiarity from their float16 arrays, one after the other (web_page.familiarity_arrays). */
function readFamiliarity(packed, bytes) {
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  const { features: d, components: k, groups } = packed;
  let at = 0;
  const take = (count) => Float64Array.from(halves.subarray(at, (at += count)), half);
  const found = { ...packed, center: take(d), projection: take(d * k), means: take(groups * k), whitening: take(groups * k * k) };
  if (packed.others) found.others = { ...packed.others, weights: take(d * packed.others.bias.length) };
  return found;
}

/** Return the logarithm of the odds of a kind of cells that is not one of the classes (Others.log_odds). */
function otherOdds({ weights, bias, kinds }, features) {
  const logits = bias.map((value, row) => {
    let sum = value;
    for (let each = 0; each < features.length; each++) {
      sum += weights[row * features.length + each] * Math.sign(features[each]) * Math.sqrt(Math.abs(features[each]));
    }
    return sum;
  });
  const logSum = (values) => {
    const most = Math.max(...values);
    return most + Math.log(values.reduce((total, value) => total + Math.exp(value - most), 0));
  };
  const classes = bias.length - kinds;
  return logSum(logits.slice(classes)) - logSum(logits.slice(0, classes));
}

/** Return why a cell is unfamiliar; empty if it is not (Familiarity.reason). */
function unfamiliarReason(found, features) {
  const distance = familiarityDistance(found, features);
  if (!(distance <= found.threshold)) {
    return `unlike the training cells: distance ${distance.toFixed(2)} is above ${found.threshold.toFixed(2)}`;
  }
  if (!found.others) return "";
  const odds = otherOdds(found.others, features);
  const score = distance + Math.max(0, (odds - found.scale[2][0]) / found.scale[2][1]) + Math.max(0, odds);
  if (score <= found.score_threshold) return "";
  return `unlike the training cells: more like other kinds: score ${score.toFixed(2)} is above ${found.score_threshold.toFixed(2)}`;
}

/** Return how far a cell is from the training cells (Familiarity.distance). */
function familiarityDistance(found, features) {
  const { features: d, components: k, groups, center, projection, spread, means, whitening, scale } = found;
  if (features.length !== d) throw new Error(`the model gives ${features.length} features, the statistics are of ${d}`);
  const centered = Float64Array.from(features, (value, at) => Math.sign(value) * Math.sqrt(Math.abs(value)) - center[at]);
  const projected = new Float64Array(k);
  for (let row = 0; row < d; row++) for (let each = 0; each < k; each++) projected[each] += centered[row] * projection[row * k + each];
  let distance = Infinity;
  for (let group = 0; group < groups; group++) {
    let sum = 0;
    for (let row = 0; row < k; row++) {
      let value = 0;
      for (let each = 0; each < k; each++) {
        value += whitening[(group * k + row) * k + each] * (projected[each] / spread[each] - means[group * k + each]);
      }
      sum += value * value;
    }
    distance = Math.min(distance, sum);
  }
  const logarithm = (value) => Math.log(Math.max(value, 1e-9));
  const first = (logarithm(distance) - scale[0][0]) / scale[0][1];
  if (d <= 2 * k) return first;
  let rest = 0;
  for (let row = 0; row < d; row++) {
    let value = centered[row];
    for (let each = 0; each < k; each++) value -= projected[each] * projection[row * k + each];
    rest += value * value;
  }
  return (first + (logarithm(rest) - scale[1][0]) / scale[1][1]) / 2;
}

/** Return calibrated probabilities (Calibration.apply). */
function calibrated(probabilities, temperature) {
  if (!temperature) return [...probabilities];
  const logits = Array.from(probabilities, (value) => Math.log(Math.max(value, 1e-12)) / temperature);
  const most = Math.max(...logits), powers = logits.map((value) => Math.exp(value - most));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => Math.fround(value / sum));
}

/** Return why outputs cannot be used; empty if they can (runtime.predictor.fault). */
function fault(probabilities, features) {
  if (![...probabilities, ...features].every(Number.isFinite)) return "the model's output is not a number (NaN or infinite)";
  const sum = [...probabilities].reduce((total, value) => total + value, 0);
  const proper = probabilities.length > 0 && Math.min(...probabilities) >= 0 && Math.abs(sum - 1) <= 0.02;
  return proper ? "" : "the model's output is not a set of probabilities (negative, or not adding up to 1)";
}

function thresholdReason(label, probability, threshold) {
  if (probability >= threshold) return "";
  if (threshold > 1) return `every ${label} is for review`;
  const decimals = (String(threshold).split(".")[1] ?? "").length;
  let digits = decimals <= 6 ? Math.max(3, decimals) : 4; // a computed threshold has more than six
  while (probability.toFixed(digits) === threshold.toFixed(digits)) digits++;
  return `probability ${probability.toFixed(digits)} is below ${threshold.toFixed(digits)}`;
}

function sizeProblem(bundle, width, height) {
  const { size } = bundle.training_images;
  if (bundle.pixels.crop !== "centre") return "";
  const usual = `image of ${width} x ${height} pixels, trained on about ${size.width[1].toFixed(0)} x ${size.height[1].toFixed(0)}`;
  if (Math.max(width / size.width[2], height / size.height[2]) > 1.5) return `${usual}: only its center is seen`;
  if (Math.max(size.width[0] / width, size.height[0] / height) > 1.5) return `${usual}: the cell is seen at another scale`;
  return "";
}

/** Return label, probabilities, status and reason of a cell: never a label without its status. */
function decide(bundle, familiarity, outputs, decoded, prepared) {
  const wrong = fault(outputs.probabilities, outputs.features);
  if (wrong) return { status: "error", reason: wrong };
  const probabilities = calibrated(outputs.probabilities, bundle.temperature);
  const best = probabilities.indexOf(Math.max(...probabilities)), label = bundle.classes[best];
  const unfamiliar = familiarity ? unfamiliarReason(familiarity, outputs.features) : "";
  const reasons = [], trained = bundle.training_images;
  const damage = (note) => note === TRUNCATED || note.startsWith("damaged: ");
  if (trained) {
    reasons.push(...decoded.notes.filter((note) => damage(note) || (trained.notes[note] ?? 0) < 0.01));
    reasons.push(sizeProblem(bundle, decoded.image.width, decoded.image.height));
    reasons.push(unusual(trained.appearance, measure(prepared)));
  } else reasons.push(...decoded.notes);
  const probability = probabilities[best], below = thresholdReason(label, probability, bundle.review_below);
  const reason = [unfamiliar, ...reasons, below].filter(Boolean).join("; ");
  const status = unfamiliar ? "unfamiliar" : reason ? "review" : "ok";
  const doubtful = Boolean(unfamiliar || reasons.some(Boolean) || probability < bundle.usual.review_below);
  return { label, probability, probabilities, status, reason, doubtful };
}

/** Return the Wilson 95 % interval of a share, [low, high]. */
function wilson(count, total) {
  const z = 1.959963984540054, share = count / total, square = (z * z) / total;
  const middle = (share + square / 2) / (1 + square);
  const reach = (z / (1 + square)) * Math.sqrt((share * (1 - share)) / total + square / (4 * total));
  return [count === 0 ? 0 : middle - reach, count === total ? 1 : middle + reach];
}

/** Return the differential of rows: counts by class, shares of the counted white cells, and the verdict. */
function differential(bundle, rows) {
  const white = bundle.classes.filter((name) => !bundle.not_leukocytes.includes(name));
  const number = (name, status) => rows.filter((row) => row.label === name && row.status === status).length;
  const total = (status) => rows.filter((row) => row.status === status).length;
  const predicted = rows.filter((row) => row.label);
  const doubtful = predicted.filter((row) => row.doubtful).length;
  const doubted = predicted.length >= 10 &&
    wilson(doubtful, predicted.length)[0] > Math.max(0.1, 3 * bundle.usual.share);
  const counted = white.reduce((sum, name) => sum + number(name, "ok"), 0);
  const classes = white.map((name) => {
    const n = number(name, "ok"), known = counted > 0 && !doubted;
    return { name, n, review: number(name, "review"), percent: known ? (100 * n) / counted : null,
      interval: known ? wilson(n, counted).map((value) => 100 * value) : null };
  });
  const seen = new Map();
  const copies = predicted.filter((row) => row.sha256 && (seen.has(row.sha256) || !seen.set(row.sha256, row))).length;
  return { classes, counted, review: total("review"), unfamiliar: total("unfamiliar"), errors: total("error"), doubted,
    doubtful, predicted: predicted.length, copies,
    others: bundle.classes.filter((name) => !white.includes(name)).map((name) => ({ name, n: number(name, "ok") })) };
}
