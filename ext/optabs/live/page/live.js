/* The live site: loads a page again when it was built anew, says what is wrong, and runs examples that are
   edited in the page. The server puts it into pages as it hands them out. */
(() => {
  "use strict";
  const { page, since, token } = document.currentScript.dataset;
  const stem = page.replace(/\.html$/, "");
  const INDENT = "    ";
  const SCROLL = "optabs-live-scroll";

  const make = (name, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };

  const makeButton = (text, onClick) => {
    const button = make("button", { type: "button", className: "optabs-live-button" }, text);
    button.addEventListener("click", onClick);
    return button;
  };

  // --- what the server says ------------------------------------------------------------------------

  const banner = make("aside", { id: "optabs-live", hidden: true, ariaLabel: "Live site" });
  const status = make("p", { role: "status" });
  const details = make("div", { className: "optabs-live-messages", tabIndex: 0, role: "region", ariaLabel: "Messages" });
  let hidden = "";

  const close = makeButton("Hide", () => {
    hidden = details.textContent;
    banner.hidden = true;
  });

  const reload = () => {
    sessionStorage.setItem(SCROLL, JSON.stringify([location.pathname, scrollX, scrollY]));
    location.reload();
  };

  const restoreScroll = () => {
    const [path, left, top] = JSON.parse(sessionStorage.getItem(SCROLL) ?? "[]");
    sessionStorage.removeItem(SCROLL);
    if (path === location.pathname) scrollTo({ left, top, behavior: "instant" });
  };

  const listMessages = (messages) =>
    make("ul", {}, ...messages.map(({ level, place, text }) =>
      make("li", { className: `is-${level}` }, ...(place ? [make("b", {}, place), " "] : []), text)));

  /* Shows a line and, below it, messages; nothing at all where there is neither. */
  const tell = (text, progress, own = [], others = []) => {
    status.textContent = text;
    if (progress) status.append(make("span", { ariaHidden: "true" }, ` ${progress}`)); // too much to be read out
    details.replaceChildren(...(own.length ? [listMessages(own)] : []));
    if (others.length) {
      const head = make("summary", {}, `${others.length} ${others.length === 1 ? "message" : "messages"} about other pages`);
      details.append(make("details", {}, head, listMessages(others)));
    }
    details.hidden = !details.childElementCount;
    close.hidden = details.hidden;
    if (text || details.textContent !== hidden) hidden = "";
    banner.hidden = !text && (!own.length || Boolean(hidden));
  };

  const show = ({ building, progress, ok, messages, reload: isOutdated }) => {
    const isEditing = document.activeElement?.matches(".optabs-live-code");
    if (isOutdated && !isEditing) {
      reload();
      return;
    }
    banner.classList.toggle("is-broken", !ok);
    const isOwn = ({ place }) => place.startsWith(`${stem}.`);
    const own = messages.filter((each) => !ok || isOwn(each));
    const others = messages.filter((each) => ok && !isOwn(each));
    const idle = isOutdated ? "This page was built anew." : "";
    tell(building ? "Building …" : ok ? idle : "The site cannot be built.", building && progress, own, others);
    if (isOutdated) status.append(" ", makeButton("Load it", reload));
  };

  let events;

  const connect = () => {
    events?.close();
    events = new EventSource(`/_live/events?${new URLSearchParams({ page, since })}`);
    events.addEventListener("message", (event) => show(JSON.parse(event.data)));
    events.addEventListener("error", () => {
      banner.classList.remove("is-broken");
      tell("The server is not there any more: start it again with make live.");
      if (events.readyState === EventSource.CLOSED) setTimeout(connect, 1000);
    });
  };

  // Browsers allow few connections to one server, so that only pages in sight have one.
  const follow = () => (document.hidden ? events?.close() : connect());

  // --- editing and running -------------------------------------------------------------------------

  const insert = (area, text) => {
    // The browser's own way keeps undoing possible.
    if (!document.execCommand("insertText", false, text)) area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
  };

  const outdent = (area) => {
    const start = area.value.lastIndexOf("\n", area.selectionStart - 1) + 1;
    const width = area.value.slice(start).match(/^ {0,4}/)[0].length;
    if (!width) return;
    const at = area.selectionStart;
    area.setSelectionRange(start, start + width);
    if (!document.execCommand("delete")) area.setRangeText("");
    area.setSelectionRange(Math.max(start, at - width), Math.max(start, at - width));
  };

  const copy = async (button, text) => {
    const label = button.textContent;
    const isCopied = await navigator.clipboard.writeText(text).then(() => true, () => false);
    button.textContent = isCopied ? "Copied" : "Not copied";
    setTimeout(() => (button.textContent = label), 2000);
    return isCopied;
  };

  const ask = async (request) => {
    try {
      const reply = await fetch("/_live/run", {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Optabs-Token": token },
        body: JSON.stringify(request),
      });
      const isJson = reply.headers.get("Content-Type")?.startsWith("application/json");
      return isJson ? await reply.json() : { problem: await reply.text() };
    } catch {
      return { problem: "The server does not answer." };
    }
  };

  const showResult = (place, ran) => {
    if (ran.problem) {
      place.replaceChildren(make("div", { className: "optabs-message" }, ran.problem));
      place.firstChild.dataset.verdict = "failed";
      return;
    }
    place.innerHTML = ran.html; // of the engine's own template
    if (ran.output) place.prepend(make("pre", { className: "optabs-output" }, make("samp", {}, ran.output)));
    for (const each of place.querySelectorAll("details")) each.open = true;
    for (const each of place.querySelectorAll("pre")) each.tabIndex = 0; // it may have to be scrolled
  };

  const listDevices = (panel) => {
    const found = new Set([...panel.querySelectorAll(".optabs-facts strong")].map((each) => each.textContent));
    return found.size ? [...found] : ["cpu"];
  };

  const readCode = (example) => example.querySelector("pre.highlight").textContent.replace(/\n$/, "");

  /* Under which name an edit is kept: it shall outlast that the page is loaded again. */
  const nameEdit = (heading) => `optabs-live ${page}#${heading.id}`;

  /* Puts an editor in the place of an example's code, its output and its evidence. */
  const openEditor = (example, panel, stored) => {
    const heading = example.querySelector("h3");
    const card = example.querySelector(".optabs-card");
    const shown = [...card.children];
    const original = readCode(example);
    const key = nameEdit(heading);
    const hint = make("p", { id: `${heading.id}-hint`, className: "optabs-live-hint" },
      "Ctrl+Enter runs it. Tab indents; press Escape first to leave with Tab.");
    const area = make("textarea", {
      className: "optabs-live-code", value: stored ?? original, spellcheck: false, autocapitalize: "off", wrap: "off",
    });
    area.setAttribute("aria-labelledby", heading.id);
    area.setAttribute("aria-describedby", hint.id);
    const result = make("div", { className: "optabs-live-result", role: "status" });
    const devices = make("select", { ariaLabel: "Device" }, ...listDevices(panel).map((each) => new Option(each)));
    devices.hidden = devices.length < 2;
    const framework = panel.dataset.framework;
    let yaml = "";
    let isLeaving = false;

    const onInput = () => {
      area.rows = area.value.split("\n").length;
      if (area.value === original) sessionStorage.removeItem(key);
      else sessionStorage.setItem(key, area.value);
    };

    const run = async () => {
      if (runButton.disabled) return;
      runButton.disabled = true;
      result.textContent = "running …";
      const ran = await ask({
        page: stem, framework, case: heading.id.slice(panel.id.length + 1), device: devices.value, code: area.value,
      });
      showResult(result, ran);
      yaml = ran.yaml ?? "";
      yamlButton.disabled = !yaml;
      runButton.disabled = false;
    };

    const reset = () => {
      sessionStorage.removeItem(key);
      editor.remove();
      card.append(...shown);
      example.classList.remove("is-edited");
      example.querySelector(".optabs-live-edit").focus();
    };

    const onKeydown = (event) => {
      const { key: pressed } = event;
      if (pressed === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        run();
      } else if (pressed === "Tab" && !isLeaving && !event.ctrlKey && !event.altKey && !event.metaKey) {
        event.preventDefault();
        if (event.shiftKey) outdent(area);
        else insert(area, INDENT);
      }
      if (pressed !== "Shift") isLeaving = pressed === "Escape";
    };

    const runButton = makeButton("Run", run);
    const yamlButton = makeButton("Copy as YAML", async () => {
      // It is on its way into the entry, whose page shall then show what has become of it.
      if (await copy(yamlButton, yaml)) sessionStorage.removeItem(key);
    });
    yamlButton.disabled = true;
    const buttons = make("div", { className: "optabs-live-buttons" }, runButton, devices, yamlButton, makeButton("Reset", reset), hint);
    const editor = make("div", { className: "optabs-live-editor" }, area, buttons, result);
    area.addEventListener("input", onInput);
    area.addEventListener("keydown", onKeydown);
    area.addEventListener("blur", () => (isLeaving = false));
    card.replaceChildren(editor);
    example.classList.add("is-edited");
    onInput();
    return area;
  };

  const addEditing = (example) => {
    const panel = example.closest(".optabs-panel");
    const heading = example.querySelector("h3");
    if (!panel || !heading || !example.querySelector("pre.highlight")) return;
    const button = makeButton("Edit", () => openEditor(example, panel).focus());
    button.classList.add("optabs-live-edit");
    button.setAttribute("aria-describedby", heading.id);
    heading.after(button);
    const stored = sessionStorage.getItem(nameEdit(heading));
    if (stored !== null && stored !== readCode(example)) openEditor(example, panel, stored);
  };

  // --- start ----------------------------------------------------------------------------------------

  banner.append(status, close, details);
  document.body.append(banner);
  document.querySelectorAll(".optabs .optabs-case").forEach(addEditing);
  document.addEventListener("visibilitychange", follow);
  window.addEventListener("load", restoreScroll);
  follow();
})();
