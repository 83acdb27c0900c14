// What the page of a detector has of its own: precision by recall of every class, and kinds of mistakes.

const CLASSES_DRAWN = 12; // curves that can be told apart: those of the classes with the most objects

function precisionRecall() {
  const place = byId("reliability"), wide = 460, high = 330, edge = { left: 46, right: 24, top: 10, bottom: 34 };
  byId("calibration-title").textContent = "Precision and recall";
  const { right, score, ...kinds } = evaluation.errors;
  const wrong = Object.entries(kinds).filter(([, n]) => n).map(([kind, n]) => `${kind} ${grouped(n)}`);
  byId("calibration-help").textContent = `Of the detections with a score of ${score} or more ${grouped(right)} are right; wrong: ${wrong.join(", ") || "none"}.`;
  const x = (share) => edge.left + (wide - edge.left - edge.right) * share, y = (share) => edge.top + (high - edge.top - edge.bottom) * (1 - share);
  const title = "Precision by recall at an overlap of 0.5";
  const svg = draw("svg", { viewBox: `0 0 ${wide} ${high}`, class: "plot", role: "img" }, draw("title", {}, title),
    draw("desc", {}, `Mean average precision ${percent(Math.max(evaluation.VOC_AP50, 0))}`));
  for (const mark of [0, 0.25, 0.5, 0.75, 1]) {
    svg.append(draw("path", { d: `M${x(0)} ${y(mark)}H${x(1)}`, class: "grid" }), draw("text", { x: x(0) - 7, y: y(mark) + 4, "text-anchor": "end" }, `${100 * mark} %`),
      draw("text", { x: x(mark), y: high - 18, "text-anchor": "middle" }, `${100 * mark} %`));
  }
  svg.append(draw("text", { x: x(0.5), y: high - 3, "text-anchor": "middle" }, "recall"));
  const drawn = names.filter((_, i) => each[i].truths).sort((a, b) => classOf[b].truths - classOf[a].truths).slice(0, CLASSES_DRAWN);
  const keys = drawn.map((name, i) => {
    const { recall, precision } = evaluation.curves[name], style = `curve hue${i % 6}${i < 6 ? "" : " dashed"}`;
    const points = recall.map((at, k) => `${x(at).toFixed(1)} ${y(precision[k]).toFixed(1)}`);
    if (points.length) svg.append(draw("path", { d: `M${x(0).toFixed(1)} ${y(precision[0]).toFixed(1)}L${points.join("L")}`, class: style }, draw("title", {}, name)));
    return make("span", { class: "key" }, draw("svg", { width: 26, height: 8, "aria-hidden": "true" }, draw("path", { d: "M0 4H26", class: style })), `${name} ${percent(classOf[name].VOC_AP50, 1)}`);
  });
  const marks = [0.1, 0.3, 0.5, 0.7, 0.9];
  const best = (name, least) => evaluation.curves[name].precision.filter((_, k) => evaluation.curves[name].recall[k] >= least - 1e-9);
  const lines = drawn.map((name) => [name, ...marks.map((least) => percent(Math.max(0, ...best(name, least)), 1))]);
  place.append(make("figure", {}, make("figcaption", {}, make("strong", {}, title)), svg, make("div", { class: "keys" }, ...keys),
    numbers(title, ["Class", ...marks.map((least) => `at ${percent(least, 0)}`)], lines)));
}
