// The diagram: blocks fold and unfold, boxes tell their facts, keys and pointers move about.

const PAD = { side: 12, head: 22, foot: 6 };
const AT_FIRST = 26; // boxes that a page opens with, about

const canvas = byId("canvas");
const stage = draw("g", { role: "presentation" }), surface = draw("svg", { tabindex: -1,
  role: "tree", "aria-label": `Diagram of ${data.name}: blocks unfold into layers`, "aria-describedby": "diagram-help",
}, draw("defs", {}, draw("marker", {
  id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto",
}, draw("path", { d: "M0 0.8L8 4L0 7.2Z" }))), stage);
const pen = document.createElement("canvas").getContext("2d");
const view = { x: 0, y: 0, k: 1 };
const extent = { w: 0, h: 0 };

// ---- the tree of units: layers, chains, blocks, repeats

const ancestors = data.layers.map(() => []); // of every layer, from the root to the layer itself
const units = new Map();
const root = unit({ id: "root", kind: "root", kids: [...data.layers.keys()].filter((i) => data.layers[i].category === "input")
  .concat(data.tree) }, null);
let focused = null, selected = new Set();

function unit(branch, parent) {
  const made = { parent, depth: parent ? parent.depth + 1 : 0, open: !parent };
  if (typeof branch === "number") {
    const layer = data.layers[branch];
    Object.assign(made, { id: `layer ${layer.name}`, kind: "layer", kids: [], layers: [branch], path: layer.name,
      title: layer.category === "merge" ? layer.caption.replace(/^\+$/, "⊕ sum").replace(/^‖$/, "‖ concat") : layer.caption,
      category: layer.category, count: 1 });
  } else {
    Object.assign(made, { id: branch.id, kind: branch.kind, path: branch.path, title: branch.title, count: branch.count || 1 });
    made.kids = branch.kids.map((kid) => unit(kid, made));
    made.layers = made.kids.flatMap((kid) => kid.layers);
    if (branch.detail) made.title += ` · ${branch.detail}`;
    if (made.count > 1) made.title += `  ×${made.count}`;
    const heavy = made.layers.map((i) => data.layers[i].category);
    made.category = branch.kind === "chain" ? heavy.find((c) => c === "conv" || c === "linear") || heavy[0] : "block";
  }
  made.train = made.layers.every((i) => data.layers[i].train);
  made.layers.forEach((i) => { ancestors[i][made.depth] = made; });
  units.set(made.id, made);
  return made;
}

const visible = (scope = root) => scope.kids.flatMap((kid) => [kid, ...(kid.open ? visible(kid) : [])]);
const boxes = () => visible().filter((one) => !one.open).length;

/** Opens the outermost folded blocks; false where it would be more boxes than that. */
function openLevel(most = Infinity, kinds = ["block"]) {
  const closed = visible().filter((one) => !one.open && kinds.includes(one.kind));
  if (!closed.length) return false;
  const depth = Math.min(...closed.map((one) => one.depth));
  const now = closed.filter((one) => one.depth === depth);
  if (boxes() + now.reduce((sum, one) => sum + one.kids.length - 1, 0) > most) return false;
  now.forEach((one) => { one.open = true; });
  return true;
}

const containing = (layer) => ancestors[layer].find((one) => !one.open) || ancestors[layer][ancestors[layer].length - 1];

// ---- layout: every open scope by itself, from the inside out

/** The last part of a name, with the loop's number if it has one: `block.2`. */
const own = (one) => one.path.split(".").reduce((name, part) => (/^\d/.test(part) && name ? `${name}.${part}` : part), "");

function measured(one) {
  const last = data.layers[one.layers[one.layers.length - 1]];
  one.under = one.kind === "layer" && last.category === "input" ? last.shapes[0] : `${own(one)} → ${last.shapes.join(" + ")}`;
  pen.font = "600 12px system-ui, sans-serif";
  const title = pen.measureText(one.title).width;
  pen.font = "10.5px system-ui, sans-serif";
  one.headed = title + pen.measureText(own(one)).width + 40;
  return { key: one.id, unit: one, w: Math.ceil(Math.max(title, pen.measureText(one.under).width)) + 22, h: 38 };
}

