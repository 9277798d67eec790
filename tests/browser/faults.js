// What is wrong with the page as it stands, one sentence each. Asked of every page that the tests look at.
() => {
  const faults = [];
  const tell = (node) => `<${node.tagName.toLowerCase()}${node.id ? `#${node.id}` : ""}${node.name ? ` name=${node.name}` : ""}> ${(node.innerText ?? "").trim().slice(0, 40)}`;
  const seen = (node) => node.checkVisibility({ opacityProperty: true, visibilityProperty: true });

  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) {
    // Where a box scrolls its own content, that is meant.
    const scrolls = (node) => node && (getComputedStyle(node).overflowX !== "visible" || scrolls(node.parentElement));
    const far = [...document.body.querySelectorAll("*")].filter((node) => {
      const box = node.getBoundingClientRect();
      return (box.right > innerWidth + 1 || box.left < -1) && box.width && !scrolls(node.parentElement);
    });
    faults.push(`is ${wide} px too wide: ${far.slice(0, 3).map(tell).join(", ")}`);
  }

  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  for (const id of new Set(ids.filter((id, place) => ids.indexOf(id) !== place))) faults.push(`has #${id} twice`);

  const named = (node) =>
    [...(node.labels ?? [])].some((label) => label.textContent.trim()) ||
    node.getAttribute("aria-label")?.trim() ||
    node.getAttribute("aria-labelledby")?.split(/\s+/).some((id) => document.getElementById(id)?.textContent.trim());
  for (const node of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (seen(node) && !named(node) && !(node.type === "submit" && node.value)) faults.push(`has no label for ${tell(node)}`);
  for (const node of document.querySelectorAll("button, a[href], summary"))
    if (seen(node) && !node.textContent.trim() && !named(node) && !node.title && !node.querySelector("img[alt]:not([alt=''])"))
      faults.push(`has no name for ${tell(node)} ${node.outerHTML.slice(0, 90)}`);
  for (const node of document.querySelectorAll("img:not([alt])")) faults.push(`has no words for ${node.src}`);
  if (document.querySelectorAll("h1").length !== 1) faults.push(`has ${document.querySelectorAll("h1").length} main headings`);
  if (document.querySelectorAll("main").length !== 1) faults.push(`has ${document.querySelectorAll("main").length} main parts`);
  if (!document.documentElement.lang) faults.push("does not say its language");

  // Contrast by WCAG 2, AA. Text over pictures and gradients is left to people's eyes.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (above, below) => [0, 1, 2].map((i) => above[i] * above[3] + below[i] * (1 - above[3]));
  const ground = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none") return null;
      const colour = rgba(style.backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    const canvasColour = getComputedStyle(document.documentElement).colorScheme.includes("dark")
      && matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [255, 255, 255];
    return layers.reverse().reduce((below, above) => over(above, below), canvasColour);
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.map((part) => part / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faint = new Map();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !seen(node) || node.closest("script, style, noscript, [disabled], option, [aria-hidden=true], .material-symbols-outlined")) continue;
    const style = getComputedStyle(node);
    const below = ground(node);
    if (!below || style.clip !== "auto" || node.closest(".unseen, .sr-only")) continue;
    const text = over(rgba(style.color), below);
    const [light, dark] = [luminance(text), luminance(below)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    if (ratio < least - 0.01) faint.set(`${node.className} ${style.color}`, `shows ${tell(node)} at a contrast of ${ratio.toFixed(2)} (${style.color} on ${below.map(Math.round)})`);
  }
  faults.push(...faint.values());
  return faults;
}
