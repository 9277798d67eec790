// The portal works without this file; with it a few things are quicker.
"use strict";

(() => {
  const root = document.documentElement;
  const YEAR_SECONDS = 31536000;

  // Controls that only a script can serve stay hidden until there is one.
  const reveal = (within) => {
    for (const node of within.querySelectorAll("[data-needs-script]")) node.hidden = false;
    for (const node of within.querySelectorAll("[data-without-script]")) node.hidden = true;
    if (!navigator.share) for (const node of within.querySelectorAll("[data-share]")) node.hidden = true;
  };

  // --- Theme -------------------------------------------------------------------------------
  const themeNow = () =>
    root.dataset.theme || (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");

  const switchTheme = () => {
    const theme = themeNow() === "dark" ? "light" : "dark";
    const secure = location.protocol === "https:" ? ";secure" : "";
    root.dataset.theme = theme;
    document.cookie = `warchest_theme=${theme};path=/;max-age=${YEAR_SECONDS};samesite=lax${secure}`;
  };

  // --- Card code: groups itself, forgives, shows what cannot be right -----------------------
  const clean = (text, alphabet) => {
    const bare = text.replace(/[\s\u00ad\u2010-\u2015_.\-]/g, "");
    return alphabet === alphabet.toUpperCase() ? bare.toUpperCase() : bare;
  };

  const group = (text, size) => text.match(new RegExp(`.{1,${size}}`, "gu"))?.join("-") ?? "";

  const readCode = (field) => {
    const alphabet = field.dataset.alphabet;
    const size = Number(field.dataset.group) || 4;
    const before = clean(field.value.slice(0, field.selectionStart), alphabet).length;
    const code = clean(field.value, alphabet);
    field.value = group(code, size);
    if (document.activeElement === field) {
      // The caret stays behind the character that was just typed, past a separator if one follows.
      const caret = Math.min(before + Math.floor(Math.max(before - 1, 0) / size), field.value.length);
      field.setSelectionRange(caret, caret);
    }
    mark(field, code, alphabet);
  };

  const mark = (field, code, alphabet) => {
    const note = document.getElementById(field.dataset.note);
    const wrong = alphabet ? [...new Set(code)].filter((character) => !alphabet.includes(character)) : [];
    if (wrong.length) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
    if (!note) return;
    note.hidden = wrong.length === 0;
    note.replaceChildren();
    if (!wrong.length) return;
    const echo = document.createElement("span");
    echo.className = "code-echo";
    echo.setAttribute("aria-hidden", "true");
    for (const character of field.value) {
      const isWrong = wrong.includes(character);
      const part = document.createElement(isWrong ? "mark" : "span");
      part.textContent = character;
      echo.append(part);
    }
    const words = document.createElement("span");
    words.textContent = field.dataset.wrong.replace("{characters}", wrong.join(" "));
    note.append(echo, words);
  };

  // --- Copy and share ----------------------------------------------------------------------
  const copy = async (button) => {
    const source = document.getElementById(button.dataset.copy);
    const text = source.value ?? source.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Old browsers and plain http: select it, so that one key copies it.
      source.select?.();
      return;
    }
    const label = button.querySelector("[data-label]");
    const before = label.textContent;
    label.textContent = button.dataset.done;
    setTimeout(() => { label.textContent = before; }, 2000);
  };

  // --- Wiring: one listener per kind, so that parts loaded later are served too --------------
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if ("themeSwitch" in button.dataset) switchTheme();
    if (button.dataset.copy) copy(button);
    if (button.dataset.share) navigator.share({ url: button.dataset.share }).catch(() => {});
  });

  document.addEventListener("input", (event) => {
    if ("code" in event.target.dataset) readCode(event.target);
  });

  document.addEventListener("change", (event) => {
    if ("sendsItself" in event.target.dataset) event.target.form.requestSubmit();
  });

  // A second press while the first is on its way does nothing. The key in the form guards the rest.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
    event.submitter?.setAttribute("aria-busy", "true");
  });

  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
    for (const node of document.querySelectorAll("[aria-busy]")) node.removeAttribute("aria-busy");
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
  });

  // --- Scanned card: the code stands behind '#', which no server and no log ever sees ----------
  // Kept for this tab while the player signs in, then put into the field, and looked up at once.
  const SCANNED = "warchest-scanned-code";

  const takeScannedCode = () => {
    const scanned = location.hash.slice(1).replaceAll("%20", " ");
    if (/^[0-9A-Za-z\u0020-]{8,40}$/.test(scanned) && /\d|-/.test(scanned) && !document.getElementById(scanned)) {
      sessionStorage.setItem(SCANNED, scanned);
      history.replaceState(null, "", location.pathname + location.search);
    }
    const field = document.querySelector("[data-code]");
    const code = sessionStorage.getItem(SCANNED);
    if (!field || !code) return;
    sessionStorage.removeItem(SCANNED);
    field.value = code;
    readCode(field);
    if (!field.hasAttribute("aria-invalid")) field.form.requestSubmit();
  };

  // --- Top up: a button or an own amount, never both. Before HTMX asks for the quote. ------------
  const amountButtons = () => [...document.querySelectorAll("#top-up [name=amount]")];

  document.addEventListener("change", (event) => {
    const own = document.getElementById("own-amount");
    if (own && event.target.name === "amount") own.value = "";
  }, true);

  document.addEventListener("input", (event) => {
    if (event.target.id !== "own-amount") return;
    const isOwn = event.target.value.trim() !== "";
    const chosen = amountButtons().find((button) => button.checked);
    if (isOwn && chosen) {
      chosen.checked = false;
      chosen.dataset.wasChosen = "yes";
    } else if (!isOwn && !chosen) {
      const before = amountButtons().find((button) => button.dataset.wasChosen) ?? amountButtons()[1];
      if (before) before.checked = true;
    }
    if (!isOwn) for (const button of amountButtons()) delete button.dataset.wasChosen;
  }, true);

  const fillTimeZone = () => {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    for (const field of document.querySelectorAll("[data-time-zone]")) field.value ||= zone ?? "";
  };

  document.addEventListener("htmx:load", (event) => reveal(event.target));
  reveal(document);
  for (const field of document.querySelectorAll("[data-code]")) {
    // What the server refused stays marked until it is changed.
    if (field.value && !field.hasAttribute("aria-invalid")) readCode(field);
  }
  fillTimeZone();
  takeScannedCode();
  addEventListener("hashchange", () => {
    takeScannedCode();
    // The page of the card before has no field: open it anew.
    if (sessionStorage.getItem(SCANNED)) location.assign(location.pathname);
  });
})();
