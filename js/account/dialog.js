/**
 * The RunComfy account: a token goes in and never comes out, the most one prompt may cost is set, and requests
 * that were paid for are listed. The browser keeps none of it.
 */
import { locale, nodeTitle, toast } from "../comfy.js";
import { icon, iconButton, make } from "../dom.js";
import { accountChanged, ask } from "../server.js";
import { say } from "../strings.js";
import { dollars } from "../status/facts.js";

const MOST_REQUESTS = 20;

/** Opens the dialog; one at a time. */
export function openAccount() {
  const old = document.querySelector("dialog.acestep-account");
  if (old) old.close();
  new AccountDialog().open();
}

class AccountDialog {
  constructor() {
    this.state = make("p", { class: "acestep-account-state", role: "status" }, say("account.reading"));
    this.result = make("p", { class: "acestep-account-result", role: "status", "aria-live": "polite", hidden: true });
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
    this.save = button("account.save", () => this.#saveToken(), "acestep-primary");
    this.check = button("account.check", () => this.#check());
    this.clear = button("account.clear", () => this.#change("account/clear", {}, "account.cleared"));
    this.ceiling = make("input", {
      type: "number",
      id: "acestep-ceiling",
      class: "acestep-field-input",
      min: "0",
      step: "0.5",
      inputmode: "decimal",
      "aria-describedby": "acestep-ceiling-about",
    });
    this.saveCeiling = button("account.saveCeiling", () => this.#saveCeiling());
    this.requests = make("div", { class: "acestep-requests" });
    this.element = make(
      "dialog",
      { class: "acestep acestep-account", "aria-labelledby": "acestep-account-title" },
      make(
        "header",
        {},
        make("h2", { id: "acestep-account-title" }, say("account.title")),
        iconButton("close", say("account.close"), () => this.element.close()),
      ),
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
    this.element.addEventListener("close", () => this.element.remove());
    // Typing here is not for ComfyUI's shortcuts.
    for (const name of ["keydown", "keyup", "keypress", "paste"]) {
      this.element.addEventListener(name, (event) => event.stopPropagation());
    }
    this.element.addEventListener("pointerdown", (event) => event.target === this.element && this.element.close());
    this.element.querySelector("details").addEventListener("toggle", () => this.#showRequests());
  }

  async open() {
    document.body.append(this.element);
    this.element.showModal();
    await this.#attempt(async () => this.#show(await ask("account")));
  }

  #show(state) {
    accountChanged(state);
    this.state.dataset.kind = state.problem ? "bad" : state.configured ? "good" : "none";
    this.state.textContent =
      state.problem ??
      (state.configured ? say("account.configured", { source: sourceWords(state.source) }) : say("account.none"));
    if (state.test_server) this.state.append(make("br"), say("note.testServer", { address: state.test_server }));
    this.check.disabled = !state.configured;
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
      const { ok, message } = await ask("account/check");
      this.#say(ok ? "good" : "bad", message);
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
      const { requests } = await ask("journal");
      const rows = requests.slice(0, MOST_REQUESTS).map((request) => this.#row(request));
      this.requests.replaceChildren(
        ...(rows.length ? rows : [make("p", { class: "acestep-about" }, say("account.noRequests"))]),
      );
    });
  }

  #row(request) {
    const when = new Date(request.created * 1000).toLocaleString(locale(), { dateStyle: "short", timeStyle: "short" });
    const money = request.cost_usd ?? request.estimate_usd;
    const id = request.request_id;
    return make(
      "div",
      { class: "acestep-request" },
      make("span", { class: "acestep-label" }, when),
      make(
        "span",
        { class: "acestep-request-what", title: request.model },
        [request.node && nodeTitle(request.node), say(`request.${request.state}`)].filter(Boolean).join(" · "),
      ),
      make("span", {}, money == null ? "" : `${request.cost_usd == null ? "≈ " : ""}${dollars(money)}`),
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

function button(key, onclick, kind = "") {
  return make("button", { type: "button", class: `acestep-button acestep-text-button ${kind}`, onclick }, say(key));
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
