// Completes what is typed into the search: a combobox with a list, after the ARIA authoring practices.
const WAIT_MS = 120;

/** Make the search form of the page complete what is typed into it. */
export function suggest(form) {
  const input = form.querySelector("input");
  const list = Object.assign(document.createElement("ul"), { className: "suggestions", id: "suggestions", hidden: true, role: "listbox" });
  list.setAttribute("aria-label", "Suggestions");
  form.append(list);
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-controls", list.id], ["aria-expanded", "false"]]) {
    input.setAttribute(name, value);
  }
  let chosen = -1, timer = 0, asked = 0;

  const show = (open) => {
    list.hidden = !open;
    input.setAttribute("aria-expanded", String(open));
    if (!open) choose(-1);
  };
  const choose = (place) => {
    chosen = place;
    [...list.children].forEach((option, k) => option.setAttribute("aria-selected", String(k === place)));
    if (place < 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", list.children[place].id);
  };
  const take = (text) => {
    input.value = text;
    show(false);
    form.requestSubmit();
  };
  const ask = async () => {
    const term = input.value.trim(), number = ++asked;
    const found = term ? await fetch(`/shop/suggest?q=${encodeURIComponent(term)}`).then((answer) => answer.json()).catch(() => []) : [];
    if (number !== asked || document.activeElement !== input) return;
    list.replaceChildren(...found.map((text, k) => {
      const option = Object.assign(document.createElement("li"), { id: `suggestion-${k}`, textContent: text, role: "option" });
      option.addEventListener("pointerdown", (event) => { event.preventDefault(); take(text); });
      return option;
    }));
    chosen = -1;
    show(found.length > 0);
  };

  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, WAIT_MS); });
  input.addEventListener("blur", () => show(false));
  input.addEventListener("keydown", (event) => {
    const n = list.children.length;
    if (event.key === "Escape" && !list.hidden) { event.preventDefault(); show(false); }
    else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && n) {
      event.preventDefault();
      show(true);
      choose(event.key === "ArrowDown" ? (chosen + 1) % n : (chosen + n - 1 + (chosen < 0)) % n);
    } else if (event.key === "Enter" && chosen >= 0) { event.preventDefault(); take(list.children[chosen].textContent); }
  });
}
