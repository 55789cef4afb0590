// Line and area charts as plain SVG: axes with units, values under the pointer or the arrow keys, and the numbers as a table.
const SVG = "http://www.w3.org/2000/svg";
const LEFT = 40, RIGHT = 12, TOP = 20, BOTTOM = 22, COLOURS = 7;

/** Make an element of SVG. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Make an element of HTML: its name, its properties, what is in it. */
export function html(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const clockSeconds = (ms) => new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** Write a number with no more digits than one reads. */
export function short(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 10_000) return `${(value / 1000).toLocaleString("en", { maximumFractionDigits: size >= 100_000 ? 0 : 1 })}k`;
  return value.toLocaleString("en", { maximumFractionDigits: size >= 100 ? 0 : size >= 10 ? 1 : 2 });
}

/** Give round values from 0 to about the greatest. */
export function ticks(greatest, wanted = 4) {
  if (!(greatest > 0)) return [0, 1];
  const raw = greatest / wanted, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= raw);
  const found = [];
  for (let k = 0; k <= Math.ceil(greatest / step - 1e-9); k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}

export class Chart {
  /**
   * @param {HTMLElement} host where it is drawn
   * @param {{label: string, unit?: string, height?: number, stacked?: boolean, time?: boolean, x?: string, table?: boolean, legend?: boolean, steps?: boolean}} options
   */
  constructor(host, options) {
    this.options = { unit: "", height: 170, stacked: false, time: true, x: "time", table: true, legend: true, ...options };
    this.data = { series: [] };
    this.at = null;
    this.plot = html("div", { className: "chart__plot", tabIndex: 0 });
    this.plot.setAttribute("role", "img");
    this.tip = html("div", { className: "chart__tip", hidden: true });
    this.tip.setAttribute("aria-live", "polite");
    this.legend = html("ul", { className: "chart__legend" });
    this.table = html("div");
    this.details = html("details", { className: "chart__data" }, html("summary", { textContent: "Numbers" }), this.table);
    host.classList.add("chart");
    host.replaceChildren(this.plot, ...(this.options.legend ? [this.legend] : []), ...(this.options.table ? [this.details] : []));
    this.plot.addEventListener("pointermove", (event) => this.point(event.clientX - this.plot.getBoundingClientRect().left));
    this.plot.addEventListener("pointerleave", () => this.choose(null));
    this.plot.addEventListener("blur", () => this.choose(null));
    this.plot.addEventListener("keydown", (event) => this.key(event));
    this.details.addEventListener("toggle", () => this.fill());
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  /** Show other data: series of `{name, values: [[x, y], …]}`, `marks` of `{x, label}`, a `threshold` of `{y, label}`. */
  update(data) {
    this.data = data;
    this.xs = [...new Set(data.series.flatMap((one) => one.values.map(([x]) => x)))].sort((a, b) => a - b);
    if (this.at !== null && this.at >= this.xs.length) this.at = null;
    this.draw();
    this.fill();
  }

  colour(k) { return `c${(this.data.series[k]?.colour ?? k) % COLOURS + 1}`; }

  draw() {
    const width = this.plot.clientWidth, { height, unit, stacked, label } = this.options;
    if (!width) return;
    const { series, marks = [], threshold } = this.data, xs = this.xs ?? [];
    const sums = stacked ? xs.map((x) => series.reduce((sum, one) => sum + (valueAt(one, x) ?? 0), 0)) : [];
    const greatest = Math.max(0, threshold?.y ?? 0, ...(stacked ? sums : series.flatMap((one) => one.values.map(([, y]) => y ?? 0))));
    const scale = ticks(greatest), top = scale.at(-1);
    const [from, to] = this.data.domain ?? (xs.length > 1 ? [xs[0], xs.at(-1)] : [(xs[0] ?? 0) - 1, (xs[0] ?? 0) + 1]);
    this.x = (x) => LEFT + ((x - from) / (to - from || 1)) * (width - LEFT - RIGHT);
    const y = (value) => TOP + (1 - value / top) * (height - TOP - BOTTOM);
    const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, "aria-hidden": "true" });
    scale.forEach((value) => {
      const at = Math.round(y(value)) + 0.5;
      drawing.append(svg("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: at, y2: at }),
        svg("text", { x: LEFT - 8, y: at + 4, "text-anchor": "end" }, short(value)));
    });
    if (unit) drawing.append(svg("text", { x: 0, y: 9 }, unit));
    for (const value of this.xTicks(from, to, width)) {
      drawing.append(svg("text", { x: this.x(value), y: height - 5, "text-anchor": "middle" }, this.options.time ? clock(value) : String(value)));
    }
    if (threshold) {
      drawing.append(svg("line", { class: "threshold", x1: LEFT, x2: width - RIGHT, y1: y(threshold.y), y2: y(threshold.y) }),
        svg("text", { class: "threshold-label", x: LEFT + 6, y: y(threshold.y) - 5 }, threshold.label));
    }
    const below = new Map(xs.map((x) => [x, 0]));
    series.forEach((one, k) => {
      const shape = one.values.filter(([, value]) => value !== null);
      if (!shape.length) return;
      if (stacked) {
        const base = xs.map((x) => [x, below.get(x)]), roof = xs.map((x) => [x, below.get(x) + (valueAt(one, x) ?? 0)]);
        roof.forEach(([x, value]) => below.set(x, value));
        drawing.append(svg("path", { class: `area ${this.colour(k)}`, d: `${path(roof, this.x, y)}L${path(base.reverse(), this.x, y).slice(1)}Z` }));
      } else {
        if (series.length === 1) drawing.append(svg("path", { class: `under ${this.colour(k)}`, d: `${path(shape, this.x, y)}L${this.x(shape.at(-1)[0])} ${y(0)}L${this.x(shape[0][0])} ${y(0)}Z` }));
        drawing.append(svg("path", { class: `series ${this.colour(k)}`, d: path(shape, this.x, y) }));
        const [lastX, lastY] = shape.at(-1);
        drawing.append(svg("circle", { class: `dot ${this.colour(k)}`, cx: this.x(lastX), cy: y(lastY), r: 3 }));
      }
    });
    for (const mark of marks) {
      const at = this.x(mark.x), left = at > width * 0.6;
      drawing.append(svg("line", { class: "mark", x1: at, x2: at, y1: TOP - 4, y2: height - BOTTOM }), svg("circle", { class: "mark-dot", cx: at, cy: TOP - 4, r: 4 }),
        svg("text", { class: "mark-label", x: at + (left ? -9 : 9), y: TOP + 2, "text-anchor": left ? "end" : "start" }, mark.label));
    }
    if (!xs.length) drawing.append(svg("text", { class: "nothing", x: (width + LEFT) / 2, y: height / 2, "text-anchor": "middle" }, this.options.empty ?? "nothing yet"));
    this.cross = svg("line", { class: "cross", y1: TOP, y2: height - BOTTOM, visibility: "hidden" });
    drawing.append(this.cross);
    this.plot.replaceChildren(drawing, this.tip);
    this.plot.setAttribute("aria-label", `${label}${unit ? `, in ${unit}` : ""}. ${series.map((one) => `${one.name}: ${short(one.values.at(-1)?.[1])}`).join("; ") || "Nothing yet"}.`);
    this.legend.replaceChildren(...(series.length > 1 ? series.map((one, k) => html("li", {}, html("span", { className: `swatch ${this.colour(k)}` }), one.name)) : []));
    this.choose(this.at);
  }

