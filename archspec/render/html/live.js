// Asks the server whether the file has changed, and loads the page anew, as it was left, when it has.

const KEPT = "archspec";
const kept = (() => { try { return JSON.parse(sessionStorage.getItem(KEPT)); } catch { return null; } })();

if (data && kept) {
  units.forEach((one) => { one.open = one === root || kept.open.includes(one.id); });
  render();
  Object.assign(view, kept.view);
  moved();
  filter.value = kept.filter;
  sortBy(kept.sorting.column, kept.sorting.down);
  scrollTo(0, kept.scroll);
}
addEventListener("pagehide", () => {
  if (!data) return; // a page of errors keeps what was kept before it
  const open = [...units.values()].filter((one) => one.open).map((one) => one.id);
  try { sessionStorage.setItem(KEPT, JSON.stringify({ open, view, filter: filter.value, sorting, scroll: scrollY })); } catch { /* not kept */ }
});

const state = document.createElement("p");
state.id = "live";
state.setAttribute("role", "status");
state.textContent = "live";
document.querySelector("header").append(state);

const events = new EventSource("/events?" + document.documentElement.dataset.version);
events.addEventListener("changed", () => location.reload());
events.addEventListener("open", () => { state.textContent = "live"; state.classList.remove("lost"); });
events.addEventListener("error", () => { state.textContent = "the server has gone"; state.classList.add("lost"); });
