// Whether a pointer is pressed: it loses its click if what is under it is replaced.

let pressed = false;
for (const name of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
  const note = ({ buttons }) => (pressed = buttons > 0 && name !== "pointercancel");
  document.addEventListener(name, note, true);
}

export const isPressed = () => pressed;
