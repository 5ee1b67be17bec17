"use strict";
// Every column header of a table that sorts becomes a button, and a long table gets a field that
// filters its rows. Without scripts the tables stand whole and in the order of the run.
for (const table of document.querySelectorAll("table.sortable")) {
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const down = header.getAttribute("aria-sort") === "ascending";
      headers.forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", down ? "descending" : "ascending");
      sort(table.tBodies[0], column, down ? -1 : 1);
    });
  });
  if (table.tBodies[0].rows.length > 7) addFilter(table);
}

// A table that is wider than the screen scrolls by keyboard too.
const watcher = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    target.tabIndex = target.scrollWidth > target.clientWidth ? 0 : -1;
  }
});
document.querySelectorAll(".scrolled, .card, pre").forEach((box) => watcher.observe(box));

// While a recording plays, a line moves over the timeline of what was shown of it.
for (const picture of document.querySelectorAll("svg.timeline")) {
  const line = picture.querySelector(".now");
  const player = picture.closest("article").querySelector("audio");
  player?.addEventListener("timeupdate", () => {
    const from = Number(new URL(player.src).hash.slice(3).split(",")[0]);
    const share = Math.min(1, Math.max(0, (player.currentTime - from) / picture.dataset.seconds));
    line.setAttribute("visibility", "visible");
    line.setAttribute("transform", `translate(${10 + 740 * share})`);
  });
}

function sort(body, column, sign) {
  const key = (row) => row.cells[column].dataset.key ?? row.cells[column].textContent.trim();
  const compare = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const difference = a - b;
    return sign * (Number.isNaN(difference) ? a.localeCompare(b) : difference);
  };
  const rows = [...body.rows].map((row) => [key(row), row]);
  body.append(...rows.sort(([a], [b]) => compare(a, b)).map(([, row]) => row));
}

// Rows stay that have all of the words typed, anywhere.
function addFilter(table) {
  const rows = [...table.tBodies[0].rows];
  const tools = document.createElement("div");
  const label = document.createElement("label");
  const field = document.createElement("input");
  const shown = document.createElement("span");
  tools.className = "tools filter";
  field.type = "search";
  shown.setAttribute("role", "status");
  field.setAttribute("aria-label", `Filter: ${table.caption.textContent}`);
  label.append("Filter ", field);
  tools.append(label, shown);
  table.closest(".scrolled").before(tools);
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    const left = rows.filter((row) => !row.hidden).length;
    shown.textContent = words.length ? `${left} of ${rows.length} rows` : "";
  });
}
