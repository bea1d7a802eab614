// What this browser must reproduce before it classifies (edgewbc/export/web_golden.py).
"use strict";

/**
 * Throw an Error unless this browser reads golden samples to the last bit, and `run` predicts what is expected of them.
 * `bytes` are their PNG files, one after the other.
 */
async function reproduce(golden, bytes, run) {
  let at = 0;
  for (const { size, crc, probabilities } of golden.samples) {
    let image = null;
    try {
      image = (await decode(bytes.slice(at, (at += size)))).image;
    } catch { /* the same error */ }
    if (!image || crc32(image.data) !== crc) {
      throw new Error("this browser does not show a page the true pixels of an image, perhaps as a protection against " +
        "tracking: switch it off for this page, or use another browser");
    }
    const found = (await run(image)).probabilities;
    const apart = Math.max(...probabilities.map((value, place) => Math.abs(found[place] - value)));
    if (!(apart <= golden.tolerance)) { // also for NaN
      throw new Error(`this browser does not give the expected predictions: a probability differs by ${general(apart, 2)}, ` +
        `allowed are ${general(golden.tolerance, 2)}: use another browser, or write this file anew`);
    }
  }
}
