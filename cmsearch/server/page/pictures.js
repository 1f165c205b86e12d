// Which pictures are loaded first: those nearest to what is seen. What was left isn't loaded any more.

const AT_ONCE = 5; // a browser has six connections to a service; one is left for what is asked
const waiting = new Set();
const loading = new Set();
let middle = 0;

/** Say which place is in the middle of the window. */
export function look(place) {
  middle = place;
}

/** Load a picture when it is its turn; call what this gives when it isn't wanted any more. */
export function load(image, address, place) {
  const own = { image, address, place };
  const done = () => loading.delete(own) && begin();
  image.addEventListener("load", done);
  image.addEventListener("error", done);
  waiting.add(own);
  queueMicrotask(begin); // after all that are drawn with it
  return () => {
    image.removeEventListener("load", done);
    image.removeEventListener("error", done);
    waiting.delete(own);
    image.removeAttribute("src"); // else it would be loaded to its end, and kept for a while
    if (loading.delete(own)) queueMicrotask(begin);
  };
}

function begin() {
  while (waiting.size && loading.size < AT_ONCE) {
    let next = null;
    for (const one of waiting) if (!next || Math.abs(one.place - middle) < Math.abs(next.place - middle)) next = one;
    waiting.delete(next);
    loading.add(next);
    next.image.src = next.address;
  }
}
