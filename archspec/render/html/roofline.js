// The roofline of a device: every layer a point, at its operations a byte and the operations a second that are
// estimated of it, under what the device can reach. What bounds a layer is told by the point's shape and its colour.

const BOUNDS = {
  compute: ["bound by compute", (x, y) => `M${x} ${y - 5}L${x + 5} ${y + 4}L${x - 5} ${y + 4}Z`],
  memory: ["bound by memory", (x, y) => `M${x - 4} ${y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z`],
  overhead: ["bound by the call", (x, y) => `M${x - 4} ${y - 4}h8v8h-8Z`],
};
const rate = (n) => `${scaled(n, 1000, ["", "k", "M", "G", "T", "P"])}FLOP/s`;
const intensity = (n) => `${n >= 100 ? grouped(Math.round(n)) : +n.toPrecision(3)} FLOP/B`;
const time = (seconds) => (seconds >= 1e-3 ? `${(1e3 * seconds).toFixed(2)} ms` : `${(1e6 * seconds).toFixed(1)} µs`);

/** Exponents of the powers of ten from below the smallest to above the largest. */
function powers(values) {
  const low = Math.floor(Math.log10(Math.min(...values))), high = Math.ceil(Math.log10(Math.max(...values)));
  return Array.from({ length: Math.max(high - low, 1) + 1 }, (_, i) => low + i);
}

