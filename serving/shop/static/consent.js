// Her choice, kept by the shop and told to the tracker, without a load of the page.
import { tell } from "./tell.js";

export function followConsent(send) {
  for (const form of document.querySelectorAll("form[data-consent]")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        const { choice, user } = await send(form, event.submitter);
        if (user) tell("init", { user });
        tell("consent", { analytics_storage: choice, personalization_storage: choice });
        if (!user) tell("identify");
        document.documentElement.dataset.choice = choice;
        document.querySelector(".ask")?.remove();
        document.dispatchEvent(new CustomEvent("shop:choice"));
      } catch {
        form.submit();
      }
    });
  }
}
