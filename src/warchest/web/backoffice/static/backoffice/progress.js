// Shows how far the making of a batch is, and the page anew once it is over.
"use strict";
(() => {
  const panel = document.querySelector("[data-progress]");
  const bar = panel && panel.querySelector("progress");
  if (!bar) return;
  const done = panel.querySelector("[data-done]");
  const look = async () => {
    try {
      const answer = await fetch(panel.dataset.progress, { headers: { Accept: "application/json" } });
      if (answer.ok) {
        const told = await answer.json();
        if (!told.waits) return location.reload();
        bar.value = told.done;
        done.textContent = told.done.toLocaleString(document.documentElement.lang || undefined);
      }
    } catch {
      // The next look may find it.
    }
    setTimeout(look, 1000);
  };
  setTimeout(look, 500);
})();
