// The operator's page: asks for the key, follows the stream, draws the last hour.
import { html, short } from "/look/charts.js";
import { cards, tiles } from "./panels.js";
import { follow } from "./stream.js";

const KEY = "swerve-admin-key", LATE_MS = 15_000;
const $ = (id) => document.getElementById(id);
const state = document.querySelector(".bar__state");
let board = null, following = null, heard = 0;

/** A key behind the # of the address is taken over, and does not stay there. */
function keyOfAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (given) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(KEY);
}

function say(kind, text) {
  state.dataset.state = kind;
  if (state.textContent !== text) state.textContent = text;
}

function ask(error = "") {
  following?.abort();
  $("board").hidden = $("leave").hidden = true;
  $("key").hidden = false;
  $("key-error").textContent = error;
  $("admin-key").value = "";
  $("admin-key").focus();
  say("", "not connected");
}

async function open(key) {
  const headers = { Authorization: `Bearer ${key}` };
  const answer = await fetch("/v1/operator/state", { headers }).catch(() => null);
  if (!answer) {
    say("late", "the server does not answer");
    return setTimeout(() => open(key), 3000);
  }
  if (answer.status === 401 || answer.status === 403) {
    sessionStorage.removeItem(KEY);
    const said = await answer.json().catch(() => ({}));
    return ask(said.detail ?? "This is not the key.");
  }
  sessionStorage.setItem(KEY, key);
  board = await answer.json();
  $("key").hidden = true;
  $("board").hidden = $("leave").hidden = false;
  cards.begin($("cards"));
  show(board.samples.at(-1));
  following = new AbortController();
  say("live", "live");
  try {
    await follow("/v1/operator/stream", { headers, signal: following.signal }, (name, document) => {
      heard = Date.now();
      say("live", "live");
      if (name === "sample") {
        board.samples = [...board.samples, document].slice(-360);
        grow(board.totals, document);
        cards.show(board);
      }
      if (name === "now") show(document, true);
    });
  } catch (error) {
    if (error.name === "AbortError") return undefined;
  }
  say("late", "reconnecting");
  return setTimeout(() => open(key), 2000);
}

/** What a sample adds to the totals since the start. */
function grow(totals, sample) {
  for (const group of ["rejected", "dead", "impressions", "clicks"]) {
    for (const [label, count] of Object.entries(sample[group] ?? {})) totals[group][label] = (totals[group][label] ?? 0) + count;
  }
}

function show(now, onlyNow = false) {
  if (now) $("tiles").replaceChildren(...tiles(now, board));
  if (!onlyNow) cards.show(board);
  const models = Object.entries(now?.model ?? {});
  $("model").replaceChildren(...(models.length ? models.flatMap(([name, model]) => [
    `model ${name}, version `, html("b", { textContent: [...new Set(Object.values(model.operators).flatMap((one) => Object.keys(one.versions)))].join(", ") || "–" }),
    ...Object.keys(model.refused).map((version) => html("span", { className: "warn", textContent: ` · ${version || "the pointer"} is refused` })),
  ]) : ["model: pinned, or no job runs"]));
  $("since").textContent = `Counted by this server since ${new Date(board.since).toLocaleString()}.`;
}

$("key").addEventListener("submit", (event) => {
  event.preventDefault();
  open($("admin-key").value);
});
$("leave").addEventListener("click", () => { sessionStorage.removeItem(KEY); ask(); });
setInterval(() => { if (state.dataset.state === "live" && heard && Date.now() - heard > LATE_MS) say("late", "nothing heard for a while"); }, 2000);

const key = keyOfAddress();
if (key) open(key); else ask();
