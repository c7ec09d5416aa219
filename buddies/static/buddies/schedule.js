// The dialog with the schedule of entries: when apps show them.

import { isOffline } from "./api.js";
import { openDialog, titled } from "./dialogs.js";
import { edit, toastReport } from "./edits.js";
import { words, zone } from "./page.js";
import { button, element } from "./preview.js";
import { keysOf } from "./tree.js";

export function chooseSchedule(nodes) {
  const fields = { from: field(nodes, "from"), until: field(nodes, "until") };
  const problem = element("p", "problem");
  problem.setAttribute("role", "alert");
  const title = titled(nodes, words.scheduleTitle, words.scheduleMany);
  const hints = [element("p", "quiet", words.scheduleHint.replace("%s", zone))];
  if (Object.values(fields).some(({ differs }) => differs)) hints.push(element("p", "quiet", words.scheduleDiffers));
  const save = button("button primary", words.save);
  const always = button("button", words.always);
  const labels = Object.values(fields).map(({ label }) => label);
  const dialog = openDialog(title, [...hints, ...labels, problem], [save, always]);
  const report = {
    done(done, name) {
      dialog.close();
      toastReport.done(done, name);
    },
    failed(error) {
      problem.textContent = isOffline(error) ? words.offline : error.message;
      // A time that occurs twice needs an offset, which the browser's input cannot take.
      for (const { input } of Object.values(fields)) input.type = "text";
    },
  };
  const send = (values) => edit("schedule", { ids: keysOf(nodes), ...values }, true, report);
  save.addEventListener("click", () => {
    // A date without its time reads as blank.
    const half = Object.values(fields).find(({ input }) => input.validity.badInput);
    if (half) {
      half.input.reportValidity();
      return;
    }
    const changed = Object.entries(fields).filter(([, { input, initial }]) => input.value !== initial);
    if (changed.length) send(Object.fromEntries(changed.map(([name, { input }]) => [name, input.value])));
    else dialog.close();
  });
  always.addEventListener("click", () => send({ from: "", until: "" }));
}

/** The input of one end of the schedule; it is blank if the entries differ. */
function field(nodes, name) {
  const values = new Set(nodes.map(({ data }) => data[name] ?? ""));
  const differs = values.size > 1;
  const initial = differs ? "" : [...values][0];
  const input = element("input");
  input.type = "datetime-local";
  input.value = initial;
  const label = element("label", "moment");
  label.append(element("span", "", words[name]), input);
  return { label, input, initial, differs };
}