function arranged(scope) {
  const items = new Map(scope.kids.map((kid) => [kid.id, kid.open ? framed(kid) : measured(kid)]));
  const edges = new Map();
  const inside = (i) => ancestors[i][scope.depth] === scope;
  const child = (i) => ancestors[i][scope.depth + 1].id;
  const port = (side, tap) => {
    const key = `${side} ${tap}`;
    if (!items.has(key)) items.set(key, { key, port: side, tap, w: 2, h: 0 });
    return key;
  };
  const add = (from, to, tap, train, sizes = false) => {
    const key = `${from}|${to}|${tap}`;
    if (from !== to) edges.set(key, { from, to, tap, train, sizes: sizes && (!edges.has(key) || edges.get(key).sizes) });
  };
  for (const i of scope.layers) {
    data.layers[i].inputs.forEach(([source, at], position) => {
      const tap = `${source}:${at}`, sizes = data.layers[i].sizes.includes(position);
      add(inside(source) ? child(source) : port("in", tap), child(i), tap, data.layers[i].train, sizes);
    });
    for (const [reader, at] of readers[i]) {
      if (reader === -1 ? scope !== root : !inside(reader)) add(child(i), port("out", `${i}:${at}`), `${i}:${at}`, reader >= 0 && data.layers[reader].train);
    }
  }
  if (scope === root) {
    for (const output of data.outputs) {
      const key = `output ${output.name}`, tap = `${output.layer}:${output.port}`;
      pen.font = "12px system-ui, sans-serif";
      items.set(key, { key, output, w: pen.measureText(`${output.shape}  ${output.name}`).width + 10, h: 20 });
      add(child(output.layer), key, tap, output.train);
    }
  }
  const size = layered([...items.values()], [...edges.values()]);
  return { ...size, items: [...items.values()] };
}

/** An open block as an item: its inside, and where tensors cross its border, from the middle. */
function framed(one) {
  const inner = arranged(one);
  measured(one);
  const w = Math.max(inner.w + 2 * PAD.side, one.headed), dx = (w - inner.w) / 2;
  const crossing = (side) => new Map(inner.items.filter((item) => item.port === side).map((item) => [item.tap, item.x + dx - w / 2]));
  return { key: one.id, unit: one, w, h: inner.h + PAD.head + PAD.foot, inner, dx, entry: crossing("in"), exit: crossing("out") };
}

const readers = data.layers.map(() => []);
data.layers.forEach((layer, i) => layer.inputs.forEach(([source, port]) => readers[source].push([i, port])));
data.outputs.forEach(({ layer, port }) => readers[layer].push([-1, port]));

// ---- drawing

function render() {
  const all = arranged(root);
  Object.assign(extent, { w: all.w, h: all.h });
  const parts = [];
  paint(all, 0, 0, parts);
  stage.replaceChildren(...parts);
  if (!focused || !stage.querySelector(`[data-id="${CSS.escape(focused)}"]`)) focused = visible()[0].id;
  roving();
  mark();
  moved();
}

