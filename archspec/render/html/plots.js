// Plots: memory over a forward pass and over a training step, and how the receptive field grows. The numbers of each
// stand behind it in a table.

const EDGE = { left: 66, right: 14, top: 26, bottom: 24 };

/** Round numbers from 0 to at least `top`, about four of them. */
function ticks(top, base) {
  const rough = Math.max(top, 1) / 4;
  const power = base === 2 ? 2 ** Math.floor(Math.log2(rough)) : 10 ** Math.floor(Math.log10(rough));
  const step = (base === 2 ? [1, 2] : [1, 2, 5, 10]).map((n) => n * power).find((n) => n >= rough) || power;
  return Array.from({ length: Math.ceil(top / step) + 1 }, (_, i) => i * step);
}

/**
 * One plot. `points` are [value, layer's number or −1, phase]; `base` is the part of the values that is always there;
 * `level` a line to compare with; `told` a value as text; `columns` the heads of the table behind.
 */
function plot(place, { title, desc, points, base = 0, level, told, unit, columns, steps }) {
  const width = Math.max(320, Math.min(900, place.clientWidth || 560)), height = 220;
  const room = [width - EDGE.left - EDGE.right, height - EDGE.top - EDGE.bottom];
  const peak = points.reduce((best, point, i) => (point[0] > points[best][0] ? i : best), 0);
  const marks = ticks(Math.max(points[peak][0], level ? level.value : 0), unit);
  const top = marks[marks.length - 1];
  const x = (i) => EDGE.left + (room[0] * i) / Math.max(1, points.length - (steps ? 0 : 1));
  const y = (value) => EDGE.top + room[1] * (1 - value / top);
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "plot" }, draw("title", {}, title), draw("desc", {}, desc));
  marks.forEach((mark) => svg.append(
    draw("path", { d: `M${EDGE.left} ${y(mark)}H${width - EDGE.right}`, class: "grid" }),
    draw("text", { x: EDGE.left - 8, y: y(mark) + 4, "text-anchor": "end" }, mark ? told(mark).replace(/\.0+ /, " ") : "0")));
  phases(points).forEach(([phase, from, to], i) => {
    svg.append(draw("rect", { x: x(from), y: EDGE.top, width: x(to) - x(from), height: room[1], class: `phase ${i % 2 ? "odd" : ""}` }));
    const wide = x(to) - x(from) > 7 * phase.length;
    if (wide) svg.append(draw("text", { x: (x(from) + x(to)) / 2, y: height - 8, "text-anchor": "middle" }, phase));
  });
  const line = points.map(([value], i) => (steps ? `${i ? "V" : "M" + x(0) + " "}${y(value).toFixed(1)}H${x(i + 1).toFixed(1)}`
    : `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`)).join("");
  const right = x(steps ? points.length : points.length - 1);
  svg.append(draw("path", { d: `${line}V${y(0)}H${x(0)}Z`, class: "area" }), draw("path", { d: line, class: "line" }));
  if (base) svg.append(draw("rect", { x: x(0), y: y(base), width: right - x(0), height: y(0) - y(base), class: "base" }));
  if (level) {
    svg.append(draw("path", { d: `M${EDGE.left} ${y(level.value)}H${width - EDGE.right}`, class: "level" }),
      draw("text", { x: EDGE.left + 6, y: y(level.value) - 5, class: "note" }, level.name));
  }
  const at = x(peak + (steps ? 0.5 : 0)), late = at > width * 0.6;
  svg.append(draw("circle", { cx: at, cy: y(points[peak][0]), r: 3.5, class: "peak" }),
    draw("text", { x: at + (late ? -4 : 4), y: 16, "text-anchor": late ? "end" : "start", class: "note" }, `most: ${told(points[peak][0])}${layerName(points[peak][1])}`));
  const cursor = draw("path", { class: "cursor" });
  svg.append(cursor);

  const holder = make("div", { class: "holder" }, svg);
  const pointed = (event) => {
    const box = holder.getBoundingClientRect();
    const share = ((event.clientX - box.left) * width / box.width - EDGE.left) / room[0];
    return Math.max(0, Math.min(points.length - 1, steps ? Math.floor(share * points.length) : Math.round(share * (points.length - 1))));
  };
  holder.addEventListener("pointermove", (event) => {
    const i = pointed(event), [value, layer, phase] = points[i];
    cursor.setAttribute("d", `M${x(i + (steps ? 0.5 : 0))} ${EDGE.top}v${room[1]}`);
    showTip([["", layer < 0 ? phase : data.layers[layer].name], [columns[columns.length - 1].toLowerCase(), told(value)], ...(phase ? [["in", phase]] : [])], event.clientX, event.clientY);
    tell("hover", layer < 0 ? [] : [layer]);
  });
  holder.addEventListener("pointerleave", () => { cursor.removeAttribute("d"); hideTip(); tell("hover", []); });
  holder.addEventListener("click", (event) => {
    const layer = points[pointed(event)][1];
    if (layer >= 0) { tell("reveal", layer); tell("select", [layer], "plot"); }
  });
  place.append(make("figure", {}, make("figcaption", {}, make("strong", {}, title), ` ${desc}`), holder, behind(title, points, told, columns)));
}

