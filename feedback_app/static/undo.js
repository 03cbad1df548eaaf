// An Undo that comes too late is refused: after its minute the button goes. Every page works the same without this.
for (const form of document.querySelectorAll("form[data-seconds]")) {
  setTimeout(() => { form.hidden = true; }, form.dataset.seconds * 1000);
}