function paint(scope, dx, dy, parts) {
  const items = new Map(scope.items.map((item) => [item.key, item]));
  for (const edge of scope.edges) {
    const to = items.get(edge.to);
    const arrow = to.port || to.inner ? null : "url(#arrow)";
    parts.push(draw("path", { d: curve(edge.points, dx, dy), class: `edge${edge.train ? " train" : ""}${edge.sizes ? " sizes" : ""}`, "marker-end": arrow }));
  }
  for (const item of scope.items) {
    const left = dx + item.x - item.w / 2, top = dy + item.y;
    if (item.port) {
      const [from, to] = item.port === "in" ? [top - PAD.head, top] : [top, top + PAD.foot];
      parts.push(draw("path", { d: `M${dx + item.x} ${from}V${to}`, class: "edge" }));
    } else if (item.output) {
      parts.push(draw("text", { x: dx + item.x, y: top + 14, "text-anchor": "middle", class: item.output.train ? "output train" : "output" },
        item.output.shape, draw("tspan", { class: "faint", dx: 6 }, item.output.name)));
    } else {
      Object.assign(item.unit, { left, top, w: item.w, h: item.h });
      parts.push(item.inner ? frame(item, left, top) : box(item, left, top));
      if (!item.inner) continue;
      paint(item.inner, left + item.dx, top + PAD.head, parts);
      parts.push(heading(item.unit, left, top)); // over the edges that enter
    }
  }
}

function treeitem(one, ...children) {
  const of = one.parent.kids;
  const made = draw("g", {
    role: "treeitem", "data-id": one.id, tabindex: -1, class: `unit ${one.kind} ${one.category}${one.train ? " train" : ""}`,
    "aria-level": one.depth, "aria-posinset": of.indexOf(one) + 1, "aria-setsize": of.length,
    "aria-expanded": one.kids.length ? String(one.open) : null, "aria-selected": "false",
    "aria-label": `${one.title}, ${one.under}`,
  }, ...children);
  if (one.open) made.classList.add("open");
  return made;
}

function box(item, left, top) {
  const one = item.unit, middle = left + item.w / 2;
  const back = one.count > 1 ? [draw("rect", { x: left + 4, y: top + 4, width: item.w, height: item.h, rx: 6, class: "back" })] : [];
  return treeitem(one, ...back,
    draw("rect", { x: left, y: top, width: item.w, height: item.h, rx: 6, class: "body" }),
    draw("text", { x: middle, y: top + 16, "text-anchor": "middle", class: "title" }, one.title),
    draw("text", { x: middle, y: top + 30, "text-anchor": "middle", class: "under" }, one.under));
}

function frame(item, left, top) {
  const one = item.unit;
  return treeitem(one,
    draw("rect", { x: left, y: top, width: item.w, height: item.h, rx: 8, class: "body" }),
    draw("rect", { x: left, y: top, width: item.w, height: PAD.head, rx: 8, class: "handle" }));
}

function heading(one, left, top) {
  const path = draw("tspan", { class: "faint", dx: 6 }, own(one));
  return draw("g", { class: "heading" }, draw("path", { d: `M${left + 9} ${top + 7}h8l-4 5z`, class: "twist" }),
    draw("text", { x: left + 22, y: top + 14.5, class: "title" }, one.title, path));
}

function moved() {
  stage.setAttribute("transform", `translate(${view.x.toFixed(1)} ${view.y.toFixed(1)}) scale(${view.k.toFixed(4)})`);
}

function fit(whole = true) {
  const { width, height } = canvas.getBoundingClientRect();
  const across = (width - 32) / extent.w, down = (height - 24) / extent.h;
  view.k = Math.min(1.25, whole ? Math.min(across, down) : Math.max(Math.min(across, 1), 0.45));
  view.x = (width - extent.w * view.k) / 2;
  view.y = Math.max(12, whole ? (height - extent.h * view.k) / 2 : 12);
  moved();
}

function zoom(factor, x, y) {
  const { width, height } = canvas.getBoundingClientRect();
  const k = Math.max(0.04, Math.min(4, view.k * factor));
  const [px, py] = [x ?? width / 2, y ?? height / 2];
  view.x = px - (px - view.x) * k / view.k;
  view.y = py - (py - view.y) * k / view.k;
  view.k = k;
  moved();
}

