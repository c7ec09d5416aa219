// Sends a form once. A second click while the answer is on its way would add a second
// channel, or say that somebody else has changed the first.
"use strict";

const PAUSE_MILLISECONDS = 3000; // not for ever: the answer may be a download
const sent = new WeakMap();

document.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    const { target: form, submitter, timeStamp } = event;
    const values = new URLSearchParams(new FormData(form)).toString();
    const text = `${submitter?.name}=${submitter?.value}&${values}`;
    const last = sent.get(form);
    if (last?.text === text && timeStamp - last.timeStamp < PAUSE_MILLISECONDS) {
        event.preventDefault();
    } else {
        sent.set(form, { text, timeStamp });
    }
});
