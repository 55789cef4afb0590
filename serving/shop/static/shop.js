// What the shop's pages do beyond links and forms: they all work without this file.
import { suggest } from "./suggest.js";

const root = document.documentElement;
const json = (text) => (text ? JSON.parse(text) : null);

/** Send a form in the background; gives what the shop answers. */
async function send(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`the shop answered ${answer.status}`);
  return answer.json();
}

function say(text, href, link) {
  const note = document.createElement("p");
  note.append(text);
  if (href) {
    const a = Object.assign(document.createElement("a"), { href, textContent: link });
    note.append(" ", a);
  }
  document.querySelector(".toasts").replaceChildren(note);
  setTimeout(() => note.remove(), 6000);
}

function showPieces(pieces) {
  document.querySelector("[data-cart]").hidden = pieces === 0;
  document.querySelector("[data-cart-count]").textContent = pieces;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.matches("[data-add]")) {
    event.preventDefault();
    try {
      const { pieces } = await send(form, event.submitter);
      showPieces(pieces);
      say("It is in your cart.", "/shop/cart", "Go there");
    } catch {
      form.submit();
    }
  }
});

for (const control of document.querySelectorAll("[data-filters] select, [data-filters] input[type=checkbox]")) {
  control.addEventListener("change", () => control.form.requestSubmit());
}
for (const form of document.querySelectorAll("[data-filters]")) {
  // Narrow: the filters are folded up, until somebody wants them.
  if (matchMedia("(max-width: 60rem)").matches) form.querySelector("[data-filter-groups]").open = form.querySelector(":checked:not(option)") !== null;
  form.addEventListener("formdata", ({ formData }) => {
    for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
  });
}
suggest(document.querySelector(".find"));
export { json, root, say, send };