/** Moves just so far that a unit is in sight. */
function inSight(one) {
  const { width, height } = canvas.getBoundingClientRect();
  const near = (start, size, room, at) => {
    const low = at + start * view.k, high = low + size * view.k;
    if (low >= 10 && high <= room - 10) return at;
    return size * view.k > room - 20 ? 24 - start * view.k : room / 2 - (start + size / 2) * view.k;
  };
  view.x = near(one.left, one.w, width, view.x);
  view.y = near(one.top, one.open ? Math.min(one.h, 40) : one.h, height, view.y);
  moved();
}

// ---- folding, choosing

/** Opens or closes a unit; what was clicked stays where it is on the screen. */
function toggle(one, open = !one.open) {
  if (!one.kids.length || open === one.open) return;
  const [x, y] = [one.left + one.w / 2, one.top];
  one.open = open;
  focused = one.id;
  const held = document.activeElement && surface.contains(document.activeElement);
  render();
  view.x += (x - one.left - one.w / 2) * view.k;
  view.y += (y - one.top) * view.k;
  const across = (canvas.clientWidth - 24) / one.w;
  if (open && across < view.k) zoom(Math.max(0.4, across) / view.k);
  inSight(one);
  if (held) element(one).focus({ preventScroll: true });
}

function reveal(layer) {
  ancestors[layer].forEach((one) => { if (one.kind === "block" || one.kind === "repeat") one.open = true; });
  render();
  focused = containing(layer).id;
  roving();
  inSight(containing(layer));
}

const element = (one) => stage.querySelector(`[data-id="${CSS.escape(one.id)}"]`);
const roving = () => stage.querySelectorAll("[tabindex='0'], [data-id]").forEach((g) => g.setAttribute("tabindex", g.dataset.id === focused ? 0 : -1));

function mark() {
  const whole = visible().find((one) => one.open && selected.size === one.layers.length && one.layers.every((i) => selected.has(i)));
  const chosen = new Set(whole ? [whole.id] : [...selected].map((i) => containing(i).id));
  for (const g of stage.querySelectorAll("[data-id]")) {
    const is = chosen.has(g.dataset.id);
    g.classList.toggle("selected", is);
    g.setAttribute("aria-selected", String(is));
  }
}

on("select", (numbers) => { selected = new Set(numbers); mark(); });
on("reveal", reveal);
on("hover", (numbers) => {
  const over = new Set(numbers.map((i) => containing(i).id));
  for (const g of stage.querySelectorAll("[data-id]")) g.classList.toggle("over", over.has(g.dataset.id) && !units.get(g.dataset.id).open);
});

const under = (event) => { const g = event.target.closest && event.target.closest("[data-id]"); return g && units.get(g.dataset.id); };

function chooseUnit(one) {
  focused = one.id;
  tell("select", one.layers, "diagram");
}

// ---- pointers

