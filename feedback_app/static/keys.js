// A button with data-key is pressed by that key as well. Every page works the same without this.
addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input, textarea")) return;
  document.querySelector(`button[data-key="${CSS.escape(event.key)}"]`)?.click();
});
