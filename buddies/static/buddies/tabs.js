// A list of tabs with its panels (ARIA Authoring Practices, "Tabs Pattern").

/** Marks a tab as the selected one of its list. */
export function select(tab) {
  for (const item of tab.parentElement.children) {
    item.setAttribute("aria-selected", item === tab);
    item.tabIndex = item === tab ? 0 : -1;
  }
}

/** Calls `chosen` with the tab that was clicked, or reached with the arrows. */
export function tabs(list, chosen) {
  const choose = (tab) => {
    select(tab);
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
