// For every page: accessible names that the widgets of Django's admin lack, for screen
// readers; and the end of what form_drafts.js keeps.
"use strict";

// An aria-label needs a role.
function nameTooltips() {
    for (const tooltip of document.querySelectorAll(".help-tooltip[aria-label]")) {
        tooltip.setAttribute("role", "img");
    }
}

// Select2 hides the <select>, and its label with it.
function nameAutocompletes() {
    for (const select of document.querySelectorAll("select.admin-autocomplete")) {
        const drawn = select.parentElement.querySelectorAll(
            ".select2-selection, .select2-selection__rendered"
        );
        for (const part of drawn) {
            part.setAttribute("aria-label", labelOf(select));
        }
    }
}

function nameOpened({ target: select }) {
    const opened = select.parentElement.querySelector(".select2-selection");
    opened.setAttribute("aria-controls", opened.getAttribute("aria-owns"));
    document.querySelector(".select2-search__field").setAttribute("aria-label", labelOf(select));
}

function labelOf(select) {
    return select.labels[0]?.textContent.trim() ?? "";
}

// The page after a form says whether it was saved.
function forgetSavedForm() {
    const form = sessionStorage.getItem("form submitted");
    if (!form || !document.querySelector(".messagelist .success")) return;
    sessionStorage.removeItem("form submitted");
    sessionStorage.removeItem(form);
}

// On a phone the sections are wider than the screen.
function showCurrentSection() {
    const current = document.querySelector(".sections [aria-current]");
    if (!current) return;
    const { parentElement: list, offsetLeft, offsetWidth } = current;
    list.scrollLeft = offsetLeft - list.offsetLeft - (list.clientWidth - offsetWidth) / 2;
}

showCurrentSection();
forgetSavedForm();

// Tooltips exist once the page has loaded. Autocompletes are built when jQuery considers
// it ready, which may be later: queue behind them.
window.addEventListener("load", () => {
    nameTooltips();
    window.django?.jQuery?.(nameAutocompletes);
    window.django?.jQuery?.(document).on("select2:open", nameOpened);
});
