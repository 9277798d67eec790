// The frame's script writes the name of a chosen file into the nearest field of text, since its own forms have one for that.
// Ours have none: it would stand in a field that means something else.
"use strict";
document.addEventListener("change", (event) => {
  if (event.target.matches("input[type=file]")) event.stopImmediatePropagation();
}, true);
