// The page of a run: curves, confusion, calibration, classes, mistakes, settings.

const { run } = data, { evaluation } = run;
const tags = evaluation.task === "tags"; // any number of classes an image: every class is an answer of its own
const detector = evaluation.task === "detect"; // objects in boxes: see run_boxes.js
const localiser = evaluation.task === "localise", points = evaluation.task === "points"; // see run_places.js
const percent = (share, places = 2) => (share === null || share === undefined ? "–" : `${(100 * share).toFixed(places)} %`);
const term = ([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text));
byId("facts").append(...run.facts.map(term));
byId("about").textContent = run.about;

// ---- curves

const ROOM = { left: 58, right: 12, top: 12, bottom: 30 };

/** About four round numbers from `low` to `high`. */
function marksBetween(low, high) {
  const rough = Math.max(high - low, 1e-9) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough * 0.999) || 10 * power;
  const first = Math.floor(low / step + 1e-9), last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** Curves over the epochs: `series` are {name, kind, values}; `told` a value as text. The holder is a slider over epochs. */
function chart(place, { title, series, told, zero }) {
  const epochs = run.records.map((record) => record.epoch), best = epochs.indexOf(run.best_epoch);
  const all = series.flatMap((one) => one.values).filter(Number.isFinite);
  if (!all.length) return;
  const width = Math.max(300, Math.min(680, place.clientWidth > 920 ? place.clientWidth / 2 - 14 : place.clientWidth || 480)), height = 240;
  const marks = marksBetween(zero ? 0 : Math.min(...all), Math.max(...all));
  const [low, high] = [marks[0], marks[marks.length - 1]];
  const room = [width - ROOM.left - ROOM.right, height - ROOM.top - ROOM.bottom];
  const x = (i) => ROOM.left + (epochs.length > 1 ? (room[0] * i) / (epochs.length - 1) : room[0] / 2);
  const y = (value) => ROOM.top + room[1] * (1 - (value - low) / (high - low || 1));
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, class: "plot", "aria-hidden": "true" });
  for (const mark of marks) {
    svg.append(draw("path", { d: `M${ROOM.left} ${y(mark)}H${width - ROOM.right}`, class: "grid" }),
      draw("text", { x: ROOM.left - 8, y: y(mark) + 4, "text-anchor": "end" }, told(mark, true)));
  }
  const every = Math.max(1, Math.ceil(epochs.length / 8));
  epochs.forEach((epoch, i) => {
    if (i % every === 0) svg.append(draw("text", { x: x(i), y: height - 12, "text-anchor": "middle" }, epoch));
  });
  if (best >= 0) svg.append(draw("path", { d: `M${x(best)} ${ROOM.top}v${room[1]}`, class: "mark" }));
  for (const { kind, values } of series) {
    let pen = "M";
    const path = values.map((value, i) => {
      if (!Number.isFinite(value)) { pen = "M"; return ""; }
      const step = `${pen}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
      return step;
    }).join("");
    svg.append(draw("path", { d: path, class: `series ${kind}` }));
    const lone = values.length === 1 ? 0 : kind === "val" ? best : -1;
    if (lone >= 0 && Number.isFinite(values[lone])) svg.append(draw("circle", { cx: x(lone), cy: y(values[lone]), r: 3.5, class: `dot ${kind}` }));
  }
  const cursor = draw("path", { class: "cursor" });
  svg.append(cursor);
  const holder = make("div", { class: "holder", tabindex: 0, role: "slider", "aria-label": `${title} by epoch`, "aria-valuemin": epochs[0],
    "aria-valuemax": epochs[epochs.length - 1], "aria-orientation": "horizontal" }, svg);
  let at = best >= 0 ? best : epochs.length - 1;
  const words = () => series.map((one) => [one.name, told(one.values[at])]);
  const set = (i) => {
    at = Math.max(0, Math.min(epochs.length - 1, i));
    holder.setAttribute("aria-valuenow", epochs[at]);
    holder.setAttribute("aria-valuetext", `epoch ${epochs[at]}${at === best ? ", the best" : ""}: ${words().map((pair) => pair.join(" ")).join(", ")}`);
  };
  const show = (left, top) => {
    cursor.setAttribute("d", `M${x(at)} ${ROOM.top}v${room[1]}`);
    showTip([["", `epoch ${epochs[at]}${at === best ? " · best" : ""}`], ...words()], left, top);
  };
  const hide = () => { cursor.removeAttribute("d"); hideTip(); };
  const beside = () => { const box = holder.getBoundingClientRect(); show(box.left + x(at) * box.width / width, box.top + 20); };
  set(at);
  holder.addEventListener("pointermove", (event) => {
    const box = holder.getBoundingClientRect();
    set(Math.round((((event.clientX - box.left) * width / box.width - ROOM.left) / room[0]) * (epochs.length - 1)));
    show(event.clientX, event.clientY);
  });
  holder.addEventListener("pointerleave", hide);
  holder.addEventListener("focus", () => { if (holder.matches(":focus-visible")) beside(); });
  holder.addEventListener("blur", hide);
  holder.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10, Home: -epochs.length, End: epochs.length };
    if (event.key === "Escape") hide();
    if (!(event.key in steps)) return;
    set(at + steps[event.key]);
    beside();
    event.preventDefault();
  });
  const keys = series.length > 1 ? series.map((one) => make("span", { class: "key" },
    draw("svg", { width: 26, height: 8, "aria-hidden": "true" }, draw("path", { d: "M0 4H26", class: `series ${one.kind}` })), one.name)) : [];
  place.append(make("figure", {}, make("figcaption", {}, make("strong", {}, title), " ", ...keys), holder,
    numbers(title, ["Epoch", ...series.map((one) => one.name)], epochs.map((epoch, i) => [epoch, ...series.map((one) => told(one.values[i]))]))));
}

/** The table behind a picture, made when it is opened. */
function numbers(title, heads, lines) {
  const details = make("details", {}, make("summary", {}, "The numbers"));
  details.addEventListener("toggle", () => {
    if (!details.open || details.querySelector("table")) return;
    details.append(make("div", { class: "scroll", tabindex: 0 }, make("table", {}, make("caption", { class: "unseen" }, title),
      make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col", class: "number" }, head)))),
      make("tbody", {}, ...lines.map((line) => make("tr", {}, ...line.map((cell) => make("td", { class: "number" }, String(cell)))))))));
  });
  return details;
}

function charts() {
  const place = byId("charts"), of = (key) => run.records.map((record) => record[key]);
  const both = (key) => [{ name: "training", kind: "train", values: of(`train_${key}`) }, { name: "validation", kind: "val", values: of(`val_${key}`) }]
    .filter((one) => one.values.some(Number.isFinite));
  const share = (value, mark) => (Number.isFinite(value) ? percent(value, mark ? 1 : 2).replace(mark ? ".0" : "", "") : "–");
  const figure = (value, mark) => (Number.isFinite(value) ? (mark ? String(+value.toPrecision(6)) : value.toFixed(4)) : "–");
  place.replaceChildren();
  chart(place, { title: "Loss", series: both("loss"), told: figure, zero: true });
  if (detector) {
    chart(place, { title: "Mean average precision at an overlap of 0.5", series: both("map50"), told: share });
    chart(place, { title: "Mean average precision, overlaps of 0.5 to 0.95", series: both("map"), told: share });
  }
  if (tags) {
    chart(place, { title: "Mean average precision", series: both("map"), told: share });
    chart(place, { title: "F1 of all answers", series: both("f1"), told: share });
  }
  for (const [title, key] of placeCurves()) chart(place, { title, series: both(key), told: share });
  chart(place, { title: tags ? "Accuracy: all classes of an image right" : "Accuracy", series: both("accuracy"), told: share });
  chart(place, { title: "Learning rate", series: [{ name: "rate", kind: "one", values: of("lr") }], told: (value) => (Number.isFinite(value) ? String(+value.toPrecision(4)) : "–"), zero: true });
  chart(place, { title: "Seconds", series: [{ name: "an epoch", kind: "one", values: of("seconds") }], told: (value) => (Number.isFinite(value) ? String(+value.toPrecision(4)) : "–"), zero: true });
}

// ---- confusion

const classOf = detector ? evaluation.classes : points ? evaluation.per_point : evaluation.per_class;
const names = Object.keys(classOf), each = localiser ? Object.values(classOf).map(withShares) : Object.values(classOf);
const WIDE = 40; // classes up to which the table has all cells

function matrix() {
  const place = byId("matrix"), confusion = detector ? evaluation.confusion.rows : evaluation.confusion;
  const names = detector ? evaluation.confusion.classes : localiser ? [...Object.keys(classOf), "nothing"] : Object.keys(classOf);
  const total = confusion.map((row, i) => (detector || localiser || points ? row.reduce((sum, n) => sum + n, 0) : each[i].n));
  const missed = (i) => each[i].n - each[i].right;
  const share = (i, n) => (total[i] ? n / total[i] : 0);
  const shown = tags ? confusion.map((row, i) => row.map((n, j) => (i === j ? missed(i) : n))) : confusion;
  const told = (i, j, n) => (detector || localiser ? `${names[i]}, told as ${names[j]}: ${n}` : points ? `${names[i]}, told nearest to ${names[j]}: ${n}` : !tags ? `${names[i]}, answered ${names[j]}: ${n}` : i === j ? `${names[i]} missed: ${n}` : `${names[i]} missed, ${names[j]} told wrongly: ${n}`);
  byId("confusion-help").textContent = `${evaluation.split}, ${grouped(evaluation.n)} images: ` + (tags
    ? "a row for a class that was missed, a column for one that was told wrongly in the same image, all misses on the diagonal; colour is the share of the images that have the row’s class."
    : detector ? `a row for what is there, a column for what was told with a score of ${evaluation.errors.score} or more; what meets no other box stands with the background. Colour is the share of the row.`
    : points ? "a row for a point, a column for the point that is nearest to where it was told; colour is the share of the row."
    : "a row for what it is, a column for the answer; colour is the share of the row.");
  const pairs = confusion.flatMap((row, i) => row.map((n, j) => [n, names[i], names[j], i !== j])).filter(([n, , , off]) => n && off).sort((a, b) => b[0] - a[0]);
  if (names.length <= WIDE) {
    const lines = shown.map((row, i) => make("tr", {}, make("th", { scope: "row" }, names[i]), ...row.map((n, j) => {
      const part = share(i, n), cell = make("td", { class: part > 0.55 ? "deep" : null, title: n ? `${told(i, j, n)} (${percent(part, 1)})` : null }, n ? grouped(n) : "");
      if (n) cell.style.background = `color-mix(in srgb, var(${i === j && !tags ? "--accent" : "--wrong"}) ${Math.round(100 * Math.max(0.08, part))}%, var(--ground))`;
      return cell;
    })));
    place.append(make("div", { class: "scroll", tabindex: 0, role: "region", "aria-labelledby": "confusion-title" }, make("table", {},
      make("caption", { class: "unseen" }, tags ? "Confusion: missed classes in rows, classes told wrongly in columns" : detector ? "Confusion: what is there in rows, what was told in columns" : "Confusion: labels in rows, answers in columns"),
      make("thead", {}, make("tr", {}, make("th", {}), ...names.map((name) => make("th", { scope: "col" }, name)))), make("tbody", {}, ...lines))));
  } else {
    const picture = make("canvas", { width: names.length, height: names.length, role: "img", "aria-label": `Confusion of ${names.length} classes; the most frequent confusions are in the table` });
    const pen2 = picture.getContext("2d");
    shown.forEach((row, i) => row.forEach((n, j) => {
      if (!n) return;
      pen2.fillStyle = i === j && !tags ? `rgb(11 98 176 / ${0.1 + 0.9 * share(i, n)})` : `rgb(200 60 20 / ${0.2 + 0.8 * share(i, n)})`;
      pen2.fillRect(j, i, 1, 1);
    }));
    place.append(picture);
  }
  if (pairs.length) place.append(numbers("Most frequent confusions", [detector ? "Boxes" : "Images", tags ? "Missed" : detector ? "Truth" : "Label", tags ? "Told wrongly" : detector ? "Told" : "Answer"], pairs.slice(0, 100).map(([n, label, answer]) => [n, label, answer])));
}

// ---- calibration

function reliability() {
  const place = byId("reliability"), { ece, bins } = evaluation.calibration, size = 300;
  const edge = { left: 46, right: 22, top: 10, bottom: 34 }, wide = 420;
  const x = (share) => edge.left + (wide - edge.left - edge.right) * share, y = (share) => edge.top + (size - edge.top - edge.bottom) * (1 - share);
  byId("calibration-help").textContent = `Expected calibration error ${percent(ece)}. Bars on the diagonal are as sure as they are right; the shade is the gap.`;
  const title = tags ? "Share that has a class, by its probability" : "Accuracy by the probability of the answer";
  const svg = draw("svg", { viewBox: `0 0 ${wide} ${size}`, class: "plot", role: "img" }, draw("title", {}, title), draw("desc", {}, `Expected calibration error ${percent(ece)}`));
  for (const mark of [0, 0.25, 0.5, 0.75, 1]) {
    svg.append(draw("path", { d: `M${x(0)} ${y(mark)}H${x(1)}`, class: "grid" }), draw("text", { x: x(0) - 7, y: y(mark) + 4, "text-anchor": "end" }, `${100 * mark} %`),
      draw("text", { x: x(mark), y: size - 18, "text-anchor": "middle" }, `${100 * mark} %`));
  }
  svg.append(draw("text", { x: x(0.5), y: size - 3, "text-anchor": "middle" }, tags ? "probability of a class" : "probability of the answer"));
  for (const bin of bins) {
    if (!bin.n) continue;
    const [left, w] = [x(bin.low) + 0.5, x(bin.high) - x(bin.low) - 1];
    const top = Math.min(y(bin.accuracy), y(bin.confidence));
    svg.append(draw("rect", { x: left, y: y(bin.accuracy), width: w, height: y(0) - y(bin.accuracy), class: "bars" }),
      draw("rect", { x: left, y: top, width: w, height: Math.abs(y(bin.accuracy) - y(bin.confidence)), class: "gap" }));
  }
  svg.append(draw("path", { d: `M${x(0)} ${y(0)}L${x(1)} ${y(1)}`, class: "diagonal" }));
  const lines = bins.filter((bin) => bin.n).map((bin) => [`${percent(bin.low, 0)} – ${percent(bin.high, 0)}`, grouped(bin.n), percent(bin.confidence, 1), percent(bin.accuracy, 1)]);
  place.append(make("figure", {}, make("figcaption", {}, make("strong", {}, title)), svg, numbers(title, ["Probability", "Answers", "Mean", tags ? "Has it" : "Right"], lines)));
}

// ---- classes, mistakes, settings

function classes() {
  const shares = localiser || points ? placeShares() : detector ? [["AP", "AP"], ["AP at 0.5", "AP50"], ["VOC’s AP at 0.5", "VOC_AP50"], ["with 11 points", "VOC_AP50_11"]] : [...(tags ? [["Average precision", "average_precision"]] : []), ["Precision", "precision"], ["Recall", "recall"], ["F1", "f1"]];
  const counts = localiser || points ? placeCounts() : detector ? [["Objects", "truths"]] : [["Examples", "n"], ["Answers", "predicted"], ["Right", "right"]];
  const columns = [["Class", (i) => names[i]], ...[...shares, ...counts].map(([head, key]) => [head, (i) => (each[i][key] < 0 ? null : each[i][key])])];
  const place = byId("class-table"), body = make("tbody"), state = { column: -1, down: false };
  const told = (value, j) => (j === 0 ? value : j <= shares.length ? percent(value) : grouped(value));
  const lines = names.map((_, i) => make("tr", {}, ...columns.map(([, value], j) => make(j ? "td" : "th", { scope: j ? null : "row", class: j ? "number" : null }, told(value(i), j)))));
  const heads = columns.map(([head], j) => {
    const button = make("button", { type: "button" }, head);
    button.addEventListener("click", () => sort(j));
    return make("th", { scope: "col", class: j ? "number" : null }, button);
  });
  const sort = (j) => {
    state.down = state.column === j ? !state.down : j > shares.length;
    state.column = j;
    heads.forEach((head, k) => (k === j ? head.setAttribute("aria-sort", state.down ? "descending" : "ascending") : head.removeAttribute("aria-sort")));
    const value = columns[j][1], sign = state.down ? -1 : 1;
    const order = names.map((_, i) => i).sort((a, b) => {
      const [p, q] = [value(a), value(b)];
      return sign * (j ? (p ?? -1) - (q ?? -1) : p.localeCompare(q, "en", { numeric: true })) || a - b;
    });
    body.replaceChildren(...order.map((i) => lines[i]));
  };
  const mean = (name, one) => make("tr", {}, make("th", { scope: "row" }, name), ...shares.map(([, key]) => make("td", { class: "number" }, key in one ? percent(one[key]) : "")), ...counts.map(() => make("td")));
  const means = localiser || points ? [mean("all", placeMeans())] : detector ? [mean("mean", Object.fromEntries(shares.map(([, key]) => [key, evaluation[key] < 0 ? null : evaluation[key]])))] : [mean("macro average", tags ? { ...evaluation.macro, average_precision: evaluation.map } : evaluation.macro), mean("weighted average", evaluation.weighted),
    ...(tags ? [mean("micro average", evaluation.micro)] : [])];
  body.append(...lines);
  place.append(make("caption", { class: "unseen" }, "Figures of every class"), make("thead", {}, make("tr", {}, ...heads)), body,
    make("tfoot", {}, ...means));
}

function gallery() {
  byId("mistakes").hidden = !run.gallery.length;
  byId("gallery").classList.toggle("wide", detector || localiser || points);
  byId("mistakes-help").textContent = `${evaluation.split}: ` + (detector
    ? "the wrong detections with the highest scores, then the largest objects that were missed; dashed is all that is there."
    : localiser || points ? placeHelp()
    : tags
    ? "the images with the answers that were wrong and surest, as the network was given them: what they have, and the class that was missed or told wrongly."
    : "the wrong answers with the highest probability, as the network was given them.");
  const words = (one) => (detector || localiser ? [one.words, ""] : points ? [one.point, `off by ${one.off.toFixed(2)}`] : tags
    ? [one.true.join(", ") || "no class", one.true.includes(one.tag) ? `${one.tag} missed at` : `${one.tag} told at`]
    : [one.true, `taken for ${one.predicted}`]);
  const spoken = (one) => (one.file ? `${one.file}, ${words(one).join(" ").trim()}` : tags ? words(one).join(": ") : `${one.true}, answered ${one.predicted} at`);
  byId("gallery").append(...run.gallery.map((one) => {
    const rate = detector || localiser ? one.score : one.probability, sure = rate === null || points ? "" : percent(rate, 1), [has, wrong] = words(one);
    const picture = make("img", { src: one.image, width: one.width, height: one.height, class: one.width < 96 ? "small" : null, title: one.file || null, alt: `Example ${one.example}: ${spoken(one)} ${sure}`.trim() });
    return make("li", {}, picture, make("div", { "aria-hidden": "true" }, make("span", { class: "true" }, has), tags ? make("br") : " ", `${wrong} `, make("span", { class: "sure" }, sure),
      ...(one.file ? [make("div", { class: "file" }, one.file.split("/").pop())] : [])));
  }));
}

function settings() {
  byId("settings-table").append(make("caption", { class: "unseen" }, "Settings of the run"), make("tbody", {}, ...run.settings.map(([name, text]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, text)))));
  byId("network").append(...run.network.map(term));
  const used = new Set(data.layers.map((layer) => layer.category));
  byId("legend").append(...Object.entries(data.legend).filter(([category]) => used.has(category) && category !== "input").map(([category, name]) => make("span", { class: `chip ${category}` }, name)));
}

charts();
matrix();
if (detector) precisionRecall();
else if (localiser || points) placesAlone();
else reliability();
classes();
gallery();
settings();
canvas.append(surface);
while (openLevel(12)); // small at first: the whole of it is in sight
render();
fit();

let wide = innerWidth;
addEventListener("resize", () => { if (innerWidth !== wide) { wide = innerWidth; charts(); fit(false); } });
addEventListener("scroll", hideTip, { passive: true });
document.documentElement.dataset.ready = "yes";
