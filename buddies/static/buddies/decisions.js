// The cards of decisions: the keys 1, 2 and 3 choose on the card with the focus.

const cards = [...document.querySelectorAll(".decision")];

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const card = document.activeElement.closest(".decision") ?? cards[0];
  const choice = card?.querySelectorAll("button[name=choice]")[Number(event.key) - 1];
  if (!choice) return;
  event.preventDefault();
  choice.click();
});

cards[0]?.focus();
