// What a picture looks like from afar, before it comes: from the few frequencies that the index has of it.

const SIDE = 6; // frequencies in each direction
const PIXELS = 12;
const WAVES = Array.from({ length: SIDE }, (_, frequency) =>
  Float32Array.from({ length: PIXELS }, (_, place) => Math.cos((Math.PI * frequency * (2 * place + 1)) / (2 * PIXELS)) * (frequency ? 1 : Math.SQRT1_2)));
const CONTRAST = 62; // levels; how bright a picture is, and how rich in contrast, isn't known
const GREY = [142, 138, 131];
const OPACITY = 140;
const drawing = new OffscreenCanvas(PIXELS, PIXELS).getContext("2d", { willReadFrequently: true });

/** How many bytes a preview has. */
export const BYTES = SIDE ** 2;

/** The bytes of previews in base64. */
export const bytesOf = (packed) => Int8Array.from(atob(packed), (one) => one.charCodeAt(0));

/** A small blurred picture of what the service gives as a preview, its bytes or these in base64, as a bitmap. */
export function preview(seen) {
  drawing.canvas.width = PIXELS;
  const image = drawing.createImageData(PIXELS, PIXELS);
  levels(seen).forEach((level, i) => image.data.set([...GREY.map((one) => one + level), OPACITY], 4 * i));
  drawing.putImageData(image, 0, 0);
  return drawing.canvas.transferToImageBitmap();
}

/** How much brighter than its mean each pixel is. */
function levels(seen) {
  const values = typeof seen === "string" ? bytesOf(seen) : seen;
  const found = new Float32Array(PIXELS * PIXELS);
  for (let i = 1; i < values.length; i++) {
    const [down, right] = [Math.floor(i / SIDE), i % SIDE];
    const height = values[i] / Math.hypot(down, right);
    for (let y = 0; y < PIXELS; y++) for (let x = 0; x < PIXELS; x++) found[y * PIXELS + x] += height * WAVES[down][y] * WAVES[right][x];
  }
  const most = Math.max(1e-6, ...found.map(Math.abs));
  return found.map((one) => (CONTRAST * one) / most);
}
