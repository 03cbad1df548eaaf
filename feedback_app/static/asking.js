// While a persona writes, show its words, let it be stopped, and keep its form from being sent twice. Every page
// works the same without this: then the answer's page arrives whole.
const SILENT_MS = 30000; // the service says something every ten seconds
const AWAY_MS = 60000; // it is waited for so long
const LOOKS_EVERY_MS = 1000;
const PATIENCE_MS = 5000;

for (const form of document.querySelectorAll("form[data-waiting]")) {
  const button = form.querySelector("button[type=submit]");
  const status = form.querySelector("[data-status]");
  const stop = form.querySelector("[data-stop]");
  const written = form.querySelector("[data-written]");
  const fields = () => new URLSearchParams(new FormData(form));

  const show = (waiting) => {
    button.disabled = waiting;
    status.textContent = waiting ? form.dataset.waiting : "";
    if (!waiting) {
      written.textContent = "";
      written.hidden = stop.hidden = true;
    }
  };
  const told = {
    piece(words) {
      written.textContent += words;
      if (!stop.hidden) return;
      written.hidden = stop.hidden = stop.disabled = false;
      stop.focus({ preventScroll: true }); // the button that was pressed takes no keys any more
    },
    anew() { written.textContent = ""; },
    done(page) { location.assign(page); },
    refused() { form.submit(); }, // its page says why
    erased(page) { location.assign(page); }, // sent once more, it would be asked again in another's name
  };
  const listen = async () => {
    const silence = new AbortController();
    let giveUp;
    const heard = () => {
      clearTimeout(giveUp);
      giveUp = setTimeout(() => silence.abort(), SILENT_MS);
    };
    heard();
    const headers = { Accept: "text/event-stream" };
    const response = await fetch(form.action, { method: "POST", body: fields(), headers, signal: silence.signal });
    if ([502, 504].includes(response.status)) throw new Error("a proxy finds no service");
    if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) return form.submit();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let left = ""; ;) {
      const { done, value } = await reader.read();
      if (done) throw new Error("broken off");
      heard();
      const events = (left + value).split("\n\n");
      left = events.pop();
      for (const event of events) {
        const [, kind, data] = event.match(/^event: (\w+)\ndata: (.*)$/) ?? [];
        if (kind) told[kind](JSON.parse(data));
        if (["done", "refused", "erased"].includes(kind)) return;
      }
    }
  };

  // Sent to where nobody answers, the form would leave its page, and the question with it, for an error of the browser.
  const sendOnceThere = async () => {
    stop.hidden = true;
    for (const end = Date.now() + AWAY_MS; Date.now() < end;) {
      const asked = { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) };
      const there = await fetch(status.dataset.there, asked).catch(() => undefined);
      if (there?.ok) return form.submit(); // the same form again has the same answer
      status.textContent = status.dataset.away;
      await new Promise((go) => setTimeout(go, LOOKS_EVERY_MS));
    }
    show(false);
    status.textContent = status.dataset.gone;
    button.focus();
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.disabled) return; // sent by a key, while what was sent before is waited for
    show(true);
    listen().catch(sendOnceThere);
  });
  stop.addEventListener("click", () => {
    stop.disabled = true;
    fetch(stop.dataset.stop, { method: "POST", body: fields() }).catch(() => { stop.disabled = false; });
  });
  addEventListener("pageshow", () => show(false)); // also after the browser's back button
}
