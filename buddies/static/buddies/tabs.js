// A list of tabs with its panels (ARIA Authoring Practices, "Tabs Pattern").

/** Calls `chosen` with the tab that was clicked, or reached with the arrows. */
export function tabs(list, chosen) {
  const choose = (tab) => {
    for (const item of list.children) {
      item.setAttribute("aria-selected", item === tab);
      item.tabIndex = item === tab ? 0 : -1;
    }
    return chosen(tab);
  };
  list.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) choose(tab);
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const all = [...list.children];
    const next = all.at((all.indexOf(document.activeElement) + step) % all.length);
    next.focus();
    choose(next);
  });
  return choose;
}
