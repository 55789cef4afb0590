/** What stands around the list: heading, the page's own content for when there is nothing to show, and a voice for who does not see it. */

import { make } from "./dom";
import { later } from "./guard";
import { STYLE } from "./style";

const SPOKEN_FOR = 3_000;

export interface Frame {
  readonly list: HTMLElement;
  /** Heading and shape, as the element's attributes say. */
  dress(): void;
  wait(): void;
  show(): void;
  /** What the page has put into the element, in the room that was reserved, so that nothing moves then or later. */
  fallBack(): void;
  say(text: string): void;
}

/** Not an element, which a page's Content-Security-Policy would refuse. */
let sheet: CSSStyleSheet | undefined;

export function createFrame(host: HTMLElement): Frame {
  const list = make("ul", { part: "list", role: "list" });
  const fallback = make("div", { part: "fallback", class: "fallback" }, make("slot"));
  const status = make("p", { class: "quiet", role: "status" });
  const heading = make("slot", { name: "heading" });
  const section = make("section", { part: "section" }, heading, make("div", { class: "box" }, list, fallback), status);
  const root = host.attachShadow({ mode: "open" });
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
  }
  root.adoptedStyleSheets = [sheet];
  root.append(section);

  const enter = (state: "loading" | "ready" | "fallback"): void => {
    host.dataset.state = state;
    section.className = `${state} ${host.getAttribute("layout") ?? ""}`;
    section.setAttribute("aria-busy", String(state === "loading"));
    section.hidden = false;
    fallback.hidden = state !== "fallback";
    // A row may be scrolled by keyboard before it has links, too.
    if (state === "loading") list.tabIndex = 0;
    else list.removeAttribute("tabindex");
  };

  return {
    list,
    dress() {
      const text = host.getAttribute("heading") ?? "Recommended for you";
      const level = Number(host.getAttribute("heading-level")) || 2;
      heading.replaceChildren(...(text ? [make(`h${level}` as "h2", { part: "heading" }, text)] : []));
      const name = host.getAttribute("label") ?? heading.assignedElements()[0]?.textContent ?? text;
      if (name) section.setAttribute("aria-label", name);
    },
    wait: () => enter("loading"),
    show: () => enter("ready"),
    fallBack() {
      enter("fallback");
      const [slot] = fallback.children as unknown as [HTMLSlotElement];
      const has = slot
        .assignedNodes()
        .some((node) => !(node instanceof HTMLTemplateElement) && (node instanceof Element || node.textContent?.trim()));
      // With nothing to show its room stays empty, unless she cannot see it yet.
      section.classList.toggle("none", !has);
      section.hidden = !has && host.getBoundingClientRect().top > innerHeight;
      // What is longer scrolls, by keyboard too.
      if (fallback.scrollHeight > fallback.clientHeight) fallback.tabIndex = 0;
    },
    say(text) {
      status.textContent = text;
      later(SPOKEN_FOR, () => status.replaceChildren());
    },
  };
}
