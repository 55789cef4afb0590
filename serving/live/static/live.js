// The live view: what the job knows of one shopper, as it changes. `watch(host, options)` shows it; it goes on by itself.
import { Chart, html, svg } from "/look/charts.js";
import { nameOf, reasonOf, timeOf, doing } from "./words.js";

const RETRY_MS = 2000, SHOWN = 8, EVENTS = 14, BARS = 5;

/**
 * @param {HTMLElement} host
 * @param {{who: () => Promise<{user: string, token: string | null} | null>, items: (ids: string[]) => Promise<object[]>, close?: () => void, page?: boolean}} options
 */
export function watch(host, options) {
  const view = new View(host, options);
  view.connect();
  return view;
}

class View {
  constructor(host, options) {
    this.options = options;
    this.items = new Map();
    this.events = [];
    this.points = [];
    this.swerves = [];
    this.colours = new Map();
    this.state = html("span", { className: "live__state" });
    this.state.setAttribute("role", "status");
    const close = html("button", { className: "live__close", type: "button", ariaLabel: "Close the live view" }, svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: "M5 5l14 14M19 5 5 19" })));
    close.addEventListener("click", () => options.close?.());
    const head = html("header", { className: "live__head" }, html("h2", { textContent: "Watch Swerve" }), this.state, ...(options.close ? [close] : []));
    this.now = html("dl", { className: "live__now" });
    this.swerve = html("p", { className: "live__swerve", hidden: true });
    this.swerve.setAttribute("role", "status");
    this.bars = html("ul", { className: "live__bars" });
    this.list = html("ol", { className: "live__list" });
    this.left = html("p", { className: "live__left" });
    this.listTitle = html("small");
    this.log = html("ol", { className: "live__events" });
    const chart = html("div");
    const key = html("p", { className: "live__key" }, html("span", {}, html("span", { className: "swatch c1" }), "this visit, 30 minutes"), html("span", {}, html("span", { className: "swatch c7" }), "four weeks"));
    host.replaceChildren(html("div", { className: `live${options.page ? " live--page" : ""}` }, head,
      html("section", { className: "live__full" }, html("h3", { className: "hidden", textContent: "Now" }), this.now), this.swerve,
      section("Is she about to swerve?", "evidence, event by event", chart),
      section("What she is interested in", "", this.bars, key),
      html("section", {}, html("h3", {}, "What the page shows her", this.listTitle), this.list, this.left),
      section("Her events, as they are kept", "", this.log)));
    this.chart = new Chart(chart, { label: "Evidence for another intent", unit: "nats", time: false, x: "event", height: 190, legend: true, empty: "speaks up when she looks at something else" });
    this.chart.update({ series: [] });
    this.show();
  }

  async connect() {
    clearTimeout(this.retry);
    this.source?.close();
    this.say("", "connecting");
    try {
      const me = await this.options.who();
      if (!me) return this.say("", "waits for consent");
      const to = `/v1/users/${encodeURIComponent(me.user)}/live`;
      const answer = await fetch(`${to}/ticket`, { method: "POST", headers: me.token ? { Authorization: `Bearer ${me.token}` } : {} });
      if (!answer.ok) throw new Error(`the ticket was refused: ${answer.status}`);
      const { ticket } = await answer.json();
      this.source = new EventSource(`${to}?ticket=${encodeURIComponent(ticket)}`);
    } catch {
      return this.again();
    }
    this.source.onopen = () => this.say("live", "live");
    // A ticket is good for a minute: whoever comes back later needs another.
    this.source.onerror = () => { this.source.close(); this.again(); };
    for (const [name, take] of Object.entries({ hello: this.hello, event: this.event, profile: this.profile, segment: this.segment, list: this.changed })) {
      this.source.addEventListener(name, (message) => take.call(this, JSON.parse(message.data)));
    }
  }

  again() {
    this.say("", "reconnecting");
    this.retry = setTimeout(() => this.connect(), RETRY_MS);
  }

  stop() {
    clearTimeout(this.retry);
    this.source?.close();
  }

  say(state, text) {
    this.state.dataset.state = state;
    this.state.textContent = text;
  }

  hello(story) {
    this.events = story.events;
    this.points = story.points;
    this.told = story.profile;
    this.latest = undefined;
    story.lists.forEach((one) => this.take(one));
    this.lastSegment = story.segments.at(-1);
    this.show();
  }

  event(event) {
    this.events = [...this.events, event].slice(-40);
    this.showEvents(true);
  }

  profile({ profile, point }) {
    this.told = profile;
    this.points = [...this.points, point].slice(-120);
    this.showNow();
    this.showBars();
    this.showChart();
    this.showEvents();
  }

  segment(change) {
    this.lastSegment = change;
    this.showNow();
  }

  changed(list) {
    this.take(list);
    this.showNow();
    this.showList(true);
  }

  /** A list like the one before changes nothing that is shown. */
  take(list) {
    const same = !list.first && !list.left.length && list.items.every((one) => one.was === one.place);
    if (!same || !this.latest) this.latest = list;
  }

  show() {
    this.showNow();
    this.showBars();
    this.showChart();
    this.showList();
    this.showEvents();
  }

  showNow() {
    const { told, latest, lastSegment } = this, ms = latest?.since_event_ms ?? latest?.since_kept_ms;
    const took = ms === undefined || ms === null ? ["–", "from her click to a new list"]
      : [ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`, `from her click to a new list${latest.since_kept_ms !== undefined && latest.since_event_ms ? `; ${latest.since_kept_ms} ms of it from the log on` : ""}`];
    this.now.replaceChildren(
      html("div", {}, html("dt", { textContent: "Her segment" }), html("dd", { textContent: told?.segment.name ?? "–" }), html("dd", {}, html("p", { textContent: lastSegment ? `before: ${lastSegment.from.name}` : told ? `${told.events} events so far` : "she is new" }))),
      html("div", {}, html("dt", { textContent: "How long it took" }), html("dd", { className: "live__big", textContent: took[0] }), html("dd", {}, html("p", { textContent: took[1] }))));
  }

  showBars() {
    const windows = (this.told?.windows ?? []).slice(0, BARS);
    const most = Math.max(1, ...windows.map((one) => one.short)), mostLong = Math.max(1, ...windows.map((one) => one.long));
    this.bars.replaceChildren(...(windows.length ? windows.map((one) => {
      const name = html("span", { textContent: one.category });
      if (one.focus) name.dataset.focus = "";
      return html("li", {}, name, html("span", { textContent: `${one.short} · ${one.long}` }), bar(one.short / most, "c1"), bar(one.long / mostLong, "c7"));
    }) : [html("li", { className: "live__none", textContent: "Nothing yet." })]));
  }

  showChart() {
    const names = [...new Set(this.points.flatMap((one) => Object.keys(one.evidence)))].slice(-5);
    const series = names.map((name) => {
      if (!this.colours.has(name)) this.colours.set(name, this.colours.size);
      return { name, colour: this.colours.get(name), values: this.points.map((one) => [one.event, one.evidence[name] ?? (one.swerve?.to === name ? one.threshold : 0)]) };
    });
    const swerves = this.points.filter((one) => one.swerve), last = swerves.at(-1);
    const threshold = this.points.at(-1)?.threshold;
    this.chart.update({ series, marks: swerves.map((one) => ({ x: one.event, label: `→ ${one.swerve.to}` })), threshold: threshold && { y: threshold, label: "a swerve, from here on" } });
    const fresh = last && this.points.length - this.points.indexOf(last) < 12;
    this.swerve.hidden = !fresh;
    if (fresh) this.swerve.textContent = `She swerved: from ${last.swerve.from ?? "nothing in particular"} to ${last.swerve.to}.`;
  }

  async showList(fresh = false) {
    const { latest } = this;
    if (!latest) return this.list.replaceChildren(html("li", { className: "live__none", textContent: "What everybody is shown." }));
    const shown = latest.items.slice(0, SHOWN), left = latest.left.slice(0, 4);
    await this.learn([...shown, ...left].map((one) => one.item_id).concat(shown.map((one) => one.reason.split(":")[1]).filter(Boolean)));
    if (latest !== this.latest) return;
    this.listTitle.textContent = latest.answers ? `since she ${doing(latest.answers, this.items)}` : "";
    this.list.replaceChildren(...shown.map((one) => {
      const item = this.items.get(one.item_id), came = one.was === null, up = !came && one.was > one.place;
      const move = html("span", { className: "live__move", textContent: latest.first ? "" : came ? "new" : one.was === one.place ? "" : `${up ? "↑" : "↓"} ${one.was + 1}` });
      move.dataset.move = came ? "came" : up ? "up" : "down";
      move.hidden = move.textContent === "";
      const line = html("li", {}, html("b", { textContent: one.place + 1 }), html("img", { src: item?.image ?? "", alt: "", width: 38, height: 38 }),
        html("span", {}, html("a", { href: item?.url ?? "#", textContent: nameOf(one.item_id, this.items) }), html("small", { textContent: reasonOf(one.reason, this.items) })), move);
      if (fresh && came) line.dataset.new = "";
      return line;
    }));
    this.left.textContent = left.length && !latest.first ? `Gone: ${left.map((one) => nameOf(one.item_id, this.items)).join(", ")}.` : "";
  }

  showEvents(fresh = false) {
    const swerves = new Set(this.points.filter((one) => one.swerve).map((one) => one.time));
    const shown = this.events.slice(-EVENTS).reverse();
    this.log.replaceChildren(...(shown.length ? shown.map((one, k) => {
      const line = html("li", {}, html("time", { textContent: timeOf(one.event_time) }), html("span", {}, doing(one, this.items), html("em", { textContent: one.item_category ? ` · ${one.item_category}` : "" })));
      if (swerves.has(one.event_time)) line.lastChild.dataset.swerve = "";
      else if (!one.item_id && one.event_name !== "search") line.lastChild.dataset.by = "";
      if (fresh && k === 0) line.dataset.new = "";
      return line;
    }) : [html("li", { className: "live__none", textContent: "None yet." })]));
  }

  async learn(ids) {
    const unknown = [...new Set(ids)].filter((id) => !this.items.has(id));
    if (!unknown.length) return;
    for (const item of await this.options.items(unknown).catch(() => [])) this.items.set(item.item_id, item);
  }
}

function section(title, note, ...content) {
  return html("section", {}, html("h3", {}, title, ...(note ? [html("small", { textContent: note })] : [])), ...content);
}

function bar(share, colour) {
  const fill = html("i", { className: colour });
  fill.style.width = `${Math.round(share * 100)}%`;
  return html("span", { className: "live__bar" }, fill);
}
