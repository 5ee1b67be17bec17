// Every figure can be saved as it is shown, in the colours of the page: as SVG, and as PNG of twice
// its size. Figures that follow what is selected are others after each choice.
const STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray",
  "stroke-linecap", "stroke-linejoin", "stroke-opacity", "font-family", "font-size", "font-weight",
  "font-variant-numeric", "text-anchor"];
const PIXELS = 2;

function addSaving() {
  for (const figure of document.querySelectorAll("figure:has(svg):not(:has(.save))")) {
    const caption = figure.querySelector("figcaption");
    const save = document.createElement("span");
    save.className = "save";
    for (const [kind, write] of [["SVG", asSvg], ["PNG", asPng]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `Save as ${kind}`;
      button.addEventListener("click", async () => {
        const drawn = [...figure.querySelectorAll("svg")].find((svg) => svg.getClientRects().length);
        const title = drawn.querySelector("title")?.textContent ?? "figure";
        keep(await write(drawn), `${title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 80)}.${
          kind.toLowerCase()}`);
      });
      save.append(button, " ");
    }
    caption.append(" ", save);
  }
}

// A copy that needs no style of the page: what an element does not inherit is written upon it.
function alone(svg) {
  const copy = svg.cloneNode(true);
  const box = svg.viewBox.baseVal;
  const of = new Map([svg, ...svg.querySelectorAll("*")].map((one) => [one, getComputedStyle(one)]));
  const copies = [copy, ...copy.querySelectorAll("*")];
  [...of].forEach(([one, style], i) => {
    const above = one === svg ? null : of.get(one.parentElement);
    const own = STYLES.filter((name) => style.getPropertyValue(name) !== above?.getPropertyValue(name));
    const said = own.map((name) => `${name}: ${style.getPropertyValue(name)}`);
    if (style.opacity !== "1") said.push(`opacity: ${style.opacity}`);
    for (const name of ["style", "tabindex", "role", "aria-pressed"]) copies[i].removeAttribute(name);
    if (said.length) copies[i].setAttribute("style", said.join("; "));
  });
  const paper = document.createElementNS(svg.namespaceURI, "rect");
  for (const [name, value] of [["width", box.width], ["height", box.height],
    ["fill", getComputedStyle(document.body).backgroundColor]]) paper.setAttribute(name, value);
  (copy.querySelector("title") ?? copy).after(paper);
  copy.setAttribute("width", box.width);
  copy.setAttribute("height", box.height);
  return new XMLSerializer().serializeToString(copy);
}

const asSvg = (svg) => new Blob([alone(svg)], { type: "image/svg+xml" });

async function asPng(svg) {
  const picture = new Image();
  const { width, height } = svg.getBoundingClientRect();
  const canvas = document.createElement("canvas");
  picture.src = URL.createObjectURL(asSvg(svg));
  await picture.decode();
  canvas.width = Math.round(PIXELS * width);
  canvas.height = Math.round(PIXELS * height);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(picture.src);
  return new Promise((done) => { canvas.toBlob(done, "image/png"); });
}

function keep(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

document.addEventListener("evalkit:select", addSaving);
addSaving();
