// What the operator's page shows: tiles with how things are now, cards with the last hour.
import { Chart, html, short } from "/look/charts.js";

const SEGMENTS = 6;
const sum = (counts) => (typeof counts === "number" ? counts : Object.values(counts ?? {}).reduce((total, one) => total + one, 0));
const OTHERS = "others";
const known = (value) => value !== null && value !== undefined;
const ms = (value) => (!known(value) ? "–" : value < 1000 ? short(value < 10 ? value : Math.round(value)) : short(value / 1000));
const unitOf = (value) => (!known(value) ? "" : value >= 1000 ? "s" : "ms");

/** The greatest first, with the rest under one name. */
function largest(samples, group, most) {
  const totals = {};
  for (const sample of samples) for (const [label, count] of Object.entries(sample[group] ?? {})) totals[label] = (totals[label] ?? 0) + count;
  return Object.entries(totals).sort((a, b) => b[1] - a[1]).map(([label]) => label).filter((label) => label !== OTHERS).slice(0, most);
}

function seriesOf(samples, group, most) {
  const names = largest(samples, group, most), series = names.map((name) => ({ name: words(name), values: samples.map((one) => [one.at, one[group]?.[name] ?? 0]) }));
  const rest = samples.map((one) => [one.at, sum(one[group]) - names.reduce((total, name) => total + (one[group]?.[name] ?? 0), 0)]);
  if (rest.some(([, value]) => value > 1e-6)) series.push({ name: OTHERS, colour: 6, values: rest });
  return series;
}

const words = (name) => String(name).replaceAll("_", " ");

function tile(name, value, unit, note, warn = false) {
  const made = html("div", {}, html("dt", { textContent: name }), html("dd", {}, value, html("small", { textContent: unit })), html("dd", { textContent: note }));
  if (warn) made.dataset.warn = "";
  return made;
}

/** How things are now. */
export function tiles(now, board) {
  const hour = (group) => board.samples.reduce((total, one) => total + sum(one[group]), 0);
  const shown = hour("impressions"), clicked = hour("clicks");
  const rejected = hour("rejected"), dead = hour("dead");
  const lag = now.lag ?? {}, behind = lag.records ?? lag.bytes;
  return [
    tile("Events", short(sum(now.events)), "/s", `${short(hour("events") * board.step_seconds)} in the last hour`),
    tile("To the profile", ms(now.fresh.p50), unitOf(now.fresh.p50), known(now.fresh.p99) ? `p99 ${ms(now.fresh.p99)} ${unitOf(now.fresh.p99)}; one event a second is followed` : "one event a second is followed", now.fresh.p50 > 2000),
    tile("Behind", behind === undefined ? "–" : short(behind), lag.records !== undefined ? "records" : lag.bytes !== undefined ? "bytes" : "", lag.group ?? lag.where ?? "the job against the log", behind > 10_000),
    tile("Swerves", short(now.swerves), "/min", `${short(hour("swerves") * board.step_seconds / 60)} in the last hour`),
    tile("Rankings", short(now.rankings), "/s", "lists written by the job"),
    tile("Click-through", shown ? short((clicked / shown) * 100) : "–", shown ? "%" : "", `${short(clicked)} clicks on ${short(shown)} shown`),
    tile("API", short(sum(now.requests)), "/s", known(now.latency?.p50) ? `a list: p50 ${ms(now.latency.p50)} ms, p99 ${ms(now.latency.p99)} ms` : "requests answered"),
    tile("Refused", short(rejected + dead), "", `${short(rejected)} by the collector, ${short(dead)} dead letters`, rejected + dead > 0),
  ];
}

