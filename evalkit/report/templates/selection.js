// What is selected: one pipeline, condition ("" where all are together), metric and grouping.
// Whoever shows something of it listens to "evalkit:select" on the document; its detail is
// {pipeline, condition, metric, by, group}, each as the page prints it. "group" is "" but where a
// row of the figure or of the table was opened. The first one follows when the page is read.
// What is shown of each selection was drawn by evalkit: here it is put in its place.
const AXES = ["pipeline", "condition", "metric", "by"];
const selections = JSON.parse(document.getElementById("selections")?.textContent ?? "null");
if (selections) {
  const box = document.querySelector(".chosen");
  const controls = new Map(AXES.map((axis) => [axis, document.getElementById(`choose-${axis}`)]));
  let chosen = { ...selections.start, group: "" };
  // What was asked for, which not every selection has: it comes back with the next that has it.
  let asking = { ...selections.start };
  let unpacking;

  // All of them, once one is asked for.
  const views = () => unpacking ??= new Response(new Blob([Uint8Array.from(
    atob(selections.views), (letter) => letter.charCodeAt(0))]).stream().pipeThrough(
    new DecompressionStream("deflate"))).json();

  // The one that has what was changed, and most of what was chosen beside it.
  const nearest = (all, wanted, changed) => all
    .filter((view) => !changed || view[changed] === wanted[changed])
    .map((view) => [AXES.filter((axis) => view[axis] === wanted[axis]).length, view])
    .reduce((best, each) => (each[0] > best[0] ? each : best))[1];

  const choose = async (wanted, changed) => {
    const view = nearest(await views(), wanted, changed);
    for (const place of document.querySelectorAll("[data-part]")) {
      if (view[place.dataset.part] !== undefined) place.innerHTML = view[place.dataset.part];
    }
    chosen = Object.fromEntries(AXES.map((axis) => [axis, view[axis]]));
    chosen.group = wanted.group ?? "";
    controls.forEach((control, axis) => { control.value = chosen[axis]; });
    dress();
    tell();
  };

  const tell = () => document.dispatchEvent(new CustomEvent("evalkit:select", { detail: chosen }));

  // What differs from what the page shows at first stands in its address.
  const address = () => {
    const differs = Object.entries(chosen).filter(
      ([axis, name]) => name !== (selections.start[axis] ?? ""));
    const there = new URLSearchParams(differs).toString();
    history.replaceState(null, "", there ? `#${there}` : location.pathname + location.search);
  };

  const asked = () => {
    const named = [...new URLSearchParams(location.hash.slice(1))].filter(
      ([axis]) => axis === "group" || AXES.includes(axis));
    if (!named.length) return null;
    asking = { ...selections.start, ...Object.fromEntries(named) };
    return asking;
  };

  // Groups become buttons; the one that is open is marked.
  function dress() {
    document.querySelectorAll("svg.groups").forEach((svg) => svg.setAttribute("role", "group"));
    for (const row of document.querySelectorAll(".first [data-group], .selected [data-group]")) {
      row.setAttribute("tabindex", "0");
      row.setAttribute("role", "button");
      row.setAttribute("aria-pressed", String(row.dataset.group === chosen.group));
    }
  }

  const open = (event) => {
    const row = event.target.closest(".first [data-group], .selected [data-group]");
    if (!row || (event.type === "keydown" && !["Enter", " "].includes(event.key))) return;
    event.preventDefault();
    chosen = { ...chosen, group: row.dataset.group };
    dress();
    address();
    tell();
  };
  document.addEventListener("click", open);
  document.addEventListener("keydown", open);
  if (box && "DecompressionStream" in window) {
    box.hidden = false;
    controls.forEach((control, axis) => {
      control.value = chosen[axis];
      control.addEventListener("change", async () => {
        asking = { ...asking, [axis]: control.value, group: "" };
        await choose(asking, axis);
        address();
      });
    });
    addEventListener("hashchange", () => asked() && choose(asked()));
  }
  dress();
  document.addEventListener("DOMContentLoaded", () => (
    asked() && "DecompressionStream" in window ? choose(asked()) : tell()));
}
