"use strict";
// Every column header of a sortable table becomes a button. Without scripts the tables stand in
// the order of the run.
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
}

// A table that is wider than the screen scrolls by keyboard too.
const watcher = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    target.tabIndex = target.scrollWidth > target.clientWidth ? 0 : -1;
  }
});
document.querySelectorAll(".scrolled").forEach((box) => watcher.observe(box));

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
