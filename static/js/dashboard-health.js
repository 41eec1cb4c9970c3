// <stream-health url="/…/ID/">: asks once a second how the broadcast is doing that #live names, and draws it.
// It asks nothing while nobody looks; what was missed meanwhile comes with the next answer.

import "live/graph";

const EVERY_MS = 1000;
const KEPT = 600; // seconds, as in the store
const GAP_MS = 4000; // without a second: the line is interrupted
const ORDER = ["source", "audio"];

class StreamHealth extends HTMLElement {
  #id = "";
  #seconds = [];
  #viewers = { x: [], values: [] };
  #timer = null;
  #asking = false;

  connectedCallback() {
    document.body.addEventListener("htmx:afterSwap", () => this.#follow());
    document.addEventListener("visibilitychange", () => this.#ask());
    this.#follow();
  }

  #follow() {
    const id = document.getElementById("live")?.dataset.broadcast ?? "";
    if (id === this.#id) return;
    this.#seconds = [];
    this.#viewers = this.#id ? { x: [], values: [] } : this.#minutes();
    this.#id = id;
    this.hidden = !id;
    this.#ask();
  }

  #minutes() {
    const began = Number(this.querySelector(".health-began")?.value);
    const minutes = JSON.parse(document.getElementById("health-minutes").textContent);
    return { x: minutes.map(({ minute }) => began + minute * 60), values: minutes.map(({ viewers }) => viewers ?? null) };
  }

  async #ask() {
    clearTimeout(this.#timer);
    if (!this.#id || document.hidden || this.#asking) return;
    this.#asking = true;
    try {
      await this.#look(this.#id);
      this.#say(true);
    } catch {
      this.#say(false);
    } finally {
      this.#asking = false;
      this.#timer = setTimeout(() => this.#ask(), EVERY_MS);
    }
  }

  async #look(id) {
    const after = this.#seconds.at(-1)?.at_ms ?? 0;
    const url = this.getAttribute("url").replace("ID", id);
    const answer = await fetch(`${url}?after=${after}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const { seconds, viewers } = await answer.json();
    if (id !== this.#id) return;
    this.#seconds = [...this.#seconds, ...seconds].slice(-KEPT);
    this.#viewers.x.push(Date.now() / 1000);
    this.#viewers.values.push(viewers);
    this.#draw();
  }

  #draw() {
    const x = [];
    const rows = [];
    for (const second of this.#seconds) {
      const before = rows.at(-1)?.at_ms;
      if (before && second.at_ms - before > GAP_MS) {
        x.push(before / 1000 + 1);
        rows.push({});
      }
      x.push(second.at_ms / 1000);
      rows.push(second);
    }
    for (const name of ["kbit_s", "fps", "gop_s", "reorder_ms", "drift_ms"]) {
      this.#show(name, { x, series: [{ name: "", values: rows.map((row) => row[name] ?? null) }] });
    }
    this.#show("lag_s", { x, series: renditions(rows).map((name) => ({ name, values: rows.map((row) => row.lag_s?.[name] ?? null) })) }, worst);
    this.#show("viewers", { x: this.#viewers.x, series: [{ name: "", values: this.#viewers.values }] });
  }

  #show(name, data, value = newest) {
    const graph = this.querySelector(`live-graph[name=${name}]`);
    graph.data = data;
    const now = value(data);
    const shown = now === null ? this.getAttribute("unknown") : `${graph.words(now)} ${graph.getAttribute("unit")}`;
    graph.closest("figure").querySelector(".graph-now").textContent = shown.trim();
  }

  #say(works) {
    this.querySelector(".health-failed").hidden = works;
  }
}

function newest({ series }) {
  return series[0]?.values.at(-1) ?? null;
}

function worst({ series }) {
  const now = series.map(({ values }) => values.at(-1)).filter((value) => value !== null && value !== undefined);
  return now.length ? Math.max(...now) : null;
}

function renditions(rows) {
  const names = new Set(rows.flatMap((row) => Object.keys(row.lag_s ?? {})));
  const others = [...names].filter((name) => !ORDER.includes(name)).sort((a, b) => parseInt(b) - parseInt(a));
  return [...ORDER.filter((name) => names.has(name)), ...others];
}

customElements.define("stream-health", StreamHealth);
