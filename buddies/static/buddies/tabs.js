// A list of tabs with its panels (ARIA Authoring Practices, "Tabs Pattern").

/** Calls `chosen` with the tab that was clicked, or reached with the arrows. */
export function tabs(list, chosen) {
  const choose = (wanted) => {
    for (const one of list.children) {
      one.setAttribute("aria-selected", one === wanted);
      one.tabIndex = one === wanted ? 0 : -1;
    }
    return chosen(wanted);
  };
  list.addEventListener("click", (event) => {
    const wanted = event.target.closest("[role=tab]");
    if (wanted) choose(wanted);
  });
  list.addEventListener("keydown", (event) => {
    const turn = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!turn) return;
    const all = [...list.children];
    const next = all.at((all.indexOf(document.activeElement) + turn) % all.length);
    next.focus();
    choose(next);
  });
  return choose;
}
