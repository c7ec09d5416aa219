// The public page of a channel: a picture that does not load gives way to the letter.

const picture = document.querySelector(".portrait img");

function hasFailed({ complete, naturalWidth }) {
  return complete && !naturalWidth; // an SVG without a size has a width, too
}

picture?.addEventListener("error", () => picture.remove());
if (picture && hasFailed(picture)) picture.remove();