const layerName = (layer) => (layer < 0 ? "" : ` at ${data.layers[layer].name}`);

/** Stretches of one phase: [phase, first, one after the last]. */
function phases(points) {
  const found = [];
  points.forEach(([, , phase], i) => {
    if (!phase) return;
    if (found.length && found[found.length - 1][0] === phase) found[found.length - 1][2] = i + 1;
    else found.push([phase, i, i + 1]);
  });
  return found;
}

/** The table behind a plot, made when it is opened. */
function behind(title, points, told, columns) {
  const details = make("details", {}, make("summary", {}, "The numbers"));
  details.addEventListener("toggle", () => {
    if (!details.open || details.querySelector("table")) return;
    const lines = points.map(([value, layer, phase]) => make("tr", {},
      ...(columns.length > 2 ? [make("td", {}, phase)] : []), make("td", {}, layer < 0 ? "–" : data.layers[layer].name), make("td", { class: "number" }, told(value))));
    details.append(make("div", { class: "scroll", tabindex: 0 }, make("table", {}, make("caption", { class: "unseen" }, title),
      make("thead", {}, make("tr", {}, ...columns.map((head, i) => make("th", { scope: "col", class: i === columns.length - 1 ? "number" : null }, head)))), make("tbody", {}, ...lines))));
  });
  return details;
}

function plots() {
  const { training, inference } = data.memory, many = data.batch === 1 ? "one example" : `a batch of ${data.batch}`;
  const memory = byId("memory"), field = byId("field");
  const opened = [...document.querySelectorAll("figure details")].map((details) => details.open);
  memory.replaceChildren();
  field.replaceChildren();
  const parts = (m) => [["weights", m.weights], ["optimiser", m.optimizer], ["batch", m.inputs]].filter(([, n]) => n).map(([name, n]) => `${name} ${binary(n)}`).join(", ");
  const always = (m) => m.weights + m.optimizer + m.inputs;
  plot(memory, { title: "A training step,", desc: `${many}, ${data.precision}, ${data.optimizer}. Always there: ${parts(training)}.`,
    points: training.moments.map(([phase, layer, bytes]) => [bytes, layer, phase]), base: always(training), told: binary, unit: 2, steps: true, columns: ["Phase", "Layer", "Memory"] });
  plot(memory, { title: "A forward pass without gradients,", desc: `${many}. Always there: ${parts(inference)}.`,
    points: inference.moments.map(([, layer, bytes]) => [bytes, layer, ""]), base: always(inference), told: binary, unit: 2, steps: true, columns: ["Layer", "Memory"] });
  const seen = layers.filter((layer) => layer.field.length && !layer.train);
  byId("field-section").hidden = !seen.length;
  if (!seen.length) return;
  const sizes = data.layers.filter((layer) => layer.category === "input").flatMap((layer) => layer.shapes[0].split("×").slice(1).map(Number));
  const size = Math.max(...sizes);
  plot(field, { title: "What a cell sees of the input,", desc: "in cells along the wider axis, layer by layer, padding included.",
    points: seen.map((layer) => [Math.max(...layer.field), layer.i, ""]), told: (n) => grouped(+n.toFixed(2)), unit: 10, steps: false, columns: ["Layer", "Sees"],
    level: { value: size, name: `the whole image: ${size}` } });
  document.querySelectorAll("figure details").forEach((details, i) => { details.open = Boolean(opened[i]); });
}
