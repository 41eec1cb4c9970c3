// <live-graph label="…" unit="…" summary="{label}: {last} {unit} …" empty="…">: numbers over time, drawn by uPlot.
//
// Either what `data` is set to, {x: [seconds], series: [{name, values}]}, or a JSON list in the page:
//   source="ID of a script" x="FIELD" fields="FIELD,FIELD" names="WORDS|WORDS": x counts minutes
// kind="bars", top="lowest upper end", window="seconds that are shown at most, 0: all", height, digits.
// Colours are the page's (.graph-ink-N, .graph-axis, .graph-grid); the summary is what a screen reader is told.

import { language } from "live/i18n";
import uPlot from "uplot";

const YOUNG_S = 60; // a window is at least so wide
const SLOW_MS = 5000; // between two pictures, where somebody wants less motion
const less = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const clockWithSeconds = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

class LiveGraph extends HTMLElement {
  #plot = null;
  #data = { x: [], series: [] };
  #drawn = 0;
  #resized = new ResizeObserver(() => this.#resize());
  #restyled = new MutationObserver(() => this.#begin());
  #themed = () => this.#begin();

  connectedCallback() {
    this.setAttribute("role", "img");
    if (this.hasAttribute("source")) this.#data = listed(this);
    this.#resized.observe(this);
    this.#restyled.observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
    dark.addEventListener("change", this.#themed);
    this.#begin();
  }

  disconnectedCallback() {
    this.#resized.disconnect();
    this.#restyled.disconnect();
    dark.removeEventListener("change", this.#themed);
    this.#plot?.destroy();
    this.#plot = null;
  }

  set data(data) {
    const same = names(data) === names(this.#data) && Boolean(this.#plot);
    this.#data = data;
    const now = performance.now();
    if (same && less.matches && now - this.#drawn < SLOW_MS) return;
    this.#drawn = now;
    if (!same) this.#begin();
    else {
      this.#plot.setData(columns(data));
      this.#summarise();
    }
  }

  get isEmpty() {
    return !this.#data.series.some(({ values }) => values.some((value) => value !== null));
  }

  words(value) {
    const digits = Number(this.getAttribute("digits") ?? 0);
    return new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
  }

  #begin() {
    if (!this.isConnected) return;
    this.#plot?.destroy();
    this.#plot = null;
    this.replaceChildren();
    if (this.isEmpty) {
      const words = document.createElement("p");
      words.className = "graph-empty muted";
      words.textContent = this.getAttribute("empty");
      this.append(words);
    } else if (this.clientWidth) {
      this.#plot = new uPlot(this.#options(), columns(this.#data), this);
    }
    this.#summarise();
  }

  #resize() {
    if (this.#plot) this.#plot.setSize(this.#size());
    else if (!this.isEmpty) this.#begin();
  }

  #size() {
    return { width: Math.max(this.clientWidth, 100), height: this.#height() };
  }

  #height() {
    return Number(this.getAttribute("height") ?? 130);
  }

  #options() {
    const several = this.#data.series.length > 1 || this.hasAttribute("source");
    const axis = { stroke: ink(this, "graph-axis"), grid: { stroke: ink(this, "graph-grid"), width: 1 }, ticks: { show: false } };
    return {
      width: this.clientWidth,
      height: this.#height() - (several ? 28 : 0),
      cursor: { drag: { x: false, y: false }, y: false, points: { size: 6 } },
      legend: { show: several, live: several },
      scales: { x: { time: false, range: (plot, low, high) => this.#span(low, high) }, y: { range: (plot, low, high) => this.#range(low, high) } },
      axes: [
        { ...axis, size: 26, space: 70, values: (plot, marks) => once(marks.map((mark) => this.#moment(mark, clock))) },
        { ...axis, size: 52, space: 28, values: (plot, marks) => marks.map((mark) => short.format(mark)) },
      ],
      series: [
        { label: "", value: (plot, x) => (x === null ? "" : this.#moment(x, clockWithSeconds)) },
        ...this.#data.series.map((one, n) => this.#series(one, n)),
      ],
    };
  }

  #series({ name }, n) {
    const stroke = ink(this, `graph-ink-${n % INKS}`);
    const bars = this.getAttribute("kind") === "bars";
    return {
      label: name,
      stroke,
      width: bars ? 0 : 1.75,
      fill: bars ? stroke : this.#data.series.length > 1 ? undefined : ink(this, "graph-fill"),
      paths: bars ? uPlot.paths.bars({ size: [0.7, 24] }) : undefined,
      points: { show: () => this.#data.x.length < 2 },
      value: (plot, value) => (value === null || value === undefined ? "–" : `${this.words(value)} ${this.getAttribute("unit")}`),
    };
  }

  #span(low, high) {
    const seconds = Number(this.getAttribute("window") ?? 0);
    if (seconds) return [Math.max(high - seconds, Math.min(low, high - YOUNG_S)), high];
    return low === high ? [low - 1, high + 1] : [low, high];
  }

  #range(low, high) {
    const top = Number(this.getAttribute("top") ?? 1);
    return [low < 0 ? Math.min(low * 1.15, -top) : 0, Math.max(high * 1.15, top)];
  }

  #moment(x, format) {
    return this.hasAttribute("source") ? `${Math.floor(x / 60)}:${String(Math.round(x % 60)).padStart(2, "0")}` : format.format(new Date(x * 1000));
  }

  #summarise() {
    const values = this.#data.series.flatMap((one) => one.values).filter((value) => value !== null && value !== undefined);
    this.setAttribute("aria-label", values.length ? this.#summary(values) : `${this.getAttribute("label")}: ${this.getAttribute("empty")}`);
  }

  #summary(values) {
    const last = this.#data.series[0].values.findLast((value) => value !== null) ?? values.at(-1);
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
    const given = { label: this.getAttribute("label"), unit: this.getAttribute("unit") ?? "", last: this.words(last), low: this.words(low), high: this.words(high) };
    return this.getAttribute("summary").replace(/\{(\w+)\}/g, (all, name) => given[name] ?? all).replace(/\s+/g, " ").replace(/ ([.,])/g, "$1");
  }
}

const INKS = 5;
const short = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });

// A canvas knows no custom properties: an element has the colour that it should draw with.
function ink(graph, name) {
  const probe = document.createElement("i");
  probe.className = name;
  probe.hidden = true;
  graph.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function listed(graph) {
  const rows = JSON.parse(document.getElementById(graph.getAttribute("source")).textContent);
  const fields = graph.getAttribute("fields").split(",");
  const words = graph.getAttribute("names").split("|");
  return {
    x: rows.map((row) => row[graph.getAttribute("x")]),
    series: fields.map((field, n) => ({ name: words[n], values: rows.map((row) => row[field] ?? null) })),
  };
}

function columns({ x, series }) {
  return [x, ...series.map(({ values }) => values)];
}

function names({ series }) {
  return series.some(({ values }) => values.some((value) => value !== null)) ? series.map(({ name }) => name).join("|") : "";
}

// A minute is written where it begins.
function once(words) {
  return words.map((word, n) => (word === words[n - 1] ? "" : word));
}

customElements.define("live-graph", LiveGraph);
