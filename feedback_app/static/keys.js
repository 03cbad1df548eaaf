// What has data-key is pressed by that key as well, and a text that is being written is sent by Ctrl and Enter; not
// where somebody types, nor with any other key held. A page that tells its keys lets them be turned off, as speech and
// switches press keys that nobody meant. Every page works the same without this.
const TYPED = "textarea, select, [contenteditable], input:not([type=radio], [type=checkbox], [type=submit])";
const told = document.querySelector("[data-keys]");
const wanted = told?.querySelector("[data-keys-wanted]");
if (told) {
  told.hidden = false;
  wanted.checked = localStorage.getItem("keys") !== "off";
  wanted.addEventListener("change", () => localStorage.setItem("keys", wanted.checked ? "on" : "off"));
}
addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.repeat || event.altKey) return;
  if (key === "Enter" && (event.ctrlKey || event.metaKey) && target.matches("textarea")) target.form.requestSubmit();
  if (event.ctrlKey || event.metaKey || target.matches(TYPED) || wanted?.checked === false) return;
  const pressed = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!pressed || pressed.closest("[hidden]")) return;
  event.preventDefault(); // or it would be typed into the field that the click leads to
  pressed.click();
  if (pressed.matches("input")) pressed.focus();
});
