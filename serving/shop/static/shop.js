// What the shop's pages do beyond links and forms, all of which work without this file.
import { followConsent } from "./consent.js";
import { suggest } from "./suggest.js";
import { tell } from "./tell.js";
import { watchAtTheSide, watchOnAPage } from "./watch.js";

/** Send a form in the background; gives what the shop answers. */
export async function send(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`the shop answered ${answer.status}`);
  return answer.json();
}

function say(text, href, link) {
  const note = document.createElement("p");
  note.append(text, " ", Object.assign(document.createElement("a"), { href, textContent: link }));
  document.querySelector(".toasts").replaceChildren(note);
  setTimeout(() => note.remove(), 6000);
}

function cart() {
  for (const form of document.querySelectorAll("[data-add]")) {
    const button = form.querySelector("button");
    form.elements.pieces.addEventListener("input", (event) => { button.dataset.swerveQuantity = event.target.value; });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        const { pieces } = await send(form, event.submitter);
        document.querySelector("[data-cart]").hidden = pieces === 0;
        document.querySelector("[data-cart-count]").textContent = pieces;
        say("It is in your cart.", "/shop/cart", "Go there");
      } catch {
        form.submit();
      }
    });
  }
  for (const form of document.querySelectorAll("[data-pieces]")) {
    form.addEventListener("submit", (event) => {
      const before = Number(form.dataset.pieces), after = Number(event.submitter?.value || form.elements[1].value);
      const item = { ...JSON.parse(form.dataset.facts), quantity: Math.abs(after - before) };
      if (after !== before) tell("track", after < before ? "remove_from_cart" : "add_to_cart", item);
    });
  }
  document.querySelector("[data-checkout]")?.addEventListener("submit", () => tell("track", "begin_checkout", {}));
}

function filters() {
  for (const form of document.querySelectorAll("[data-filters]")) {
    // Where it is narrow they are folded up, until one is in use.
    if (matchMedia("(max-width: 60rem)").matches) form.querySelector("details").open = form.querySelector(":checked:not(option)") !== null;
    form.addEventListener("change", (event) => { if (event.target.matches("select, [type=checkbox]")) form.requestSubmit(); });
    form.addEventListener("formdata", ({ formData }) => {
      for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
    });
  }
}

/** Tell what the page is about, where its elements do not say it themselves. */
function page() {
  const { page, term, order, lines } = document.querySelector("main").dataset;
  if (page === "search" && term) tell("search", term);
  if (page === "cart") tell("track", "view_cart", {});
  // The page may be loaded again; the order is one.
  if (page === "thanks" && sessionStorage.getItem("order") !== order) {
    sessionStorage.setItem("order", order);
    tell("purchase", { transaction_id: order, items: JSON.parse(lines) });
  }
}

page();
followConsent(send);
cart();
filters();
suggest(document.querySelector(".find"));
watchAtTheSide();
watchOnAPage();
