// What the page of a run that tells places has of its own: one object an image (localise), or points.

const placeCurves = () => points ? [["Points within 0.1 of the length (PCK)", "pck10"], ["Points within 0.05 of the length", "pck05"]]
  : localiser ? [["Localised: class right, overlap of 0.5 or more", "localised"], ["Mean overlap", "iou"]] : [];
const placeShares = () => points ? [["PCK@0.05", "pck05"], ["PCK@0.1", "pck10"], ["PCK@0.2", "pck20"], ["Mean error, of the length", "error"]]
  : [["Localised", "place"], ["Accuracy", "rate"], ["Overlap", "iou"]];
const placeCounts = () => points ? [["Seen in", "n"]] : [["Images", "n"], ["Class right", "right"], ["And place", "localised"]];
const placeHelp = () => points ? "the points that were told furthest off: green where a point is, orange where it was told to be."
  : "the wrong answers with the highest score: dashed the object, drawn through what was told.";

/** A class of a localiser with its counts as shares; of no image it has none. */
function withShares(one) {
  return one.n ? { ...one, place: one.localised / one.n, rate: one.right / one.n } : { ...one, place: null, rate: null, iou: null };
}

function placeMeans() {
  return points ? evaluation : { place: evaluation.localised, rate: evaluation.accuracy, iou: evaluation.iou };
}

/** Places are told without a probability that could be calibrated. */
function placesAlone() {
  byId("calibration").hidden = true;
  if (!points) return;
  byId("classes-title").textContent = "Points";
  byId("mistakes-title").textContent = "Furthest off";
}
