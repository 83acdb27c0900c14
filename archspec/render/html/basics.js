// What the other files share: elements, numbers as people read them, the page's data, and who listens to whom.

const data = document.getElementById("data") && JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

/** An element with attributes and children; text stays text. */
function make(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function draw(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

const grouped = (n) => n.toLocaleString("en-US");

function scaled(n, base, names) {
  if (!n) return "–";
  let step = 0;
  while (Math.round(n * 100) / 100 >= base && step < names.length - 1) { n /= base; step += 1; }
  return `${step ? n.toFixed(2) : n} ${names[step]}`.trim();
}
const decimal = (n) => scaled(n, 1000, ["", "k", "M", "G", "T", "P"]);
const binary = (n) => scaled(n, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
const alike = (sizes) => sizes.length && sizes.every((n) => n === sizes[0]) ? [sizes[0]] : sizes;
const fieldText = (layer) => layer.field.length ? alike(layer.field).map((n) => +n.toFixed(2)).join("×") : "";
const jumpText = (layer) => layer.jump.length ? alike(layer.jump).map((n) => +n.toFixed(3)).join("×") : "";

/** Everything that can be pointed at is a set of layers; parts of the page tell each other by these events. */
const listeners = { hover: [], select: [], reveal: [] };
const on = (what, listener) => listeners[what].push(listener);
const tell = (what, ...values) => listeners[what].forEach((listener) => listener(...values));

/** The card of facts beside the pointer or the focused element. */
const tip = byId("tip");
function showTip(rows, x, y) {
  tip.replaceChildren(...rows.map(([term, text]) => term
    ? make("div", {}, make("span", { class: "term" }, term), make("span", {}, text)) : make("strong", {}, text)));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - width - 8))}px`;
  tip.style.top = `${y + 18 + height > innerHeight ? Math.max(8, y - height - 12) : y + 18}px`;
}
const hideTip = () => { tip.hidden = true; };

/** What there is to know of some layers: of one its own figures, of several their sums. */
function facts(numbers, title) {
  const layers = numbers.map((i) => data.layers[i]);
  const sum = (key) => layers.reduce((total, layer) => total + layer[key], 0);
  const last = layers[layers.length - 1], one = layers.length === 1;
  const inside = new Set(numbers);
  const from = [...new Set(layers.flatMap((l) => l.inputs).filter(([i]) => !inside.has(i)).map(String))]
    .map((tap) => tap.split(",").map(Number));
  const entering = from.map(([i, port]) => data.layers[i].shapes[port]);
  const rows = [["", title || last.name]];
  rows.push(one ? ["operation", last.what] : ["layers", grouped(layers.length)]);
  rows.push(["shape", `${entering.length ? entering.join(" + ") + " → " : ""}${last.shapes.join(" + ")}`]);
  if (sum("params")) rows.push(["parameters", grouped(sum("params")) + (one && last.frozen ? ", frozen" : "")]);
  if (one && last.shares) rows.push(["weights", `of ${last.shares}`]);
  if (sum("macs")) rows.push(["MACs", decimal(sum("macs"))]);
  rows.push(["memory", sum("bytes") ? binary(sum("bytes")) : last.memory || "–"]);
  if (last.field.length) rows.push(["sees", `${fieldText(last)} of the input, every ${jumpText(last)}`]);
  if (one && last.line) rows.push(["written", `${last.file}:${last.line}`]);
  if (layers.every((l) => l.train)) rows.push(["", "only in training"]);
  return rows;
}