/** The cards, made once and then shown with other numbers. */
export const cards = {
  begin(host) {
    if (this.made) return;
    this.made = {};
    const card = (key, title, note, options) => {
      const plot = html("div", { className: "panel" });
      const section = html("section", {}, html("h2", { textContent: title }), html("p", { textContent: note }), plot);
      section.dataset.card = key;
      host.append(section);
      this.made[key] = options ? new Chart(plot, { label: title, ...options }) : plot;
    };
    card("events", "Events", "accepted a second, by name", { unit: "/s", stacked: true });
    card("fresh", "From the log to the profile", "milliseconds until the profile has seen an accepted event", { unit: "ms" });
    card("lag", "How far the job is behind", "what the log has and the job has not", {});
    card("swerves", "Swerves", "shifts of intent a minute", { unit: "/min" });
    card("through", "Click-through", "clicks on a hundred shown, by place in the shop", { unit: "%" });
    card("sizes", "Segments now", "shoppers in each");
    card("segments", "Segments over time", "shoppers in each, of those whose segment changed", { stacked: true, height: 230 });
    card("rankings", "Rankings", "lists a second that the job wrote", { unit: "/s" });
    card("requests", "Requests", "answered a second, by route", { unit: "/s", stacked: true });
    card("latency", "How long a list takes", "milliseconds until the API has answered", { unit: "ms" });
    card("rejects", "Refused", "since the server was started");
  },

  show(board) {
    const { samples } = board, { made } = this;
    const line = (name, value, colour) => ({ name, colour, values: samples.map((one) => [one.at, value(one) ?? null]) });
    made.events.update({ series: seriesOf(samples, "events", 5) });
    made.fresh.update({ series: [line("p50", (one) => one.fresh.p50, 0), line("p99", (one) => one.fresh.p99, 1)] });
    made.lag.options.unit = samples.some((one) => one.lag?.bytes !== undefined) ? "bytes" : "records";
    made.lag.update({ series: [line("behind", (one) => one.lag?.records ?? one.lag?.bytes, 2)] });
    made.swerves.update({ series: [line("swerves", (one) => one.swerves, 1)] });
    made.segments.update({ series: seriesOf(samples, "segments", SEGMENTS) });
    made.rankings.update({ series: [line("rankings", (one) => one.rankings, 3)] });
    made.requests.update({ series: seriesOf(samples, "requests", 5) });
    made.latency.update({ series: [line("p50", (one) => one.latency?.p50, 0), line("p99", (one) => one.latency?.p99, 1)] });
    const surfaces = largest(samples, "impressions", 4);
    // A share of a few is noise: over five minutes.
    made.through.update({ series: surfaces.map((name) => ({ name, values: samples.map((one, k) => {
      const span = samples.slice(Math.max(0, k - 29), k + 1), shown = span.reduce((total, each) => total + (each.impressions?.[name] ?? 0), 0);
      return [one.at, shown ? (span.reduce((total, each) => total + (each.clicks?.[name] ?? 0), 0) / shown) * 100 : null];
    }) })) });
    bars(made.sizes, [["", samples.at(-1)?.segments ?? {}]], "Nobody yet.");
    bars(made.rejects, [["By the collector", board.totals.rejected], ["Dead letters of the job", board.totals.dead]], "None.");
  },
};

function bars(host, groups, none) {
  host.replaceChildren(...groups.flatMap(([title, counts]) => {
    const entries = Object.entries(counts ?? {}).sort((a, b) => (a[0] === OTHERS) - (b[0] === OTHERS) || b[1] - a[1]), most = Math.max(1, ...entries.filter(([name]) => name !== OTHERS).map(([, count]) => count));
    const list = html("ul", { className: "bars" }, ...(entries.length ? entries.map(([name, count], k) => {
      const fill = html("i", { className: `c${k < SEGMENTS && name !== OTHERS ? k + 1 : 7}` });
      fill.style.width = `${Math.min(1, count / most) * 100}%`;
      return html("li", {}, html("span", { textContent: words(name) }), html("b", { textContent: short(count) }), html("i", {}, fill));
    }) : [html("li", { className: "bars__none", textContent: none })]));
    return title ? [html("div", {}, html("h3", { textContent: title }), list)] : [list];
  }));
}