const pointers = new Map();
let dragged = false;
surface.addEventListener("pointerdown", (event) => {
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  dragged = false;
});
surface.addEventListener("pointermove", (event) => {
  const one = under(event);
  if (!pointers.has(event.pointerId)) {
    if (one) showTip(facts(one.layers, one.path), event.clientX, event.clientY);
    else hideTip();
    return;
  }
  const before = pointers.get(event.pointerId), now = [event.clientX, event.clientY];
  if (!dragged && Math.hypot(now[0] - before[0], now[1] - before[1]) < 4) return;
  if (!dragged) surface.setPointerCapture(event.pointerId);
  dragged = true;
  hideTip();
  const other = [...pointers].find(([id]) => id !== event.pointerId);
  if (other) { // two fingers
    const corner = canvas.getBoundingClientRect(), gap = (a) => Math.hypot(a[0] - other[1][0], a[1] - other[1][1]);
    zoom(gap(now) / Math.max(1, gap(before)), (now[0] + other[1][0]) / 2 - corner.left, (now[1] + other[1][1]) / 2 - corner.top);
  } else {
    view.x += now[0] - before[0];
    view.y += now[1] - before[1];
    moved();
  }
  pointers.set(event.pointerId, now);
});
for (const over of ["pointerup", "pointercancel"]) surface.addEventListener(over, (event) => pointers.delete(event.pointerId));
surface.addEventListener("pointerleave", () => { hideTip(); tell("hover", []); });
surface.addEventListener("pointerover", (event) => { const one = under(event); tell("hover", one && !one.open ? one.layers : []); });
surface.addEventListener("click", (event) => {
  if (dragged) return;
  const one = under(event);
  if (!one) { tell("select", [], "diagram"); return; }
  if (one.open && event.target.classList.contains("body")) return; // the ground of an open block is there to be dragged
  hideTip();
  chooseUnit(one);
  if (one.kids.length) toggle(one);
  element(one).focus({ preventScroll: true });
});
canvas.addEventListener("wheel", (event) => {
  const corner = canvas.getBoundingClientRect();
  if (event.ctrlKey || event.metaKey) zoom(Math.exp(-event.deltaY * 0.002), event.clientX - corner.left, event.clientY - corner.top);
  else {
    const top = view.y - event.deltaY, all = extent.h * view.k;
    if (event.deltaY > 0 ? view.y + all < corner.height - 8 : view.y > 10) return; // at its end: the page moves
    view.y = Math.min(12, Math.max(top, corner.height - all - 12));
    view.x -= event.deltaX;
    moved();
  }
  hideTip();
  event.preventDefault();
}, { passive: false });

// ---- keys, as in any tree

surface.addEventListener("keydown", (event) => {
  const shown = visible(), i = shown.findIndex((one) => one.id === focused), one = shown[i];
  if (!one || event.ctrlKey || event.metaKey || event.altKey) return;
  const to = (next) => {
    if (!next) return;
    focused = next.id;
    roving();
    inSight(next);
    element(next).focus({ preventScroll: true });
  };
  const keys = {
    ArrowDown: () => to(shown[i + 1]),
    ArrowUp: () => to(shown[i - 1]),
    ArrowRight: () => (one.kids.length && !one.open ? toggle(one, true) : one.open && to(one.kids[0])),
    ArrowLeft: () => (one.open ? toggle(one, false) : one.parent !== root && to(one.parent)),
    Home: () => to(shown[0]),
    End: () => to(shown[shown.length - 1]),
    Enter: () => { chooseUnit(one); toggle(one); },
    " ": () => { chooseUnit(one); toggle(one); },
    "+": () => zoom(1.25),
    "=": () => zoom(1.25),
    "-": () => zoom(0.8),
    0: () => fit(),
    Escape: () => { hideTip(); tell("select", [], "diagram"); },
  };
  if (keys[event.key]) { keys[event.key](); event.preventDefault(); }
});
surface.addEventListener("focusin", (event) => {
  const one = under(event);
  if (!one || !event.target.matches(":focus-visible")) return;
  const { left, bottom } = event.target.getBoundingClientRect();
  showTip(facts(one.layers, one.path), left, Math.min(bottom, innerHeight - 20));
  tell("hover", one.layers);
});
surface.addEventListener("focusout", () => { hideTip(); tell("hover", []); });

byId("fold-all").addEventListener("click", () => { units.forEach((one) => { one.open = one === root; }); render(); fit(false); });
byId("fold-less").addEventListener("click", () => {
  if (openLevel() || openLevel(Infinity, ["repeat"]) || openLevel(Infinity, ["chain"])) { render(); fit(false); }
});
byId("zoom-in").addEventListener("click", () => zoom(1.25));
byId("zoom-out").addEventListener("click", () => zoom(0.8));
byId("zoom-fit").addEventListener("click", () => fit());

// ---- on paper: the whole of it

addEventListener("beforeprint", () => {
  surface.setAttribute("viewBox", `-8 -8 ${extent.w + 16} ${extent.h + 16}`);
  stage.removeAttribute("transform");
});
addEventListener("afterprint", () => { surface.removeAttribute("viewBox"); moved(); });
