// One state for the whole page, and a hook that follows a part of it.

import { useEffect, useState } from "./vendor/hooks.js";

/** A state that tells its followers when it changes. */
export function makeStore(state) {
  const followers = new Set();
  return {
    get: () => state,
    set(change) {
      const next = typeof change === "function" ? change(state) : change;
      state = { ...state, ...next };
      for (const follower of [...followers]) follower(state);
    },
    follow(follower) {
      followers.add(follower);
      return () => followers.delete(follower);
    },
  };
}

/** What `pick` takes from the state of a store; the component is drawn anew when it changes. */
export function useStore(store, pick) {
  const [value, setValue] = useState(() => pick(store.get()));
  useEffect(() => {
    const look = (state) => setValue(() => pick(state));
    look(store.get());
    return store.follow(look);
  }, [store]);
  return value;
}
