// Where each picture of a list stands: rows of one width, in which each keeps its shape.

/**
 * The places of pictures in sections.
 *
 * `sections` are `{ title, count }`; `ratio(i)` is the width over the height of the picture at place
 * i of the whole list. Gives `x`, `y`, `w`, `h` of each as arrays, the tops of the titles, and the
 * `height` of all. The last row of a section isn't stretched.
 */
export function justified(sections, ratio, { width, rowHeight, gap, titleHeight }) {
  const count = sections.reduce((sum, one) => sum + one.count, 0);
  const [x, y, w, h] = [0, 1, 2, 3].map(() => new Float64Array(count));
  const titles = [];
  let top = 0;
  let next = 0;
  for (const section of sections) {
    titles.push(top);
    if (section.title) top += titleHeight;
    const end = next + section.count;
    while (next < end) {
      const row = rowFrom(next, end, ratio, width, rowHeight, gap);
      let left = 0;
      for (let i = next; i < row.end; i++) {
        [x[i], y[i], w[i], h[i]] = [left, top, row.height * shape(ratio(i)), row.height];
        left += w[i] + gap;
      }
      top += row.height + gap;
      next = row.end;
    }
  }
  return { x, y, w, h, titles, height: top, count };
}

/** Panoramas and strips are cut to what a row can hold. */
const shape = (ratio) => Math.min(3, Math.max(0.5, ratio || 1));

function rowFrom(first, end, ratio, width, rowHeight, gap) {
  let shapes = 0;
  for (let i = first; i < end; i++) {
    shapes += shape(ratio(i));
    const height = (width - gap * (i - first)) / shapes;
    if (height <= rowHeight) return { end: i + 1, height };
  }
  return { end, height: Math.min(rowHeight, (width - gap * (end - first - 1)) / shapes) };
}

/** The first place whose picture ends below `top`; pictures are in rows from top to bottom. */
export function firstBelow(layout, top) {
  let [low, high] = [0, layout.count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (layout.y[middle] + layout.h[middle] < top) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The places `[first, end)` of the pictures between two heights. */
export function between(layout, top, bottom) {
  const first = firstBelow(layout, top);
  let end = first;
  while (end < layout.count && layout.y[end] <= bottom) end++;
  return [first, end];
}
