// Two versions beside each other, as a phone shows them, with what differs marked.

import { draw } from "./preview.js";

const { old, now, marks, words } = JSON.parse(document.getElementById("compared").textContent);

draw(document.getElementById("phone-old"), old.items, "phone", { words, marks: marks.old });
draw(document.getElementById("phone-new"), now.items, "phone", { words, marks: marks.now });
