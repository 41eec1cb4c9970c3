// What a viewer chose, for the next time: volume, and quality.

const KEY = "player";

export function recall() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; // none is kept here, or somebody else wrote it
  }
}

export function remember(chosen) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...recall(), ...chosen }));
  } catch {
    // then not
  }
}
