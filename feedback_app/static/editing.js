// Lets an answer be edited where it stands: the form for a better answer comes up into its place, and goes back below
// when that is cancelled. Without this the form stays below.
const edit = document.querySelector("[data-edit]");
if (edit) {
  const answer = document.querySelector("#answer-text");
  const section = document.querySelector("#correction");
  const form = section.querySelector("form[data-better]");
  const field = form.querySelector("textarea");
  const cancel = form.querySelector("[data-cancel]");

  const show = (editing) => {
    if (editing) answer.after(form);
    else section.append(form);
    answer.hidden = edit.hidden = section.hidden = editing;
    cancel.hidden = !editing;
    (editing ? field : edit).focus();
  };

  edit.hidden = false;
  edit.addEventListener("click", () => show(true));
  cancel.addEventListener("click", () => {
    form.reset();
    show(false);
  });
  if (form.querySelector("[role=alert]")) show(true); // what was refused is mended where it was written
}
