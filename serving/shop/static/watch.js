// The live view, at the side of the shop or on a page of its own. It is loaded when somebody wants to see it.
const root = document.documentElement;

async function begin(host, options) {
  await Promise.all(["/look/charts.css", "/live/static/live.css"].map(style));
  const { watch } = await import("/live/static/live.js");
  const view = watch(host, { who, items, ...options });
  document.addEventListener("shop:choice", () => view.connect());
  return view;
}

/** Who is watched: the visitor herself, by the token that the shop gives her. */
async function who() {
  if (root.dataset.choice !== "granted") return null;
  const answer = await fetch("/shop/token");
  return answer.ok ? answer.json() : null;
}

async function items(ids) {
  const answer = await fetch(`/shop/items?ids=${ids.map(encodeURIComponent).join(",")}`);
  return answer.json();
}

function style(href) {
  if ([...document.styleSheets].some((sheet) => sheet.href?.includes(href))) return undefined;
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
  return new Promise((done) => { link.onload = link.onerror = done; document.head.append(link); });
}

export function watchAtTheSide() {
  const button = document.querySelector(".watch-button"), host = document.getElementById("watch");
  if (!button) return;
  let view;
  const open = async (wanted) => {
    document.cookie = `watch=${wanted ? "open" : "closed"}; path=/; SameSite=Lax; max-age=86400`;
    button.setAttribute("aria-expanded", String(wanted));
    if (wanted) {
      root.dataset.watch = "open";
      view = await begin(host, { close: () => { open(false); button.focus(); } });
    } else {
      delete root.dataset.watch;
      view?.stop();
      host.replaceChildren();
    }
  };
  button.hidden = false;
  button.addEventListener("click", async () => { await open(true); host.querySelector("button")?.focus(); });
  if (root.dataset.watch === "open") open(true);
}

export function watchOnAPage() {
  const host = document.getElementById("watch-page");
  if (host) begin(host, { page: true });
}
