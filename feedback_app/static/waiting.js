// While a persona writes, say so and keep its form from being sent twice. Every page works the same without this.
for (const form of document.querySelectorAll("form[data-waiting]")) {
  const button = form.querySelector("button[type=submit]");
  const status = form.querySelector("[data-status]");
  const show = (waiting) => {
    button.disabled = waiting;
    status.textContent = waiting ? form.dataset.waiting : "";
  };
  form.addEventListener("submit", () => show(true));
  addEventListener("pageshow", () => show(false)); // also after the browser's back button
}
