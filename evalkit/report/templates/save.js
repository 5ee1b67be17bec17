// Every figure can be saved as it is shown, in the colours of the page, with the name and unit of its
// axis and its caption below it: as SVG, and as PNG of twice its size. Figures that follow what is selected are others after each choice.
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
  const below = underneath(svg, box);
  const paper = document.createElementNS(svg.namespaceURI, "rect");
  for (const [name, value] of [["width", box.width], ["height", box.height + below.height],
    ["fill", getComputedStyle(document.body).backgroundColor]]) paper.setAttribute(name, value);
  (copy.querySelector("title") ?? copy).after(paper);
  copy.append(...below.lines);
  copy.setAttribute("viewBox", `0 0 ${box.width} ${box.height + below.height}`);
  copy.setAttribute("width", box.width);
  copy.setAttribute("height", box.height + below.height);
  return new XMLSerializer().serializeToString(copy);
}

// What stands below a figure that is saved, in lines of SVG text, and how high they are.
const LETTER = 13;
function underneath(svg, box) {
  const size = LETTER * box.width / svg.getBoundingClientRect().width, step = 1.4 * size;
  const caption = svg.closest("figure").querySelector("figcaption").cloneNode(true);
  caption.querySelectorAll(".save").forEach((tools) => tools.remove());
  const most = Math.floor((box.width - 2 * size) / (0.54 * size));
  const lines = wrapped(caption.textContent.trim().replace(/\s+/g, " "), most).map(
    (words) => [words, size / 2, "start"]);
  const ticks = [...svg.querySelectorAll(".grid")].map((line) => line.x1.baseVal.value);
  if (svg.dataset.axis) {
    lines.unshift([svg.dataset.axis, (Math.min(...ticks) + Math.max(...ticks)) / 2, "middle"]);
  }
  const { color, fontFamily } = getComputedStyle(document.body);
  return { height: step * (lines.length + 0.5), lines: lines.map(([words, x, anchor], i) => {
    const line = document.createElementNS(svg.namespaceURI, "text");
    for (const [name, value] of [["x", x], ["y", box.height + step * (i + 1) - size / 4],
      ["style", `fill: ${color}; font-family: ${fontFamily}; font-size: ${size}px; text-anchor: ${anchor}`]]) {
      line.setAttribute(name, value);
    }
    line.textContent = words;
    return line;
  }) };
}

// Words in lines of at most so many letters.
function wrapped(text, most) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1];
    if (last && last.length + word.length >= most) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
}

const asSvg = (svg) => new Blob([alone(svg)], { type: "image/svg+xml" });

async function asPng(svg) {
  const picture = new Image();
  const { width } = svg.getBoundingClientRect();
  const canvas = document.createElement("canvas");
  picture.src = URL.createObjectURL(asSvg(svg));
  await picture.decode();
  const height = width * picture.naturalHeight / picture.naturalWidth;
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
