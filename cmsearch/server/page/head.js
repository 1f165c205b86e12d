// The head of the page: it goes away on small screens while somebody scrolls down.

import { useEffect, useState } from "./vendor/hooks.js";

const LEAST = 8; // pixels; less is a finger that rests
const HEIGHT = 160; // the head stays where this much of the page isn't above the window

/** Whether the head is away, and what shows it again when something in it gets the focus. */
export function useAway() {
  const [isAway, setAway] = useState(false);
  useEffect(() => {
    const small = matchMedia("(max-width: 700px), (max-height: 500px)");
    let last = scrollY;
    const look = () => {
      const moved = scrollY - last;
      if (Math.abs(moved) < LEAST) return;
      last = scrollY;
      setAway(small.matches && moved > 0 && scrollY > HEIGHT);
    };
    addEventListener("scroll", look, { passive: true });
    return () => removeEventListener("scroll", look);
  }, []);
  return [isAway, () => setAway(false)];
}