  xTicks(from, to, width) {
    if (!this.xs?.length) return [];
    const wanted = Math.max(2, Math.floor((width - LEFT) / 90));
    if (!this.options.time) {
      const step = Math.max(1, Math.ceil((to - from) / wanted));
      return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, k) => Math.ceil(from) + k * step).filter((value) => value <= to);
    }
    const step = [60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000].find((one) => (to - from) / one <= wanted) ?? 3_600_000;
    const found = [];
    for (let value = Math.ceil(from / step) * step; value <= to; value += step) found.push(value);
    return found;
  }

  point(x) {
    if (!this.xs?.length || !this.x) return;
    let best = 0;
    this.xs.forEach((one, k) => { if (Math.abs(this.x(one) - x) < Math.abs(this.x(this.xs[best]) - x)) best = k; });
    this.choose(best);
  }

  key(event) {
    const last = (this.xs?.length ?? 0) - 1, step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "Escape") return this.choose(null);
    if (step === undefined || last < 0) return;
    event.preventDefault();
    this.choose(Math.min(last, Math.max(0, (this.at ?? last + (step < 0 ? 1 : 0)) + step)));
  }

  choose(at) {
    this.at = at;
    if (!this.cross) return;
    this.tip.hidden = at === null;
    this.cross.setAttribute("visibility", at === null ? "hidden" : "visible");
    if (at === null) return;
    const x = this.xs[at], place = this.x(x), unit = this.options.unit && ` ${this.options.unit}`;
    this.cross.setAttribute("x1", place);
    this.cross.setAttribute("x2", place);
    this.tip.replaceChildren(html("b", {}, this.options.time ? clockSeconds(x) : `${this.options.x} ${x}`),
      ...this.data.series.map((one, k) => html("div", {}, html("span", { className: `swatch ${this.colour(k)}` }), html("span", {}, one.name), html("span", {}, short(valueAt(one, x)) + unit))));
    const room = this.plot.clientWidth;
    this.tip.style.left = place > room / 2 ? "auto" : `${place + 10}px`;
    this.tip.style.right = place > room / 2 ? `${room - place + 10}px` : "auto";
  }

  fill() {
    if (!this.details.open) return;
    const head = html("tr", {}, html("th", { scope: "col" }, this.options.x), ...this.data.series.map((one) => html("th", { scope: "col" }, one.name)));
    const rows = [...(this.xs ?? [])].reverse().map((x) => html("tr", {}, html("th", { scope: "row" }, this.options.time ? clockSeconds(x) : String(x)), ...this.data.series.map((one) => html("td", {}, short(valueAt(one, x))))));
    this.table.tabIndex = 0;
    this.table.replaceChildren(html("table", {}, html("caption", { className: "hidden", textContent: this.options.label }), html("thead", {}, head), html("tbody", {}, ...rows)));
  }
}

function valueAt(series, x) {
  series.map ??= new Map(series.values);
  return series.map.get(x) ?? null;
}

function path(values, x, y) {
  return values.map(([at, value], k) => `${k ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("");
}
