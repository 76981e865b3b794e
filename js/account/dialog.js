/**
 * The RunComfy account: a token goes in and never comes out, the most one prompt may cost is set, and requests
 * that were paid for are listed. The browser keeps none of it.
 */
import { localTime, nodeTitle, toast } from "../comfy.js";
import { makeDialog, showDialog, wordButton } from "../dialog.js";
import { icon, make } from "../dom.js";
import { accountChanged, ask } from "../server.js";
import { say } from "../strings.js";
import { priceOfRequest } from "../status/facts.js";
import { sentence } from "../status/remarks.js";

const MOST_REQUESTS = 20;

/** Opens the dialog; one at a time. `ceiling`: at the most one prompt may cost. */
export function openAccount({ ceiling = false } = {}) {
  new AccountDialog().open(ceiling);
}

class AccountDialog {
  constructor() {
    this.state = make("p", { class: "acestep-account-state", role: "status" }, say("account.reading"));
    this.result = make("p", { class: "acestep-result", role: "status", "aria-live": "polite", hidden: true });
    // Not type=password: password managers would offer to keep it and to fill in another.
    this.token = make("input", {
      type: "text",
      id: "acestep-token",
      autofocus: true,
      class: "acestep-field-input acestep-secret",
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      "data-1p-ignore": true,
      "data-lpignore": "true",
      "aria-describedby": "acestep-token-about",
    });
    this.save = wordButton("account.save", () => this.#saveToken(), "acestep-primary");
    this.check = wordButton("account.check", () => this.#check());
    this.clear = wordButton("account.clear", () => this.#change("account/clear", {}, "account.cleared"));
    this.ceiling = make("input", {
      type: "number",
      id: "acestep-ceiling",
      class: "acestep-field-input",
      min: "0",
      step: "0.01",
      inputmode: "decimal",
      "aria-describedby": "acestep-ceiling-about",
    });
    this.saveCeiling = wordButton("account.saveCeiling", () => this.#saveCeiling());
    this.requests = make("div", { class: "acestep-requests" });
    this.element = makeDialog(
      "account",
      say("account.title"),
      this.state,
      form(
        () => this.#saveToken(),
        make("label", { for: "acestep-token" }, say("account.token")),
        make("div", { class: "acestep-field-row" }, this.token, this.save),
        make("p", { id: "acestep-token-about", class: "acestep-about" }, say("account.tokenAbout")),
        make("div", { class: "acestep-field-row" }, this.check, this.clear),
      ),
      this.result,
      form(
        () => this.#saveCeiling(),
        make("label", { for: "acestep-ceiling" }, say("account.ceiling")),
        make("div", { class: "acestep-field-row" }, make("span", {}, "$"), this.ceiling, this.saveCeiling),
        make("p", { id: "acestep-ceiling-about", class: "acestep-about" }, say("account.ceilingAbout")),
      ),
      make("details", {}, make("summary", {}, say("account.requests")), this.requests),
    );
    this.element.querySelector("details").addEventListener("toggle", () => this.#showRequests());
  }

  async open(atCeiling) {
    showDialog(this.element);
    if (atCeiling) this.ceiling.focus();
    await this.#attempt(async () => this.#show(await ask("account")));
    if (atCeiling) this.ceiling.select();
  }

  #show(state) {
    accountChanged(state);
    this.source = sourceWords(state.source);
    this.state.dataset.kind = state.problem ? "bad" : state.configured ? "good" : "none";
    this.state.textContent =
      sentence(state.said, state.problem) ??
      (state.configured ? say("account.configured", { source: this.source }) : say("account.none"));
    if (state.test_server) this.state.append(make("br"), say("note.testServer", { address: state.test_server }));
    this.check.disabled = !state.configured;
    // A button that goes away would take the focus out of the dialog, and Escape with it.
    if (!state.saved && document.activeElement === this.clear) this.token.focus();
    this.clear.hidden = !state.saved;
    this.ceiling.max = String(state.max_ceiling_usd);
    this.ceiling.placeholder = String(state.default_ceiling_usd);
    if (state.ceiling_usd !== null) this.ceiling.value = String(state.ceiling_usd);
  }

  async #saveToken() {
    const token = this.token.value.trim();
    this.token.value = "";
    if (!token) {
      this.#say("bad", say("account.empty"));
      this.token.focus();
      return;
    }
    await this.#change("account/token", { token }, "account.saved");
    if (!this.check.disabled) await this.#check();
  }

  async #saveCeiling() {
    await this.#change(
      "account/ceiling",
      { ceiling_usd: this.ceiling.value === "" ? null : Number(this.ceiling.value) },
      "account.ceilingSaved",
    );
  }

  #check() {
    return this.#attempt(async () => {
      const { ok, message, said } = await ask("account/check");
      this.#say(ok ? "good" : "bad", sentence(said, message));
      if (ok) return;
      this.state.dataset.kind = "bad";
      this.state.textContent = say("account.unusable", { source: this.source });
    });
  }

  #change(route, body, done) {
    return this.#attempt(async () => {
      this.#show(await ask(route, body));
      this.#say("good", say(done));
    });
  }

  /** Runs one of the actions; whatever goes wrong is said in the dialog. */
  async #attempt(action) {
    this.element.setAttribute("aria-busy", "true");
    try {
      await action();
    } catch (error) {
      this.#say("bad", error.message);
    } finally {
      this.element.removeAttribute("aria-busy");
    }
  }

  #say(kind, words) {
    this.result.dataset.kind = kind;
    this.result.textContent = words;
    this.result.hidden = false;
  }

  #showRequests() {
    return this.#attempt(async () => {
      const { requests, problem, said } = await ask("journal");
      const rows = requests.slice(0, MOST_REQUESTS).map((request) => this.#row(request));
      const about = sentence(said, problem) ?? (rows.length ? null : say("account.noRequests"));
      this.requests.replaceChildren(...(about ? [make("p", { class: "acestep-about" }, about)] : []), ...rows);
    });
  }

  #row(request) {
    const id = request.request_id;
    return make(
      "div",
      { class: "acestep-request" },
      make("span", { class: "acestep-label" }, localTime(request.created)),
      make(
        "span",
        { class: "acestep-request-what", title: request.model },
        [request.node && nodeTitle(request.node), say(`request.${request.state}`)].filter(Boolean).join(" · "),
      ),
      make("span", {}, priceOfRequest(request)),
      id
        ? make(
            "button",
            {
              type: "button",
              class: "acestep-button",
              title: `${say("account.copyId")}: ${id}`,
              "aria-label": `${say("account.copyId")} ${id}`,
              onclick: () => copy(id),
            },
            icon("copy"),
          )
        : request.open &&
            make(
              "button",
              {
                type: "button",
                class: "acestep-button acestep-text-button",
                title: say("account.settleAbout"),
                onclick: () => this.#settle(request.key),
              },
              say("account.settle"),
            ),
    );
  }

  #settle(key) {
    return this.#attempt(async () => {
      await ask("journal/strike", { keys: [key] });
      await this.#showRequests();
    });
  }
}

// The server names the place in English; a variable or a command is named as it is.
const sourceWords = (source) => (source === "saved in ComfyUI" ? say("account.savedHere") : source);

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("success", say("status.copied"), text);
  } catch {
    toast("info", say("status.copyByHand"), text);
  }
}

function form(onsubmit, ...children) {
  return make(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        onsubmit();
      },
    },
    ...children,
  );
}
