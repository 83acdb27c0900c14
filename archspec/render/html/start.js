// What happens when the page opens.

const { totals } = data;
const peak = (memory) => memory.moments.reduce((most, [, , bytes]) => Math.max(most, bytes), 0);
const FACTS = [
  ["input", Object.values(data.inputs).join(", ")],
  ["output", data.outputs.filter((output) => !output.train).map((output) => output.shape).join(", ")],
  ["parameters", totals.params ? grouped(totals.params) : "none"],
  ["MACs", decimal(totals.macs)],
  ["boxes", totals.boxes],
  ["depth", totals.depth ? `${totals.depth} weighted layers` : ""],
  ["memory of inference", binary(peak(data.memory.inference))],
  ["memory of training", binary(peak(data.memory.training))],
];
byId("facts").append(...FACTS.filter(([, text]) => text).map(([term, text]) => make("div", {}, make("dt", {}, term), make("dd", {}, text))));
byId("cite").textContent = data.cite;
byId("notes").textContent = [
  data.example && `The size of the image is open: all figures are at ${data.example}.`,
  data.batch > 1 && `MACs and memory are those of a batch of ${data.batch}.`,
  totals.params_with_aux && totals.params_with_aux !== totals.params && `With the heads that exist only in training: ${grouped(totals.params_with_aux)} parameters.`,
  ...data.notes,
].filter(Boolean).join(" ");

const used = new Set(data.layers.map((layer) => layer.category));
byId("legend").append(...Object.entries(data.legend).filter(([category]) => used.has(category) && category !== "input")
  .map(([category, name]) => make("span", { class: `chip ${category}` }, name)));
if (data.layers.some((layer) => layer.sizes.length)) byId("legend").append(make("span", {}, "dotted: gives its size alone"));

canvas.append(surface);
while (openLevel(AT_FIRST));
render();
fit(false);
sortBy(0, false);
plots();
roofline();

let wide = innerWidth;
addEventListener("resize", () => { if (innerWidth !== wide) { wide = innerWidth; plots(); roofline(); fit(false); } });
addEventListener("scroll", hideTip, { passive: true });
document.documentElement.dataset.ready = "yes";
