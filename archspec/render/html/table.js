// The table of layers: sorted by any column, filtered by words, one with the diagram.

const layers = data.layers.map((layer, i) => ({ ...layer, i })).filter((layer) => layer.category !== "input");
layers.forEach((layer, i) => { layer.number = i + 1; });
const most = (key) => Math.max(1, ...layers.map((layer) => layer[key]));
const COLUMNS = [
  { head: "#", value: (l) => l.i, text: (l) => l.number, number: true },
  { head: "Layer", value: (l) => l.name, text: (l) => l.name, row: true },
  { head: "Operation", value: (l) => l.what, text: (l) => l.what + (l.train ? " · training" : "") + (l.frozen ? " · frozen" : "") },
  { head: "Output", value: (l) => l.shapes[0].split("×").reduce((n, s) => n * s, 1), text: (l) => l.shapes.join(" + "), number: true },
  { head: "Params", value: (l) => l.params, text: (l) => (l.params ? grouped(l.params) : "–"), number: true, bar: "params" },
  { head: "MACs", value: (l) => l.macs, text: (l) => decimal(l.macs), number: true, bar: "macs" },
  { head: "Memory", value: (l) => l.bytes, text: (l) => (l.bytes ? binary(l.bytes) : l.memory || "–"), number: true, bar: "bytes" },
  { head: "Sees", value: (l) => l.field[0] || 0, text: (l) => fieldText(l) || "–", number: true, title: "Receptive field, in cells of the input" },
];
const table = byId("table"), filter = byId("filter"), rows = new Map();
const body = make("tbody");
const sorting = { column: 0, down: false };

COLUMNS.forEach((column) => { column.most = column.bar ? most(column.bar) : 0; });
const heads = COLUMNS.map((column, i) => {
  const button = make("button", { type: "button", title: column.title || null }, column.head);
  button.addEventListener("click", () => sortBy(i));
  return make("th", { scope: "col", class: column.number ? "number" : null }, button);
});
table.append(make("caption", { class: "unseen" }, `Layers of ${data.name}`), make("thead", {}, make("tr", {}, ...heads)), body);

for (const layer of layers) {
  const cells = COLUMNS.map((column) => {
    const cell = make(column.row ? "th" : "td", { class: column.number ? "number" : null, scope: column.row ? "row" : null, title: column.row && layer.name.length > 26 ? layer.name : null });
    if (!column.bar || !layer[column.bar]) { cell.append(column.row ? make("bdi", {}, column.text(layer)) : String(column.text(layer))); return cell; }
    const bar = make("span", { class: "share", "aria-hidden": "true" });
    bar.style.width = `${Math.max(2, 100 * layer[column.bar] / column.most)}%`;
    cell.append(bar, make("span", { class: "figure" }, column.text(layer)));
    return cell;
  });
  const row = make("tr", { tabindex: -1, "data-layer": layer.i, class: layer.train ? "train" : null }, ...cells);
  rows.set(layer.i, row);
  layer.words = `${layer.name} ${layer.what} ${layer.op} ${layer.shapes.join(" ")} ${layer.train ? "training" : ""}`.toLowerCase();
}

function sortBy(i, down = sorting.column === i ? !sorting.down : Boolean(COLUMNS[i].bar)) {
  Object.assign(sorting, { column: i, down });
  heads.forEach((head, j) => (j === i ? head.setAttribute("aria-sort", down ? "descending" : "ascending") : head.removeAttribute("aria-sort")));
  fill();
}

/** The rows that every word of the filter is found in, in the order asked for. */
function fill() {
  const words = filter.value.toLowerCase().replace(/(\d)x(?=\d)/g, "$1×").split(/\s+/).filter(Boolean);
  const { value } = COLUMNS[sorting.column], sign = sorting.down ? -1 : 1;
  const found = layers.filter((layer) => words.every((word) => layer.words.includes(word)));
  found.sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    return sign * (typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x - y) || a.i - b.i;
  });
  body.replaceChildren(...found.map((layer) => rows.get(layer.i)));
  const sums = ["params", "macs"].map((key) => found.reduce((sum, layer) => sum + layer[key], 0));
  byId("shown").textContent = words.length
    ? `${found.length} of ${layers.length} layers: ${grouped(sums[0])} parameters, ${decimal(sums[1])} MACs` : `${layers.length} layers`;
  rove(body.querySelector("tr"));
}

function rove(row) {
  body.querySelectorAll("[tabindex='0']").forEach((other) => { other.tabIndex = -1; });
  if (row) row.tabIndex = 0;
}

const choose = (row) => {
  const i = Number(row.dataset.layer);
  tell("reveal", i);
  tell("select", [i], "table");
};

filter.addEventListener("input", fill);
filter.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { filter.value = ""; fill(); }
  if (event.key === "ArrowDown" || event.key === "Enter") { const row = body.querySelector("tr"); if (row) { rove(row); row.focus(); } event.preventDefault(); }
});
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || /^(INPUT|TEXTAREA)$/.test(event.target.tagName)) return;
  event.preventDefault();
  filter.focus();
  filter.select();
});
body.addEventListener("click", (event) => {
  const row = event.target.closest("tr");
  if (row) { rove(row); choose(row); }
});
body.addEventListener("keydown", (event) => {
  const row = event.target.closest("tr");
  const next = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling, Home: body.firstElementChild, End: body.lastElementChild }[event.key];
  if (next) { rove(next); next.focus(); event.preventDefault(); }
  if (event.key === "Enter" || event.key === " ") { choose(row); event.preventDefault(); }
});
body.addEventListener("pointerover", (event) => { const row = event.target.closest("tr"); if (row) tell("hover", [Number(row.dataset.layer)]); });
body.addEventListener("pointerleave", () => tell("hover", []));

on("hover", (numbers) => {
  const over = new Set(numbers);
  rows.forEach((row, i) => row.classList.toggle("over", over.has(i)));
});
on("select", (numbers, origin) => {
  const chosen = new Set(numbers);
  rows.forEach((row, i) => { row.classList.toggle("selected", chosen.has(i)); row.toggleAttribute("aria-current", chosen.has(i)); });
  const first = [...body.children].find((row) => chosen.has(Number(row.dataset.layer)));
  if (!first || origin === "table") return;
  const box = byId("table-scroll"); // moved by itself: the page stays where it is
  if (box.scrollHeight > box.clientHeight) box.scrollTop = first.offsetTop - 60;
});
