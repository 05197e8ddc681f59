// The column of weeks by keyboard: Enter and the arrows go down and up, Enter on the last line checks.
// Without this file Tab goes down and Enter checks at once: nothing is lost either way.
(() => {
  document.addEventListener("keydown", (event) => {
    const field = event.target;
    if (!(field instanceof HTMLInputElement) || !field.matches("[data-week]")) return;
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || event.isComposing) return;
    const by = { Enter: 1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    const fields = [...document.querySelectorAll("[data-week]")];
    const next = fields[fields.indexOf(field) + by];
    if (next) {
      event.preventDefault();
      next.focus();
      next.select();
    } else if (event.repeat) {
      event.preventDefault(); // a key held down stops on the last line
    }
  });
})();
