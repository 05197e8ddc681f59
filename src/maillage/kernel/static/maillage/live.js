// The board follows: once a second it asks "anything since version N?". 204: nothing. 200: the fragment,
// once a minute the whole, since waiting turns into delay without anybody writing;
// morphed in place so that focus, scroll and what is being typed stay. X-Board-Part: only some parts of it,
// each put where its id is; of the queue, the lines that moved and the order of all.
// <meta name="live" content="/c/x/snp/?since=" data-version="12" data-target="#board">
(() => {
  const meta = document.querySelector('meta[name="live"]');
  if (!meta) return;
  const target = document.querySelector(meta.dataset.target || "#board");
  const badge = document.querySelector(".live");
  const EVERY = 1000;
  const WHOLE = 60000;
  const LONGEST = 30000;
  const PATIENCE = 8000;
  let version = meta.dataset.version || "0";
  let wait = EVERY;
  let timer = 0;
  let asking = false;
  let turn = 0; // moves at every other swap: an answer asked before it is stale
  let wholeAt = Date.now();
  let lastAt = new Date();

  const clock = (date) => `${date.getHours()}\u00a0h\u00a0${String(date.getMinutes()).padStart(2, "0")}`;
  const show = (state, text) => {
    if (!badge) return;
    badge.hidden = false;
    badge.dataset.state = state;
    if (badge.textContent !== text) badge.textContent = text;
  };
  const online = () => {
    lastAt = new Date();
    wait = EVERY;
    show("on", "En direct");
  };
  const offline = () => {
    wait = Math.min(wait * 2, LONGEST);
    show("off", `Hors ligne, dernière mise à jour à ${clock(lastAt)}`);
  };

  const address = () => {
    const [path, query] = meta.content.split("?");
    const params = new URLSearchParams(location.search);
    for (const [name, value] of new URLSearchParams(query)) if (name !== "since") params.set(name, value);
    // What the fragment itself says it shows (the request selected by the server).
    for (const input of target.querySelectorAll("input[data-live]")) params.set(input.name, input.value);
    if (Date.now() - wholeAt < WHOLE) params.set("since", version);
    return `${path}?${params}`;
  };

  // A form somebody began to fill is left as it is, and never taken away from under their hands.
  target.addEventListener("input", (event) => {
    const form = event.target.form;
    if (form) form.setAttribute("hx-morph-skip", "");
  });
  const filling = () => [...target.querySelectorAll("form[hx-morph-skip]")];
  const takesAway = (text) => {
    const forms = filling();
    if (!forms.length) return false;
    const fresh = new DOMParser().parseFromString(text, "text/html");
    return forms.some((form) => !form.id || !fresh.getElementById(form.id));
  };
  for (const name of ["submit", "reset"]) {
    target.addEventListener(name, (event) => event.target.removeAttribute("hx-morph-skip"));
  }

  // Lines go where they belong around the one that has the focus, which stays where it is: a line taken
  // away and put back would lose it.
  const order = (list, lines) => {
    const held = lines.find((line) => line.contains(document.activeElement));
    let next = list.firstElementChild;
    const toTheEnd = () => {
      const after = next.nextElementSibling;
      list.append(next);
      next = after;
    };
    for (const line of lines) {
      if (line === held) while (next !== held) toTheEnd();
      else if (next && next !== held && next.nextElementSibling === line) toTheEnd();
      if (next === line) next = line.nextElementSibling;
      else list.insertBefore(line, next);
    }
    while (next) {
      const gone = next;
      next = next.nextElementSibling;
      gone.remove();
    }
  };
  const putLines = async (part) => {
    const list = document.getElementById("board-lines");
    if (!list) return false;
    for (const fresh of [...part.children]) {
      const shown = document.getElementById(fresh.id);
      if (shown) await htmx.swap({ text: fresh.outerHTML, target: shown, sourceElement: target, swap: "outerMorph" });
      else {
        list.append(document.adoptNode(fresh));
        htmx.process(fresh);
      }
    }
    const lines = part.dataset.order.split(" ").map((number) => document.getElementById(`line-${number}`));
    if (lines.includes(null)) return false;
    order(list, lines);
    return true;
  };
  // False: what is shown is not what the answer was made for; the whole is asked again.
  const putParts = async (text) => {
    let isWhole = true;
    for (const part of [...new DOMParser().parseFromString(text, "text/html").body.children]) {
      const place = document.getElementById(part.id);
      if (part.id === "board-moved") isWhole = await putLines(part);
      else if (place) await htmx.swap({ text: part.outerHTML, target: place, sourceElement: target, swap: "outerMorph" });
    }
    return isWhole;
  };

  const ask = async () => {
    const mine = turn;
    const answer = await fetch(address(), {
      headers: { "HX-Request": "true" },
      credentials: "same-origin",
      cache: "no-store",
      redirect: "manual",
      signal: AbortSignal.timeout ? AbortSignal.timeout(PATIENCE) : undefined,
    });
    if (answer.type === "opaqueredirect" || [401, 403, 404].includes(answer.status)) {
      location.reload(); // the session or the seat ended: the page itself will say so
      return false;
    }
    if (answer.status === 204) return online();
    if (answer.status !== 200) throw new Error(String(answer.status));
    const text = await answer.text();
    if (mine !== turn) return online();
    if (answer.headers.get("X-Board-Part")) {
      if (!(await putParts(text))) wholeAt = 0;
      version = answer.headers.get("X-Board-Version") || version;
      online();
      return true;
    }
    wholeAt = Date.now();
    if (takesAway(text)) {
      lastAt = new Date();
      wait = EVERY;
      show("wait", "Du nouveau après votre saisie");
      return true;
    }
    await htmx.swap({ text, target, sourceElement: target, swap: "innerMorph" });
    version = answer.headers.get("X-Board-Version") || version;
    online();
    return true;
  };
  const loop = async () => {
    if (asking || document.hidden) return;
    asking = true;
    clearTimeout(timer);
    let going = true;
    try {
      going = (await ask()) !== false;
    } catch {
      offline();
    } finally {
      asking = false;
    }
    if (going && !document.hidden) timer = setTimeout(loop, wait);
  };
  const now = () => {
    clearTimeout(timer);
    loop();
  };

  // The page's own acts bring a newer fragment too.
  document.addEventListener("htmx:before:request", () => (turn += 1));
  document.addEventListener("htmx:after:swap", (event) => {
    const ctx = event.detail && event.detail.ctx;
    if (!ctx || ctx.sourceElement === target) return;
    turn += 1;
    const raw = ctx.response && ctx.response.raw;
    const fresh = raw && raw.headers.get("X-Board-Version");
    if (fresh) {
      version = fresh;
      lastAt = new Date();
    }
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : now()));
  addEventListener("online", now);
  addEventListener("offline", offline);
  show("on", "En direct");
  timer = setTimeout(loop, EVERY);
})();
