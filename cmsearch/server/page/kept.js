// What the browser keeps for the page: saved searches, those of before, and labels; nothing of it leaves it.

const PREFIX = "cmsearch.";
const MOST_BEFORE = 20;

/** What is kept under a name, or `usual` where there is nothing that can be read, or nothing may be kept. */
export function read(name, usual) {
  try {
    const found = JSON.parse(localStorage.getItem(PREFIX + name));
    return found !== null && typeof found === typeof usual && Array.isArray(found) === Array.isArray(usual) ? found : usual;
  } catch {
    return usual;
  }
}

/** Keep something; whether that could be done. */
export function write(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
    return true;
  } catch {
    return false; // nothing may be kept, or there is no room
  }
}

const isSearch = (one) => typeof one?.name === "string" && typeof one.address === "string" && one.address.startsWith("?");

/** Searches that were kept as `saved` or `before`: `{ name, address }`. */
export const searches = (name) => read(name, []).filter(isSearch);

/** Note that something was searched for. */
export function passed(name, address) {
  const others = searches("before").filter((one) => one.address !== address && !(name.startsWith(one.name) && one.name));
  write("before", [{ name, address }, ...others].slice(0, MOST_BEFORE));
}