function roofline() {
  const found = data.roofline, section = byId("roofline-section"), place = byId("roofline");
  section.hidden = !found || !found.layers.length;
  if (section.hidden) return;
  const open = place.querySelector("details") && place.querySelector("details").open;
  place.replaceChildren();
  const { peak, bandwidth, layers } = found, ridge = peak / bandwidth;
  const width = Math.max(320, Math.min(900, place.clientWidth || 560)), height = 320;
  const edge = { left: 92, right: 30, top: 44, bottom: 44 };
  const across = powers([...layers.map((l) => l[1]), ridge / 3, ridge * 3]);
  const up = powers([...layers.map((l) => l[2]), peak]);
  const part = (value, marks) => (Math.log10(value) - marks[0]) / (marks[marks.length - 1] - marks[0]);
  const x = (value) => edge.left + (width - edge.left - edge.right) * part(value, across);
  const y = (value) => height - edge.bottom - (height - edge.top - edge.bottom) * part(value, up);
  const counted = Object.entries(BOUNDS).map(([bound, [name, shape]]) => [bound, name, shape, layers.filter((l) => l[3] === bound).length]).filter((entry) => entry[3]);
  const name = `Roofline of ${found.device}`;
  const desc = `${found.precision}, ${data.batch === 1 ? "one example" : `a batch of ${data.batch}`}: ${rate(peak)} and ${decimal(bandwidth)}B/s at best, the ridge at ${intensity(ridge)}. Estimated: ${time(found.seconds)} a pass; ${counted.map(([, told, , n]) => `${grouped(n)} layers ${told}`).join(", ")}.`;
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "plot" }, draw("title", {}, name), draw("desc", {}, desc));
  across.forEach((n) => svg.append(draw("path", { d: `M${x(10 ** n)} ${edge.top}V${height - edge.bottom}`, class: "grid" }),
    draw("text", { x: x(10 ** n), y: height - edge.bottom + 16, "text-anchor": "middle" }, n < 0 ? String(+(10 ** n).toPrecision(1)) : grouped(10 ** n))));
  up.forEach((n) => svg.append(draw("path", { d: `M${edge.left} ${y(10 ** n)}H${width - edge.right}`, class: "grid" }),
    draw("text", { x: edge.left - 8, y: y(10 ** n) + 4, "text-anchor": "end" }, rate(10 ** n).replace(".00", ""))));
  svg.append(draw("text", { x: (edge.left + width - edge.right) / 2, y: height - 8, "text-anchor": "middle" }, "arithmetic intensity, FLOP/B"));
  const least = Math.max(10 ** across[0], 10 ** up[0] / bandwidth);
  svg.append(draw("path", { d: `M${x(least)} ${y(least * bandwidth)}L${x(ridge)} ${y(peak)}H${width - edge.right}`, class: "roof" }),
    draw("path", { d: `M${x(ridge)} ${y(peak)}V${height - edge.bottom}`, class: "ridge" }),
    draw("text", { x: x(ridge), y: y(peak) - 8, "text-anchor": x(ridge) > width * 0.7 ? "end" : "middle", class: "note" }, `ridge: ${intensity(ridge)}`));
  const shown = (l) => [["", data.layers[l[0]].name], ["intensity", intensity(l[1])], ["estimated", `${rate(l[2])}, ${time(l[4])}`], ["bound", BOUNDS[l[3]][0].slice(6)]];
  const dots = layers.map((l) => draw("path", { d: BOUNDS[l[3]][1](x(l[1]), y(l[2])), class: `dot ${l[3]}` }));
  svg.append(...dots);
  let left = edge.left + 6;
  counted.forEach(([bound, told, shape]) => {
    svg.append(draw("path", { d: shape(left, 12), class: `dot ${bound}` }), draw("text", { x: left + 10, y: 16 }, told));
    left += 34 + 6.2 * told.length;
  });

  // Points in the order of their intensity: arrows go from one to the next, Enter chooses it everywhere.
  const order = layers.map((_, i) => i).sort((a, b) => layers[a][1] - layers[b][1] || a - b);
  let current = -1;
  const holder = make("div", { class: "holder", tabindex: 0, role: "group", "aria-label": `${name}: arrows go from layer to layer, Enter chooses one` }, svg);
  const spoken = make("p", { class: "unseen", role: "status" });
  const point = (i, where) => {
    dots.forEach((dot, j) => dot.classList.toggle("over", i === j));
    tell("hover", i < 0 ? [] : [layers[i][0]]);
    if (i < 0) { hideTip(); return; }
    svg.append(dots[i]);
    const box = holder.getBoundingClientRect(), scale = box.width / width;
    showTip(shown(layers[i]), ...(where || [box.left + scale * x(layers[i][1]), box.top + scale * y(layers[i][2])]));
  };
  const choose = (i) => { if (i >= 0) { tell("reveal", layers[i][0]); tell("select", [layers[i][0]], "plot"); } };
  const nearest = (event) => {
    const box = holder.getBoundingClientRect(), scale = width / box.width;
    const [px, py] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    const far = (i) => (x(layers[i][1]) - px) ** 2 + (y(layers[i][2]) - py) ** 2;
    const best = order.reduce((a, b) => (far(b) < far(a) ? b : a));
    return far(best) < 30 ** 2 ? best : -1;
  };
  holder.addEventListener("pointermove", (event) => point(nearest(event), [event.clientX, event.clientY]));
  holder.addEventListener("pointerleave", () => point(-1));
  holder.addEventListener("click", (event) => choose(nearest(event)));
  holder.addEventListener("blur", () => point(-1));
  holder.addEventListener("keydown", (event) => {
    const moves = { ArrowRight: current + 1, ArrowUp: current + 1, ArrowLeft: current - 1, ArrowDown: current - 1, Home: 0, End: order.length - 1 };
    if (event.key in moves) {
      event.preventDefault();
      current = Math.max(0, Math.min(order.length - 1, moves[event.key]));
      point(order[current]);
      spoken.textContent = shown(layers[order[current]]).map(([term, text]) => `${term} ${text}`.trim()).join(", ");
    } else if (event.key === "Enter" && current >= 0) choose(order[current]);
    else if (event.key === "Escape") point(-1);
  });

  const details = make("details", {}, make("summary", {}, "The numbers"));
  details.addEventListener("toggle", () => {
    if (!details.open || details.querySelector("table")) return;
    const heads = ["Layer", "Bound by", "Intensity", "Estimated", "Time"];
    const lines = layers.map((l) => make("tr", {}, make("td", {}, data.layers[l[0]].name), make("td", {}, BOUNDS[l[3]][0].slice(9)),
      ...[intensity(l[1]), rate(l[2]), time(l[4])].map((text) => make("td", { class: "number" }, text))));
    details.append(make("div", { class: "scroll", tabindex: 0 }, make("table", {}, make("caption", { class: "unseen" }, name),
      make("thead", {}, make("tr", {}, ...heads.map((head, i) => make("th", { scope: "col", class: i > 1 ? "number" : null }, head)))), make("tbody", {}, ...lines))));
  });
  place.append(make("figure", {}, make("figcaption", {}, make("strong", {}, `${found.device},`), ` ${desc}`), holder, spoken, details));
  details.open = Boolean(open);
}
