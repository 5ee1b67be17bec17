// What is selected: one pipeline, condition ("" where all are together), metric and grouping.
// Whoever shows something of it listens to "evalkit:select" on the document; its detail is
// {pipeline, condition, metric, by, group}, each as the page prints it. "group" is "" but where a
// row of the figure or of the table was opened. The first one follows when the page is read.
const selections = JSON.parse(document.getElementById("selections")?.textContent ?? "null");
if (selections) {
  let chosen = selections.start;
  const tell = (group = "") => document.dispatchEvent(
    new CustomEvent("evalkit:select", { detail: { ...chosen, group } }));
  const open = (event) => {
    const row = event.target.closest("[data-group]");
    if (!row || (event.type === "keydown" && !["Enter", " "].includes(event.key))) return;
    event.preventDefault();
    tell(row.dataset.group);
  };
  for (const figure of document.querySelectorAll("svg.groups")) {
    figure.setAttribute("role", "group");
    for (const row of figure.querySelectorAll("[data-group]")) {
      row.setAttribute("tabindex", "0");
      row.setAttribute("role", "button");
    }
    figure.addEventListener("click", open);
    figure.addEventListener("keydown", open);
  }
  document.addEventListener("DOMContentLoaded", () => tell());
}
