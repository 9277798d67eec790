// Sums and entropy of an order, while it is being typed. What counts is reckoned by the house.
"use strict";
(() => {
  const form = document.querySelector("[data-order]");
  if (!form) return;
  const field = (name) => form.elements[name];
  const language = document.documentElement.lang || undefined;
  const entropy = form.querySelector("[data-entropy]");
  const said = (name) => form.querySelector(name).textContent;
  const show = () => {
    const symbols = Number(form.getAttribute("data-symbols-" + (field("alphabet").value || "crockford")));
    const length = Number(field("code_length").value);
    // As the house does: whole bits of all symbols but the last, which only checks the others.
    const bits = length > 1 ? Math.floor((length - 1) * Math.log2(symbols) + 1e-9) : 0;
    const good = bits >= Number(form.dataset.bitsMin);
    const oneIn = (2 ** bits / 1e12).toLocaleString(language, { maximumSignificantDigits: 2, notation: "compact", compactDisplay: "long" });
    entropy.textContent = said(good ? "[data-entropy-good]" : "[data-entropy-low]")
      .replace("{n}", bits.toLocaleString(language))
      .replace("{p}", oneIn);
    entropy.classList.toggle("wb-error", !good);

    const quantity = Number(field("quantity").value), price = Number(field("face_amount").value.replace(",", "."));
    const sums = form.querySelector("[data-sums]");
    sums.hidden = !(quantity > 0 && price >= 0 && field("face_amount").value !== "");
    if (sums.hidden) return;
    const currency = field("face_currency").value;
    const money = (amount) => {
      try {
        return amount.toLocaleString(language, { style: "currency", currency });
      } catch {
        return amount.toLocaleString(language) + " " + currency;
      }
    };
    const sale = form.querySelector("[name=sale]:checked");
    const share = !sale || sale.value === "reseller" ? Number(field("margin_percent").value || 0) / 100 : 0;
    sums.querySelector("[data-total]").textContent = money(quantity * price);
    sums.querySelector("[data-margin]").textContent = money(quantity * price * share);
    sums.querySelector("[data-printed]").textContent = (quantity + Number(field("spares").value || 0)).toLocaleString(language);
  };
  form.addEventListener("input", show);
  show();
})();
