// Signs first: while one is ticked, only the phone and the commune are asked. The server asks no more
// than that either; without this file the rest simply stays on screen.
(() => {
  const form = document.getElementById("intake");
  if (!form) return;
  const follow = () => {
    const ticked = form.querySelector("input[name=sign]:checked");
    const stop = Boolean(ticked) && ticked.value !== "none";
    for (const part of form.querySelectorAll("[data-when-sign]")) part.hidden = !stop;
    for (const part of form.querySelectorAll("[data-unless-sign]")) part.hidden = stop;
  };
  form.addEventListener("change", follow);
  follow();
  const wrong = form.querySelector("[aria-invalid=true], #doubles input, #closed input:not(:checked)");
  const first = wrong || form.querySelector("input[name=sign]");
  if (first) first.focus();
})();
