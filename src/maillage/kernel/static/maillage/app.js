// Timers, keyboard, double-submit guard. Without this file every page still works: links and forms.
(() => {
  const NBSP = "\u00a0";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // What only serves with scripts is hidden in the page and shown here.
  const reveal = () => all("[data-close][hidden], [data-help][hidden]").forEach((e) => (e.hidden = false));

  // Timers. Same words as the server's `duration`, so that a refresh never makes them jump.
  const words = (seconds) => {
    const minutes = Math.max(0, Math.floor(seconds / 60));
    if (minutes < 1) return `<${NBSP}1${NBSP}min`;
    if (minutes < 60) return `${minutes}${NBSP}min`;
    if (minutes < 2880) {
      return `${Math.floor(minutes / 60)}${NBSP}h${NBSP}${String(minutes % 60).padStart(2, "0")}`;
    }
    return `${Math.floor(minutes / 1440)}${NBSP}j`;
  };
  const ago = (seconds) => {
    if (Math.abs(seconds) < 60) return "à l'instant";
    return seconds < 0 ? `dans ${words(-seconds)}` : `il y a ${words(seconds)}`;
  };
  const tick = () => {
    for (const time of all("time[data-since], time[data-until]")) {
      const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
      const text = "until" in time.dataset ? ago(seconds) : words(seconds);
      if (time.textContent !== text) time.textContent = text;
    }
  };

  // The request in hand may be far down its column: the column alone moves, neither page nor focus.
  const show = () => {
    const row = document.querySelector('a.req[aria-current="true"]');
    const column = row && row.closest(".col");
    if (!column || column.scrollHeight <= column.clientHeight) return;
    const [here, seen] = [row.getBoundingClientRect(), column.getBoundingClientRect()];
    const header = column.querySelector("header").offsetHeight;
    if (here.top < seen.top + header || here.bottom > seen.bottom) {
      column.scrollTop += here.top - seen.top - column.clientHeight / 3;
    }
  };

  // On the board, what went well is told for a while, then leaves; a refusal stays until it is read.
  const TOLD = 10000;
  const fade = () => {
    for (const alert of all(".board-page #messages .alert.ok:not([data-leaves])")) {
      alert.dataset.leaves = "";
      setTimeout(() => alert.remove(), TOLD);
    }
  };

  // Keyboard of the board.
  const typing = (target) =>
    target instanceof Element && target.closest("input, textarea, select, [contenteditable]:not([contenteditable=false])");
  const requests = () => all("a.req");
  let pending = 0;
  const step = (by) => {
    const rows = requests();
    if (!rows.length) return;
    const focused = rows.indexOf(document.activeElement);
    const from = focused >= 0 ? focused : rows.findIndex((row) => row.ariaCurrent === "true");
    const row = rows[Math.max(0, Math.min(rows.length - 1, from + by))];
    row.focus();
    row.scrollIntoView({ block: "nearest" });
    // A run of J J J moves at once and asks the server only for where it stops.
    clearTimeout(pending);
    pending = setTimeout(() => row.isConnected && row.click(), 90);
  };
  const aim = (rank) => {
    const button = document.querySelector(`[data-rank="${rank}"] .slot:not([disabled])`);
    if (!button) return false;
    button.focus();
    button.closest("[data-rank]").scrollIntoView({ block: "nearest" });
    return true;
  };
  const search = () => {
    const field = document.getElementById("find");
    const link = document.querySelector(".find-link");
    if (field && field.offsetParent) field.focus();
    else if (link) link.click();
    else return false;
    return true;
  };
  const help = () => {
    const dialog = document.getElementById("help");
    if (!dialog || dialog.open) return false;
    dialog.showModal();
    return true;
  };
  const keys = {
    j: () => (step(1), requests().length > 0),
    k: () => (step(-1), requests().length > 0),
    n: () => {
      const link = document.querySelector("[data-key=n]");
      if (link) link.click();
      return Boolean(link);
    },
    "/": search,
    "?": help,
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      all("details.menu[open]").forEach((menu) => {
        menu.open = false;
        menu.querySelector("summary").focus();
      });
      return;
    }
    if (document.body.dataset.shortcuts === "off" || event.defaultPrevented || event.isComposing) return;
    if (event.ctrlKey || event.altKey || event.metaKey || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const act = keys[event.key.toLowerCase()] || (/^[1-9]$/.test(event.key) && (() => aim(event.key)));
    if (act && act()) event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (!target) return;
    if (target.closest("[data-close]")) target.closest(".alert").remove();
    if (target.closest("[data-help]")) help();
    all("details.menu[open]").forEach((menu) => {
      if (!menu.contains(target)) menu.open = false;
    });
  });

  // One click, one request. The button keeps its focus, so it is marked rather than disabled.
  const free = (form) => {
    delete form.dataset.busy;
    all("[data-held]").forEach((button) => {
      if (button.form === form || !button.form) {
        button.removeAttribute("aria-disabled");
        delete button.dataset.held;
      }
    });
  };
  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (form.method !== "post") return;
      if (form.dataset.busy) {
        event.preventDefault();
        event.stopImmediatePropagation();
        return;
      }
      form.dataset.busy = "1";
      const button = event.submitter;
      if (button) {
        button.dataset.held = "1";
        button.setAttribute("aria-disabled", "true");
      }
      setTimeout(() => free(form), 15000); // the network gave nothing: let the person try again
    },
    true,
  );
  addEventListener("pageshow", () => all("form[data-busy]").forEach(free));

  // htmx: after a swap, timers and hidden buttons again; a page where a fragment was expected (the
  // session ended) is opened as a page; of an error page, only the sentence is told.
  const tell = (title, text) => {
    const box = document.getElementById("messages");
    if (!box) return;
    const alert = Object.assign(document.createElement("div"), { className: "alert bad" });
    const body = document.createElement("div");
    body.append(Object.assign(document.createElement("strong"), { textContent: title }), text);
    alert.setAttribute("role", "alert");
    alert.append(body);
    box.replaceChildren(alert);
  };
  document.addEventListener("htmx:before:swap", (event) => {
    const ctx = event.detail && event.detail.ctx;
    if (!ctx || !/^\s*<!doctype/i.test(ctx.text || "")) return;
    event.preventDefault();
    const raw = ctx.response && ctx.response.raw;
    if (raw && raw.status >= 400) {
      const main = new DOMParser().parseFromString(ctx.text, "text/html").querySelector("main");
      const said = (tag) => main && main.querySelector(tag) && main.querySelector(tag).textContent;
      tell(said("h1") || "Le serveur a refusé", said("p") || "Rechargez la page, puis recommencez.");
      return;
    }
    location.assign(raw && raw.redirected ? raw.url : location.href);
  });
  document.addEventListener("htmx:finally:request", (event) => {
    const source = event.detail && event.detail.ctx && event.detail.ctx.sourceElement;
    const form = source instanceof Element ? source.closest("form") : null;
    if (form) free(form);
  });
  document.addEventListener("htmx:after:swap", (event) => {
    reveal();
    tick();
    fade();
    const source = event.detail && event.detail.ctx && event.detail.ctx.sourceElement;
    if (source instanceof Element && source.id !== "board") show(); // one's own act, not the live board
    const current = document.getElementById("current");
    if (current && source instanceof Element && source.matches("a.req") && matchMedia("(max-width: 46rem)").matches) {
      current.scrollIntoView();
      current.focus({ preventScroll: true });
    }
  });

  reveal();
  tick();
  fade();
  show();
  setInterval(tick, 5000);
})();
