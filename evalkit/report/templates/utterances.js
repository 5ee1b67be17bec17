// The utterances of the page, as evalkit/report/explorer/document.py writes them: filtered, sorted,
// set side by side, and the words that are wrong in them. A list is made of what is asked for, STEP
// at a time. Without scripts, and in print, the worst stand there as the page was written.
const utterances = JSON.parse(document.getElementById("utterances")?.textContent ?? "null");
if (utterances) explore(utterances, document.getElementById("explorer"));

function explore(data, root) {
  const STEP = 20, FIRST = 2, MOST_WORDS = 30;
  const KINDS = [["", "any"], ["wrong", "any error"], ["S", "substitution"], ["D", "deletion"],
    ["I", "insertion"], ["loop", "loop: the same words again and again"],
    ["silence", "words where nothing was said"], ["failed", "failed"]];
  const all = data.shown === data.total;
  const earlier = new Set(data.earlier ?? []);
  const weights = data.metrics.map((_, j) => data.cells.map(({ m }) => m[j]?.[1]).find(Array.isArray));
  const rows = data.cells.flatMap(({ p, c, u, d, m, r = {}, k = {}, l = {}, f = {}, s = {} }) =>
    d.map((differs, i) => ({
      u: u ? u[i] : i, p, c, differs, own: r[i], cut: k[i], loop: l[i], failed: data.reasons[f[i]],
      sounds: (s[i] ?? []).map((place) => data.sounds[place]),
      values: m.map((part, j) => (!part ? null
        : data.metrics[j].count ? [part[0][i], (part[1] || weights[j])[i]] : part[i])) })));
  const at = new Map(rows.map((row) => [`${row.u},${row.p},${row.c}`, row]));
  const start = { p: data.main, c: -1, metric: 0, by: data.columns.length ? 0 : -1, group: -1,
    kind: "", words: "", sort: "bad", beside: data.earlier?.find((place) =>
      data.pipelines[place].startsWith(`${data.pipelines[data.main]} of `)) ?? -1,
    half: false, shown: FIRST };
  let state = { ...start };
  const number = (n) => n.toLocaleString("en");
  const plural = (n, one) => `${number(n)} ${one}${n === 1 ? "" : "s"}`;
  const compare = (a, b) => (a > b) - (a < b);

  // What a row says.
  const split = (text) => (Array.isArray(text) ? text : text ? text.split(" ") : []);
  const said = (row) => (row.said ??= split(row.own ?? data.text[row.u]));
  function* changes(row) {
    if (!Array.isArray(row.differs)) return;
    for (let i = 0; i < row.differs.length; i += 2) yield [row.differs[i], row.differs[i + 1]];
  }
  function counts(row) {
    if (row.counts) return row.counts;
    if (row.cut) {
      const [S, D, I, length] = row.cut;
      return (row.counts = { S, D, I, length });
    }
    const found = { S: 0, D: 0, I: 0, length: said(row).length };
    for (const [place, word] of changes(row)) found[place < 0 ? "I" : word === 0 ? "D" : "S"] += 1;
    return (row.counts = found);
  }
  const aligned = (row) => row.differs === 0 || Array.isArray(row.differs);
  const errors = (row) => { const { S, D, I } = counts(row); return S + D + I; };
  function measured(row, index) { // [amount, weight] of a count, a value, or null
    const metric = data.metrics[index], value = row.values[index];
    if (metric.derived) return row.failed || !aligned(row) ? null : [errors(row), counts(row).length];
    if (!metric.count) return value;
    return value && value[0] !== null ? value : null;
  }
  function badness(row, index) {
    const metric = data.metrics[index], value = measured(row, index);
    if (value === null) return -Infinity;
    return metric.count ? value[0] / Math.max(value[1], 1) : metric.worse * value;
  }
  function shownValue(row, index) {
    const { count, unit, scale, decimals, title } = data.metrics[index];
    const value = measured(row, index);
    if (value === null) return `${title}: none`;
    if (count && !value[1]) return `${number(value[0])} errors, no reference`;
    const text = (count ? scale * value[0] / value[1] : value).toFixed(decimals).replace("-", "−");
    return `${text} ${unit}`.trim();
  }
  function hypothesis(row) {
    if (!aligned(row)) return row.differs ?? "";
    const words = said(row), before = words.map(() => []), own = words.map((word) => [word]), last = [];
    for (const [place, word] of changes(row)) {
      if (place < 0) (before[-1 - place] ?? last).push(word);
      else own[place] = word === 0 ? [] : [word];
    }
    return [...words.flatMap((_, i) => [...before[i], ...own[i]]), ...last].join(" ");
  }
  const silent = (row) => aligned(row) && !counts(row).length && counts(row).I > 0;
  function isOf(row, kind) {
    if (kind === "failed") return Boolean(row.failed);
    if (kind === "loop") return Boolean(row.loop);
    if (kind === "silence") return silent(row);
    if (kind === "wrong") return aligned(row) ? errors(row) > 0 : measured(row, 0)?.[0] > 0;
    return !kind || counts(row)[kind] > 0;
  }
  // "a>b" is a word heard for another, "a>" one that is missing, ">b" one too many, "*" any.
  function confusedIn(row, query) {
    const middle = query.indexOf(">");
    const ref = query.slice(0, middle).trim(), hyp = query.slice(middle + 1).trim();
    const like = (wanted, word) => wanted === "*" || wanted === word.toLowerCase();
    for (const [place, word] of changes(row)) {
      if (place < 0 ? ref === "" && like(hyp, word) : like(ref, said(row)[place]) && (
        word === 0 ? hyp === "" || hyp === "*" : hyp !== "" && like(hyp, word))) return true;
    }
    return false;
  }
  function saysWords(row, query) {
    row.search ??= [data.id[row.u], data.speakers?.[data.speaker[row.u]] ?? "", said(row).join(" "),
      hypothesis(row)].join("\n").toLowerCase();
    return query.split(/\s+/).every((word) => row.search.includes(word));
  }

  // Which rows.
  const inSelection = (row) => (state.p < 0 ? !earlier.has(row.p) : row.p === state.p)
    && (state.c < 0 || row.c === state.c)
    && (state.group < 0 || data.groups[state.by][row.u] === state.group);
  function driving(selected) { // the utterances with the most errors that make half of them
    const sums = new Map();
    for (const row of selected) {
      const value = measured(row, 0);
      if (value) sums.set(row.u, (sums.get(row.u) ?? 0) + value[0]);
    }
    const order = [...sums].sort(([u, a], [v, b]) => b - a || compare(data.id[u], data.id[v]));
    const total = order.reduce((sum, [, n]) => sum + n, 0);
    let reached = 0, most = 0;
    while (total && reached < total / 2) reached += order[most++][1];
    return { n: order.length, total, half: new Set(order.slice(0, most).map(([u]) => u)) };
  }
  function found() {
    let list = rows.filter(inSelection);
    if (state.half) {
      const { half } = driving(list);
      list = list.filter((row) => half.has(row.u));
    }
    const query = state.words.trim().toLowerCase();
    const has = query.includes(">") ? confusedIn : saysWords;
    return list.filter((row) => isOf(row, state.kind) && (!query || has(row, query)));
  }
  const other = (row) => at.get(`${row.u},${state.beside},${row.c}`);
  function sorted(list) {
    const by = {
      bad: (row) => badness(row, state.metric), errors: (row) => measured(row, 0)?.[0] ?? -1,
      id: () => 0, apart: (row) => other(row)
        ? Math.abs(badness(row, state.metric) - badness(other(row), state.metric)) || 0 : -1,
    }[state.sort];
    const keyed = list.map((row) => [by(row), row]);
    keyed.sort(([a, x], [b, y]) => (b > a) - (b < a) || errors(y) - errors(x)
      || compare(data.id[x.u], data.id[y.u]) || x.p - y.p || x.c - y.c);
    return keyed.map(([, row]) => row);
  }

  // On the page.
  const text = (name, content = "", className = "") => {
    const element = document.createElement(name);
    if (className) element.className = className;
    element.append(content);
    return element;
  };
  const bdi = (content) => text("bdi", content);
  const unseen = (content) => text("span", content, "unseen");
  const hidden = (content, className = "") => {
    const element = text("span", content, className);
    element.ariaHidden = "true";
    return element;
  };
  function slots(row) { // per place: what was inserted before it, and what was heard for its word
    const words = said(row), before = words.map(() => []), heard = [...words];
    before.push([]);
    for (const [place, word] of changes(row)) {
      if (place < 0) before[-1 - place].push(word);
      else heard[place] = word;
    }
    return { before, heard };
  }
  function pair(ref, hyp) {
    const kind = ref === null ? "I" : hyp === 0 ? "D" : ref === hyp ? "" : "S";
    const element = text("span", "", `pair ${kind}`.trim());
    if (!kind) element.append(bdi(ref), hidden(hyp, "same"));
    if (kind === "S") element.append(unseen("[instead of "), bdi(ref), unseen(" heard "), bdi(hyp), unseen("]"));
    if (kind === "D") element.append(unseen("[deleted "), text("del", ref), unseen("]"), hidden("∅"));
    if (kind === "I") element.append(hidden("+"), unseen("[inserted "), text("ins", hyp), unseen("]"));
    return element;
  }
  // One word of three lines: what was said, and what each of two pipelines heard (0: nothing).
  function three(ref, heard, names) {
    const element = text("span", "", "pair three");
    element.append(ref === null ? hidden("+") : bdi(ref));
    heard.forEach((hyp, line) => {
      const same = hyp === ref || (ref === null && hyp === 0);
      const kind = same ? "same" : ref === null ? "I" : hyp === 0 ? "D" : "S";
      if (!same) element.append(unseen(`[${names[line]}: ${hyp === 0 ? "deleted" : hyp}]`));
      element.append(hidden(hyp === 0 ? (ref === null ? "\u00a0" : "∅") : hyp, kind));
    });
    return element;
  }
  function alignment(row, beside) {
    const line = text("p", "", "alignment");
    line.dir = "auto";
    const of = slots(row), names = [row, beside].map((each) => each && data.pipelines[each.p]);
    const with_ = beside && slots(beside);
    if (beside) {
      const key = text("span", "", "pair three lines");
      key.append(text("span", "said"), ...names.map((name) => bdi(name)));
      line.append(key, " ");
    }
    for (let place = 0; place <= said(row).length; place += 1) {
      const more = Math.max(of.before[place].length, with_?.before[place].length ?? 0);
      for (let i = 0; i < more; i += 1) {
        line.append(beside ? three(null, [of, with_].map((each) => each.before[place][i] ?? 0), names)
          : pair(null, of.before[place][i]), " ");
      }
      if (place < said(row).length) {
        const word = said(row)[place];
        line.append(beside ? three(word, [of, with_].map((each) => each.heard[place]), names)
          : pair(word, of.heard[place]), " ");
      }
    }
    if (row.cut) line.append(text("span", `… the beginning of ${number(row.cut[3])} words`, "aside"));
    return line;
  }
  function heardTexts(row) {
    if (row.differs === null) return "";
    const list = text("dl", "", "texts");
    list.append(text("dt", "Said"), text("dd", said(row).join(" ") || "–"),
      text("dt", `Recognised by ${data.pipelines[row.p]}`), text("dd", hypothesis(row) || "–"));
    return list;
  }
  function told(row, beside) {
    if (!aligned(row)) return [heardTexts(row), ...(beside ? [heardTexts(beside)] : [])];
    if (!beside) return [alignment(row)];
    const alike = aligned(beside) && said(row).join(" ") === said(beside).join(" ");
    return alike ? [alignment(row, beside)] : [alignment(row), heardTexts(beside)];
  }
  function players(of) {
    const seen = new Set(), list = text("ul", "", "players");
    for (const [row, named] of of) {
      for (const [label, source, picture, note] of row.sounds) {
        if (seen.has(source || note)) continue;
        seen.add(source || note);
        const item = text("li");
        const name = named && /enhanced/i.test(label) ? `${label}, ${data.pipelines[row.p]}` : label;
        item.append(text("span", name, "label"));
        if (picture) item.append(Object.assign(document.createElement("img"),
          { src: picture, alt: `Spectrogram, ${name}: ${data.id[row.u]}`, width: 300, height: 90 }));
        if (source) item.append(Object.assign(document.createElement("audio"),
          { controls: true, preload: "none", src: source, ariaLabel: `${name}: ${data.id[row.u]}` }));
        else item.append(text("span", note, "missing"));
        list.append(item);
      }
    }
    return list.childElementCount ? [list] : [];
  }
  const value = (row) => {
    const element = text("span");
    element.append(text("b", shownValue(row, state.metric)));
    const count = measured(row, 0);
    if (data.metrics[0].count && count) element.append(
      ` · ${plural(count[0], "error")}, reference length ${number(count[1])}`);
    return element;
  };
  function facts(row, beside) {
    const line = text("p", "", "facts");
    line.append(value(row), " · ", bdi(data.pipelines[row.p]));
    if (data.conditions[row.c] !== "given") line.append(" in ", bdi(data.conditions[row.c]));
    if (beside) line.append(" · ", bdi(data.pipelines[beside.p]), ": ",
      text("b", shownValue(beside, state.metric)));
    if (data.speakers) line.append(" · speaker ", bdi(data.speakers[data.speaker[row.u]] ?? "unknown"));
    if (state.by >= 0) line.append(" · ", bdi(data.columns[state.by].name), " ",
      bdi(data.columns[state.by].labels[data.groups[state.by][row.u]]));
    return line;
  }
  function remarks(row) {
    const found = [];
    if (row.loop) found.push(`Loop: “${row.loop[0]}” ${number(row.loop[1])} times in a row`);
    if (silent(row)) found.push("Words where nothing was said");
    if (row.failed) found.push(`Failed: ${row.failed}`);
    return found.map((remark) => text("p", remark, "alarm"));
  }
  function item(row) {
    const beside = state.beside >= 0 && state.beside !== row.p ? other(row) : undefined;
    const element = text("li"), article = text("article"), title = text("h4");
    title.append(bdi(data.id[row.u]));
    article.append(title, facts(row, beside), ...remarks(row), ...told(row, beside),
      ...players(beside ? [[row, true], [beside, true]] : [[row, false]]));
    element.append(article);
    return element;
  }

  // Words of what is selected: of the rows, or where they are not all here from what was counted.
  function words(list) {
    const confused = new Map(), wrong = new Map();
    const of = (word) => wrong.get(word) ?? wrong.set(word, [word, 0, 0, 0, 0]).get(word);
    for (const row of list.filter(aligned)) {
      for (const word of said(row)) of(word)[1] += 1;
      for (const [place, word] of changes(row)) {
        const ref = said(row)[place];
        of(place < 0 ? word : ref)[place < 0 ? 4 : word === 0 ? 3 : 2] += 1;
        if (place >= 0 && word !== 0) {
          const key = JSON.stringify([ref, word]);
          confused.set(key, (confused.get(key) ?? 0) + 1);
        }
      }
    }
    const sum = ([, , s, d, i]) => s + d + i;
    return {
      confused: [...confused].map(([key, n]) => [...JSON.parse(key), n]).sort(
        ([a, b, n], [x, y, m]) => m - n || compare(a, x) || compare(b, y)),
      wrong: [...wrong.values()].filter(sum).sort(
        (a, b) => sum(b) - sum(a) || compare(a[0], b[0])),
    };
  }
  function fill(id, list, cells, where) {
    const table = document.getElementById(`table-${id}`);
    if (!table) return;
    table.caption.textContent = list.length > MOST_WORDS
      ? `${where}: the ${MOST_WORDS} most frequent of ${number(list.length)}` : where;
    table.tBodies[0].replaceChildren(...list.slice(0, MOST_WORDS).map((each) => {
      const line = document.createElement("tr"), [query, ...shown] = cells(each);
      shown.forEach((content, i) => {
        const cell = text("td", i ? bdi(content) : link(content, query));
        if (table.tHead.rows[0].cells[i].className) cell.className = "number";
        line.append(cell);
      });
      return line;
    }));
  }
  function link(content, query) {
    const button = text("button", bdi(content), "word");
    button.type = "button";
    button.append(unseen(": show the utterances"));
    button.addEventListener("click", () => open({ words: query, half: false }));
    return button;
  }
  function fillWords(list) {
    const p = state.p < 0 ? data.main : state.p;
    const counted = all ? words(list) : {
      confused: data.confused[`${p},${state.c}`] ?? [], wrong: data.wrong[`${p},${state.c}`] ?? [] };
    const where = all ? `With ${described()}` : `With ${data.pipelines[p]}${conditionText()}, everybody`;
    fill("confused-words", counted.confused,
      ([ref, hyp, n]) => [`${ref}>${hyp}`, ref, hyp, number(n)], where);
    fill("errors-by-word", counted.wrong, ([word, n, s, d, i]) => [`${word}>*`, word, number(n),
      number(s + d), n ? (100 * (s + d) / n).toFixed(1) : "–", number(s), number(d), number(i)], where);
  }
  const conditionText = () => state.c >= 0 ? ` in ${data.conditions[state.c]}`
    : data.conditions.length > 1 ? " over all conditions together"
      : data.conditions[0] === "given" ? "" : ` in ${data.conditions[0]}`;
  const groupText = () => state.group < 0 ? ""
    : `, ${data.columns[state.by].name} ${data.columns[state.by].labels[state.group]}`;
  const described = () => (state.p < 0 ? "all pipelines" : data.pipelines[state.p])
    + conditionText() + groupText();
  function fillDriving() {
    const place = document.getElementById("driving");
    if (!place || !data.metrics[0].count) return;
    const known = data.halves.find(([p, c]) => p === state.p && c === (
      data.conditions.length > 1 ? state.c : 0));
    let [n, total, half] = known ? known.slice(2) : [0, 0, 0];
    if (all) {
      const counted = driving(rows.filter(inSelection));
      [n, total, half] = [counted.n, counted.total, counted.half.size];
    }
    const button = text("button", state.half ? "Show the others too" : "Show these");
    button.type = "button";
    button.ariaPressed = String(state.half);
    button.addEventListener("click", () => open({ half: !state.half }));
    place.replaceChildren(text("b", `${number(half)} of ${plural(n, "utterance")}`),
      ` ${half === 1 ? "makes" : "make"} half of all ${plural(total, "error")} with `, described(), ". ",
      ...(total ? [button] : []));
    place.hidden = !total;
  }

  // What can be asked for.
  const fields = {};
  const tools = text("div", "", "tools explore");
  function choose(name, label, options, read, write, taken = () => -1) {
    const select = document.createElement("select"), whole = text("label", `${label} `);
    select.ariaLabel = label;
    for (const [value, title, parts] of options) {
      const parent = parts ? document.createElement("optgroup") : select;
      if (parts) select.append(Object.assign(parent, { label: title }));
      for (const [each, text_] of parts ?? [[value, title]]) parent.append(new Option(text_, each));
    }
    select.addEventListener("change", () => show({ shown: STEP, ...write(select.value) }));
    whole.append(select);
    fields[name] = () => {
      for (const option of select.options) {
        option.hidden = option.disabled = taken() >= 0 && +option.value === taken();
      }
      select.value = read();
    };
    if (select.options.length > 1) tools.append(whole);
  }
  const named = (names) => names.map((name, i) => [i, name]);
  choose("p", "Pipeline", [...named(data.pipelines), [-1, "all"]], () => state.p, (v) => ({ p: +v }));
  choose("c", "Condition", [...(data.conditions.length > 1 ? [[-1, "all"]] : []),
    ...named(data.conditions)], () => (data.conditions.length > 1 ? state.c : 0), (v) => ({ c: +v }));
  choose("group", "Group", [[-1, "everybody"], ...data.columns.map(({ name, labels }, by) => [
    by, name, labels.map((label, i) => [`${by},${i}`, `${name} ${label}`])])],
  () => (state.group < 0 ? -1 : `${state.by},${state.group}`), (v) => {
    const [by, group] = v.split(",").map(Number);
    return group === undefined ? { group: -1 } : { by, group };
  });
  const present = KINDS.filter(([kind]) => !kind || rows.some((row) => isOf(row, kind)));
  choose("kind", "Errors", present, () => state.kind, (v) => ({ kind: v }));
  choose("beside", "Beside it", data.pipelines.length > 1 ? [[-1, "nothing"], ...named(data.pipelines)] : [],
    () => state.beside, (v) => ({ beside: +v }), () => state.p);
  choose("sort", "Order", [...data.metrics.map(({ title }, i) => [`m${i}`, `worst first: ${title}`]),
    ["errors", "most errors first"], ["id", "by id"],
    ...(data.pipelines.length > 1 ? [["apart", "most unlike the other pipeline"]] : [])].filter(
    ([key]) => key !== "errors" || data.metrics[0].count),
  () => (state.sort === "bad" ? `m${state.metric}` : state.sort),
  (v) => (v[0] === "m" ? { sort: "bad", metric: +v.slice(1) } : { sort: v }));
  const search = Object.assign(document.createElement("input"), { type: "search", ariaLabel: "Words or id" });
  const searched = text("label", "Words or id ");
  searched.append(search);
  search.addEventListener("input", () => show({ shown: STEP, words: search.value }));
  fields.words = () => { if (search.value !== state.words) search.value = state.words; };
  const reset = Object.assign(text("button", "Show all"), { type: "button" });
  reset.addEventListener("click", () => open({ ...start, p: -1 }));
  tools.append(searched, reset);

  const heading = text("h3", "Utterances");
  heading.tabIndex = -1;
  const status = text("p", "", "note");
  status.setAttribute("role", "status");
  const list = text("ol", "", "examples");
  const more = Object.assign(text("button", ""), { type: "button" });
  let listed = [];
  more.addEventListener("click", () => {
    const first = list.childElementCount;
    state.shown = first + STEP;
    showList();
    const next = list.children[first];
    if (next) { next.tabIndex = -1; next.focus({ preventScroll: true }); }
  });
  function showList() {
    const had = list.childElementCount;
    list.append(...listed.slice(had, state.shown).map(item));
    const left = listed.length - list.childElementCount;
    more.hidden = !left;
    more.textContent = `Show ${Math.min(STEP, left)} more`;
    const what = listed.length === 1 ? "result" : "results";
    status.textContent = listed.length ? `${number(list.childElementCount)} of ${
      number(listed.length)} ${what} with ${described()}.` : `None with ${described()}.`;
  }
  function show(changed) {
    state = { ...state, ...changed };
    if (state.beside === state.p) state.beside = -1;
    Object.values(fields).forEach((follow) => follow());
    const list_ = found();
    listed = sorted(list_);
    list.replaceChildren();
    showList();
    fillWords(list_);
    fillDriving();
  }
  function open(changed) {
    show({ ...changed, shown: STEP });
    heading.focus({ preventScroll: true });
    heading.scrollIntoView();
  }
  document.addEventListener("evalkit:select", ({ detail }) => {
    const by = data.columns.findIndex(({ name }) => name === detail.by);
    const p = data.pipelines.indexOf(detail.pipeline);
    const metric = data.metrics.findIndex(({ name, title }) => [name, title].includes(detail.metric));
    const group = by < 0 || !detail.group ? -1 : data.columns[by].labels.indexOf(detail.group);
    const changed = {
      p: p < 0 ? data.main : p, c: data.conditions.indexOf(detail.condition),
      metric: Math.max(metric, 0), sort: "bad", by: by < 0 ? start.by : by, group, kind: "", words: "",
      half: false };
    if (group < 0) show({ ...changed, shown: FIRST });
    else open(changed);
  });

  root.append(heading);
  if (!all) root.append(text("p", `The page has the worst ${number(data.shown)} of ${
    number(data.total)} results; all are in the run folder, and evalkit export utterances writes `
    + "them. Counts of words are of all.", "note"));
  root.append(tools, status, list, more);
  root.hidden = false;
  document.getElementById("worst-of-all")?.classList.add("printed");
  show({});
}
