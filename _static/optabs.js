/* Turns each group of framework panels into tabs, and sets two frameworks side by side for who ports;
   filters the matrix and the list of what differs. Load it in <head>, without defer: groups are then
   built while the page is parsed, so no wrong tab is ever painted. Loaded later, it works all the same. */
(() => {
  "use strict";
  const STORE = "optabs-framework";
  const PAIR = "optabs-pair";
  // "until-found" lets find-in-page and text fragments reach into hidden panels.
  const HIDDEN = "onbeforematch" in HTMLElement.prototype ? "until-found" : "";
  const groups = new Set();

  const readStored = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null; // storage is blocked
    }
  };

  const store = (name, value) => {
    try {
      localStorage.setItem(name, value);
    } catch {} // then the choice lasts as long as the page
  };

  const replaceAddress = (address) => {
    try {
      history.replaceState(history.state, "", address);
    } catch {} // a sandboxed frame may not rewrite its address
  };

  /* Writes names with their values into the query, and takes out those without. */
  const keepInAddress = (entries) => {
    const address = new URL(location.href);
    for (const [name, value] of entries) {
      if (value) address.searchParams.set(name, value);
      else address.searchParams.delete(name);
    }
    replaceAddress(address);
  };

  const findTarget = () => {
    try {
      return document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch {
      return null; // a malformed percent escape
    }
  };

  const findPanel = (element) => element?.closest(".optabs-panel") ?? null;

  /* Shows the first of the wanted frameworks that the group has. */
  const show = (group, wanted) => {
    const tab = wanted.map((key) => group.tabs.find((t) => t.dataset.framework === key)).find(Boolean);
    if (!tab) return;
    for (const each of group.tabs) {
      each.setAttribute("aria-selected", String(each === tab));
      each.tabIndex = each === tab ? 0 : -1;
    }
    for (const panel of group.panels) {
      if (panel.dataset.framework === tab.dataset.framework) panel.removeAttribute("hidden");
      else panel.setAttribute("hidden", HIDDEN);
    }
    // Who follows a link to a panel should see the tabs above it, too.
    for (const panel of group.panels) panel.style.scrollMarginTop = `${group.list.offsetHeight + 12}px`;
    for (const pre of group.root.querySelectorAll(".optabs-panel:not([hidden]) pre")) {
      if (pre.scrollWidth > pre.clientWidth || pre.scrollHeight > pre.clientHeight) pre.tabIndex = 0;
    }
    const bar = group.list.getBoundingClientRect();
    const box = tab.getBoundingClientRect();
    group.list.scrollLeft += box.left + box.width / 2 - bar.left - bar.width / 2;
  };

  const showEverywhere = (framework) => groups.forEach((group) => show(group, [framework]));

  /* The reader's own choice: every group follows it, and the tab stays where it is on the screen. */
  const choose = (tab) => {
    const top = tab.getBoundingClientRect().top;
    store(STORE, tab.dataset.framework);
    showEverywhere(tab.dataset.framework);
    window.scrollBy({ top: tab.getBoundingClientRect().top - top, behavior: "instant" });
    replaceAddress(`#${tab.getAttribute("aria-controls")}`);
  };

  const restore = (group) => {
    const query = new URLSearchParams(location.search).get("framework");
    const linked = findPanel(findTarget())?.dataset.framework;
    show(group, [linked, query, readStored(STORE), group.tabs[0].dataset.framework]);
  };

  /* Opens what the address points to. A link is not a choice: nothing is stored. */
  const followFragment = () => {
    const target = findTarget();
    const panel = findPanel(target);
    if (!panel) return;
    showEverywhere(panel.dataset.framework);
    target.scrollIntoView();
  };

  const onKeydown = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const tabs = [...event.currentTarget.children];
    const at = tabs.indexOf(event.target);
    const step = getComputedStyle(event.currentTarget).direction === "rtl" ? -1 : 1;
    const to = { ArrowRight: at + step, ArrowLeft: at - step, Home: 0, End: -1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const tab = tabs.at(to % tabs.length);
    choose(tab);
    tab.focus({ preventScroll: true });
  };

  const makeTab = (link, panel) => {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.id = `${panel.id}-tab`;
    tab.className = link.className;
    Object.assign(tab.dataset, link.dataset);
    tab.append(...link.childNodes);
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    panel.tabIndex = 0;
    link.replaceWith(tab);
    return tab;
  };

  const copyText = async (text) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const area = document.createElement("textarea"); // plain http has no clipboard API
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (!copied) throw new Error("copying was refused");
  };

  const make = (name, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };

  const addCopyButton = (example, status) => {
    const heading = example.querySelector("h3");
    const code = example.querySelector("pre.highlight");
    if (!code || !heading) return;
    const button = make("button", { type: "button", className: "optabs-copy" }, "Copy");
    button.setAttribute("aria-describedby", heading.id);
    button.addEventListener("click", async () => {
      const said = await copyText(code.textContent).then(() => "Copied", () => "Not copied");
      button.textContent = status.textContent = said;
      setTimeout(() => {
        button.textContent = "Copy";
        status.textContent = "";
      }, 2000);
    });
    heading.after(button);
  };

  const build = (root) => {
    const list = root.querySelector(":scope > .optabs-list");
    const panels = [...root.querySelectorAll(":scope > .optabs-panel")];
    if (!list || root.classList.contains("is-ready")) return;
    const tabs = panels.map((panel, i) => makeTab(list.children[i], panel));
    const group = { root, list, panels, tabs };
    groups.add(group);
    list.setAttribute("role", "tablist");
    list.addEventListener("click", (event) => {
      const tab = event.target.closest("[role=tab]");
      if (tab) choose(tab);
    });
    list.addEventListener("keydown", onKeydown);
    const status = make("span", { className: "optabs-sr", role: "status" });
    root.append(status);
    for (const panel of panels) {
      panel.addEventListener("beforematch", () => show(group, [panel.dataset.framework]));
      panel.querySelectorAll(".optabs-case").forEach((card) => addCopyButton(card, status));
    }
    root.classList.add("is-ready");
    restore(group);
  };

  // --- from one framework to another ---------------------------------------------------------------

  const readPair = () => {
    const query = new URLSearchParams(location.search);
    if (query.has("from") || query.has("to")) return [query.get("from"), query.get("to")];
    return (readStored(PAIR) ?? " ").split(" ");
  };

  /* What the tables at the end of the page say of a pair of frameworks. */
  const readTables = (op, pair) => {
    const table = op.querySelector("[data-pair=arguments]");
    const heads = [...(table?.tHead.rows[0].cells ?? [])];
    const columns = pair.map((key) => heads.findIndex((head) => head.dataset.framework === key));
    const facts = [];
    let isSame = false; // unless both speak of some argument, nothing is known
    for (const row of columns.includes(-1) ? [] : table.tBodies[0].rows) {
      const [from, to] = columns.map((column) => row.cells[column]);
      isSame ||= Boolean(from.textContent && to.textContent);
      const [before, after] = [from, to].map((cell) => cell.querySelector("code")?.textContent);
      const change = describeChange(row.cells[0], from, to, before, after);
      if (change) facts.push(make("tr", {}, ...[from, to].map((cell) => make("td", { innerHTML: cell.innerHTML || "–" })), make("td", {}, change)));
    }
    const declared = [...op.querySelectorAll("section .optabs-declared > li")].filter((item) =>
      item.dataset.frameworks.split(" ").some((key) => pair.includes(key)));
    return { facts, isSame: isSame && !facts.length, declared };
  };

  const describeChange = (standard, from, to, before, after) => {
    if (!from.textContent && !to.textContent) return "";
    if (before && after) {
      // Of some functions no signature is known, and so no default.
      const defaults = [from, to].map((cell) =>
        cell.querySelector("small")?.textContent ?? (cell.hasAttribute("data-required") ? "" : null));
      const differ = !defaults.includes(null) && defaults[0] !== defaults[1];
      const changes = [before !== after && "renamed", differ && "other default"];
      return changes.filter(Boolean).join(", ");
    }
    if (after) return standard.querySelector("code") && !from.textContent ? "" : "added";
    return before && (to.textContent || !standard.querySelector("code")) ? "dropped" : "";
  };

  /* How far apart the results of a pair are: a text per case, where both could be compared. */
  const readApart = (op, pair) => {
    const found = [];
    for (const row of op.querySelectorAll("[data-pair=results] [data-keys]")) {
      const keys = row.dataset.keys.split(" ");
      const values = row.dataset.apart.split(" ");
      const [low, high] = pair.map((key) => keys.indexOf(key)).sort((a, b) => a - b);
      if (low < 0) continue;
      // The values go: first with second, first with third, ..., second with third, ...
      const value = values[low * keys.length - (low * (low + 1)) / 2 + high - low - 1];
      found.push(`${row.cells[0].textContent} (${row.cells[1].textContent}): ${value === "0" ? "no difference" : value}`);
    }
    return found;
  };

  /* The nodes of highlighted code, line by line. */
  const splitLines = (code) => {
    const lines = [[]];
    for (const node of code.childNodes) {
      node.textContent.split("\n").forEach((text, number) => {
        if (number) lines.push([]);
        lines.at(-1).push(cutNode(node, text));
      });
    }
    return lines;
  };

  const cutNode = (node, text) => {
    const copy = node.cloneNode(false);
    copy.textContent = text;
    return copy;
  };

  /* Where two texts begin and stop to differ, in whole words. */
  const findChange = (text, other) => {
    const [words, others] = [text, other].map((each) => each.match(/\w+|./g) ?? []);
    let [start, end] = [0, 0];
    while (start < words.length && words[start] === others[start]) start += 1;
    while (end < Math.min(words.length, others.length) - start && words.at(-1 - end) === others.at(-1 - end)) end += 1;
    return [words.slice(0, start).join("").length, words.slice(0, words.length - end).join("").length];
  };

  /* A copy of some code in which is marked what the other code writes otherwise. */
  const markChanges = (code, other) => {
    const [texts, others] = [code, other].map((each) => each.textContent.split("\n"));
    const counterparts = others.filter((text) => !texts.includes(text));
    // Each changed line is held against the one that is most like it.
    const findSmallest = (text) => counterparts
      .map((counterpart) => findChange(text, counterpart))
      .reduce((best, each) => (each[1] - each[0] < best[1] - best[0] ? each : best), [0, text.length]);
    const copy = code.cloneNode(false);
    splitLines(code).forEach((nodes, number) => {
      if (number) copy.append("\n");
      const [start, end] = others.includes(texts[number]) ? [0, 0] : findSmallest(texts[number]);
      let place = 0;
      for (const node of nodes) {
        const text = node.textContent;
        const cuts = [0, start - place, end - place, text.length].map((cut) => Math.min(Math.max(cut, 0), text.length));
        const [before, inside, after] = [0, 1, 2].map((at) => text.slice(cuts[at], cuts[at + 1]));
        if (before) copy.append(cutNode(node, before));
        if (inside) copy.append(make("mark", {}, cutNode(node, inside)));
        if (after) copy.append(cutNode(node, after));
        place += text.length;
      }
    });
    return copy;
  };

  const listExamples = (group, key) => {
    const panel = group.panels.find((each) => each.dataset.framework === key);
    return new Map([...panel.querySelectorAll(".optabs-case")].map((example) =>
      [example.querySelector("h3").textContent, example]));
  };

  const makeSide = (group, key, example, other) => {
    const tab = group.tabs.find((each) => each.dataset.framework === key);
    const side = make("div", { className: "optabs-card" });
    side.append(make("a", { href: `#${tab.getAttribute("aria-controls")}`, className: "optabs-pair-name" }, tab.firstChild.textContent));
    const [code, against] = [example, other].map((each) => each?.querySelector("pre.highlight"));
    if (code && against) side.append(markChanges(code, against));
    const about = example?.querySelectorAll(".optabs-output, .optabs-proof") ?? [];
    side.append(...[...about].map((each) => each.cloneNode(true)));
    if (!code) side.append(make("p", { className: "optabs-proof" }, "No such example: see its tab."));
    const panel = group.panels.find((each) => each.dataset.framework === key);
    const notes = panel.querySelector(".optabs-notes")?.cloneNode(true);
    if (notes) {
      for (const each of notes.querySelectorAll("[id]")) each.removeAttribute("id");
      side.append(notes);
    }
    return side;
  };

  const comparePair = (group, pair, title) => {
    const [from, to] = pair.map((key) => listExamples(group, key));
    const titles = [...from.keys()].filter((each) => to.has(each));
    const shown = titles.includes(title) ? title : titles[0];
    const body = make("div", { className: "optabs-pair-body" });
    if (titles.length > 1) {
      const choice = make("select", { ariaLabel: "Example" }, ...titles.map((each) => new Option(each, each, false, each === shown)));
      choice.addEventListener("change", () => {
        const fresh = comparePair(group, pair, choice.value);
        body.replaceWith(fresh);
        fresh.querySelector("select").focus();
      });
      body.append(choice);
    }
    const examples = [from.get(shown), to.get(shown)];
    body.append(make("div", { className: "optabs-pair-sides" },
      makeSide(group, pair[0], examples[0], examples[1]), makeSide(group, pair[1], examples[1], examples[0])));
    const { facts, isSame, declared } = readTables(group.root.parentElement, pair);
    const names = pair.map((key) => group.tabs.find((tab) => tab.dataset.framework === key).firstChild.textContent);
    if (facts.length) {
      const head = make("tr", {}, ...[...names, "Change"].map((name) => make("th", { scope: "col" }, name)));
      const table = make("table", { className: "optabs-table" }, make("thead", {}, head), make("tbody", {}, ...facts));
      body.append(make("div", { className: "optabs-scroll" }, table));
    } else if (isSame) {
      body.append(make("p", {}, "No argument has another name or default in the mapping."));
    }
    const apart = readApart(group.root.parentElement, pair);
    if (apart.length) body.append(make("p", { className: "optabs-apart" }, `Largest difference of the results: ${apart.join("; ")}.`));
    if (declared.length) body.append(make("ul", { className: "optabs-declared" }, ...declared.map((item) => item.cloneNode(true))));
    return body;
  };

  const addPair = (group) => {
    const place = group.root.parentElement.querySelector(".optabs-signature");
    if (!place || group.tabs.length < 2) return;
    const choices = ["from", "to"].map((name, end) => {
      const options = group.tabs.map((tab) => new Option(tab.firstChild.textContent, tab.dataset.framework));
      const choice = make("select", { name }, new Option("…", ""), ...options);
      choice.value = readPair()[end] ?? "";
      if (choice.selectedIndex < 0) choice.value = ""; // a framework that this op does not name
      return choice;
    });
    const swap = make("button", { type: "button", className: "optabs-copy", ariaLabel: "Swap" }, "⇄");
    const line = make("div", { className: "optabs-pair-choice" },
      make("label", {}, "I know ", choices[0]), make("label", {}, "I want ", choices[1]), swap);
    const root = make("section", { className: "optabs-pair", ariaLabel: "From one framework to another" }, line);
    const update = () => {
      const pair = choices.map((choice) => choice.value);
      root.querySelector(".optabs-pair-body")?.remove();
      if (pair.every(Boolean) && pair[0] !== pair[1]) root.append(comparePair(group, pair));
    };
    const onChoice = () => {
      store(PAIR, choices.map((choice) => choice.value).join(" "));
      keepInAddress(choices.map(({ name, value }) => [name, value]));
      update();
    };
    swap.addEventListener("click", () => {
      [choices[0].value, choices[1].value] = [choices[1].value, choices[0].value];
      onChoice();
    });
    choices.forEach((choice) => choice.addEventListener("change", onChoice));
    update();
    place.after(root);
  };

  // --- the matrix: filters and sorting, kept in the address; without this it is a plain table -------

  const FIRST = 2; // the columns before the verdicts: op and category
  const KEPT_MS = 200; // browsers refuse an address that changes with every key

  const enhanceMatrix = (root) => {
    const form = root.querySelector(".optabs-filters");
    const table = root.querySelector(".optabs-matrix");
    const status = form.querySelector("[role=status]");
    const fields = [...form.querySelectorAll("input, select")];
    const heads = [...table.tHead.rows[0].cells];
    const keys = heads.map((head) => head.dataset.key);
    // Worst first, as the server lists them.
    const marks = new Map([...form.elements.verdict.options].slice(1).map((o) => [o.value, o.dataset.mark]));
    const ranks = new Map([...marks.values()].map((mark, rank) => [mark, rank]));
    const aliases = JSON.parse(root.dataset.aliases);
    /* A name and what else it may be written as: jnp.abs is jax.numpy.abs. */
    const spell = (word) => [
      word,
      ...aliases.filter(([short]) => word.startsWith(`${short}.`)).map(([short, full]) => full + word.slice(short.length)),
    ];
    const rows = [...table.tBodies[0].rows].map((row, number) => {
      const [name, category, ...cells] = row.cells;
      const words = [name.textContent, ...(row.dataset.words ?? "").split(" ").flatMap(spell)];
      return {
        row,
        number,
        text: words.join(" ").toLowerCase(),
        short: words.map((word) => word.split(".").pop()).join(" ").toLowerCase(),
        category: category.textContent,
        cells: cells.map((cell) => cell.className),
      };
    });
    let order = "op";
    let timer;

    const filter = () => {
      const [find, category, framework, verdict] = fields.map((field) => field.value);
      const words = find.toLowerCase().split(/\s+/).filter(Boolean);
      const column = keys.indexOf(framework) - FIRST;
      const mark = marks.get(verdict);
      let count = 0;
      for (const each of rows) {
        const cells = framework ? [each.cells[column]] : each.cells;
        const shown =
          (!category || (each.category || "-") === category) &&
          (verdict ? cells.includes(mark) : !framework || cells[0] !== "") &&
          // "so" is no part of every name in tensorflow; whoever means a module writes its dot.
          words.every((word) => (word.includes(".") ? each.text : each.short).includes(word));
        if (each.row.hidden === shown) each.row.hidden = !shown;
        count += shown;
      }
      status.textContent = `${count} of ${rows.length} ops`;
    };

    const sort = () => {
      const descending = order.startsWith("-");
      const column = keys.indexOf(descending ? order.slice(1) : order);
      const compare = [
        (a, b) => a.number - b.number,
        (a, b) => a.category.localeCompare(b.category),
      ][column] ?? ((a, b) => ranks.get(a.cells[column - FIRST]) - ranks.get(b.cells[column - FIRST]));
      const sign = descending ? -1 : 1;
      const sorted = rows.toSorted((a, b) => sign * compare(a, b) || a.number - b.number);
      table.tBodies[0].replaceChildren(...sorted.map((each) => each.row));
      heads.forEach((head, number) => {
        if (number === column) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
    };

    const keep = () => keepInAddress([...fields.map((f) => [f.name, f.value]), ["sort", order === "op" ? "" : order]]);

    const onChange = () => {
      filter();
      clearTimeout(timer);
      timer = setTimeout(keep, KEPT_MS);
    };

    const restore = () => {
      const query = new URLSearchParams(location.search);
      for (const field of fields) {
        const value = query.get(field.name) ?? "";
        const known = !field.options || [...field.options].some((option) => option.value === value);
        field.value = known ? value : "";
      }
      const wanted = query.get("sort") ?? "op";
      if (keys.includes(wanted.replace(/^-/, ""))) order = wanted;
      filter();
      if (order === "op") heads[0].setAttribute("aria-sort", "ascending"); // as it was served
      else sort();
    };

    for (const head of heads) {
      const button = make("button", { type: "button" }, ...head.childNodes);
      button.addEventListener("click", () => {
        order = order === head.dataset.key ? `-${order}` : head.dataset.key;
        sort();
        keep();
      });
      head.append(button);
    }
    form.addEventListener("input", onChange);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.querySelector("button").addEventListener("click", () => {
      form.reset();
      onChange();
      fields[0].focus();
    });
    restore();
    form.hidden = false;
  };

  // --- what differs: between two frameworks, and of what is looked for; without this all of it ------

  const readKeys = (text) => text.split(" ");

  const enhanceDifferences = (root) => {
    const form = root.querySelector(".optabs-filters");
    const status = form.querySelector("[role=status]");
    const { from, to, find } = form.elements;
    const place = root.querySelector("#differs-arguments");
    const hint = place.querySelector("p");
    const changed = JSON.parse(place.querySelector("script").textContent).slice(0, -1);
    const items = [...root.querySelectorAll("li[data-against]")].map((item) => ({
      item,
      keys: readKeys(item.dataset.keys),
      against: readKeys(item.dataset.against),
      text: [item.closest("section").querySelector("h2").firstChild, item.closest("article").querySelector("h3"), item]
        .map((each) => each.textContent).join(" ").toLowerCase(),
    }));
    const outputs = [...root.querySelectorAll("details > div[data-keys]")].map((output) => ({ output, keys: readKeys(output.dataset.keys) }));
    const sections = [...root.querySelectorAll("section")].filter((section) => section !== place);
    const ops = [...root.querySelectorAll("article")];
    const boxes = [...root.querySelectorAll("article > div"), ...ops];
    const links = new Map([...root.querySelectorAll(".optabs-jump a")].map((link) => [link.hash.slice(1), link]));
    let timer;

    const count = (section, number) => {
      section.querySelector("h2 small").textContent = number;
      const link = links.get(section.id);
      link.querySelector("small").textContent = number;
      link.hidden = !number;
    };

    const concerns = ({ keys, against }, pair) => {
      if (pair.length < 2) return pair.every((key) => keys.includes(key));
      const [a, b] = pair;
      return (keys.includes(a) && against.includes(b)) || (keys.includes(b) && against.includes(a));
    };

    const writeForm = ([, name, value]) =>
      name ? [make("code", {}, name), ...(value ? [" ", make("small", {}, `= ${value}`)] : [])] : ["–"];

    /* A row for each argument of an op that changes on the way. */
    const listChanges = ([, name, address, rows], pair) => {
      const found = [];
      for (const { forms, changes } of rows) {
        const [at, other] = pair.map((key) => forms.findIndex(([keys]) => readKeys(keys).includes(key)));
        const change = changes[at]?.[other];
        if (!change) continue;
        const cells = [writeForm(forms[at]), writeForm(forms[other]), [change]];
        found.push(make("tr", {}, ...cells.map((cell) => make("td", {}, ...cell))));
      }
      const href = address && address + to.selectedOptions[0].dataset.anchor;
      found[0]?.prepend(make("th", { scope: "row", rowSpan: found.length }, href ? make("a", { href }, name) : name));
      return found;
    };

    const showArguments = (pair, isWanted) => {
      place.querySelector(".optabs-scroll")?.remove();
      const isPair = pair.length === 2 && pair[0] !== pair[1];
      const bodies = new Map();
      for (const op of isPair ? changed : []) {
        const rows = listChanges(op, pair);
        const said = [op[0], op[1], ...rows.map((row) => row.textContent)].join(" ").toLowerCase();
        if (!rows.length || !isWanted(said)) continue;
        if (!bodies.has(op[0])) {
          const title = make("th", { scope: "rowgroup", colSpan: 4 }, op[0] || "Without a category");
          bodies.set(op[0], make("tbody", {}, make("tr", {}, title)));
        }
        bodies.get(op[0]).append(...rows);
      }
      const table = make("table", { className: "optabs-table" });
      const names = ["Op", ...[from, to].map((field) => field.selectedOptions[0].text), "Change"];
      table.append(make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name)))), ...bodies.values());
      const number = table.querySelectorAll("tbody td:last-child").length;
      if (number) place.append(make("div", { className: "optabs-scroll", tabIndex: 0, role: "region", ariaLabel: "Arguments" }, table));
      hint.hidden = isPair;
      place.hidden = isPair && !number;
      count(place, number || "");
    };

    const filter = () => {
      const pair = [from.value, to.value].filter(Boolean);
      const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      const isWanted = (text) => words.every((word) => text.includes(word));
      for (const each of items) each.item.hidden = !concerns(each, pair) || !isWanted(each.text);
      for (const { output, keys } of outputs) output.hidden = pair.length === 2 && !pair.some((key) => keys.includes(key));
      for (const box of boxes) box.hidden = !box.querySelector("li:not([hidden])");
      for (const section of sections) {
        const number = section.querySelectorAll("li[data-against]:not([hidden])").length;
        section.hidden = !number;
        count(section, number);
      }
      showArguments(pair, isWanted);
      const shown = items.filter(({ item }) => !item.hidden).length;
      const left = ops.filter((op) => !op.hidden).length;
      status.textContent = `${shown} of ${items.length} differences, in ${left} ${left === 1 ? "op" : "ops"}`;
    };

    const keep = () => keepInAddress([from, to, find].map(({ name, value }) => [name, value]));

    const onInput = (event) => {
      if (event.target !== find) store(PAIR, `${from.value} ${to.value}`);
      filter();
      clearTimeout(timer);
      timer = setTimeout(keep, KEPT_MS);
    };

    const pair = readPair();
    [from, to].forEach((field, end) => {
      field.value = pair[end] ?? "";
      if (field.selectedIndex < 0) field.value = ""; // a framework that nothing here names
    });
    find.value = new URLSearchParams(location.search).get("find") ?? "";
    form.addEventListener("input", onInput);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.querySelector("button").addEventListener("click", (event) => {
      form.reset();
      onInput(event);
      from.focus();
    });
    filter();
    form.hidden = false;
  };

  // --- start ----------------------------------------------------------------------------------------

  customElements.define(
    "optabs-end",
    class extends HTMLElement {
      connectedCallback() {
        build(this.parentElement);
      }
    },
  );

  const late = document.readyState !== "loading";
  const onParsed = () => {
    document.documentElement.classList.remove("optabs-parsing");
    document.querySelectorAll(".optabs").forEach(build);
    groups.forEach(restore); // the fragment may lie in a group that came later
    groups.forEach(addPair);
    document.querySelectorAll(".optabs-overview:has(.optabs-matrix)").forEach(enhanceMatrix);
    document.querySelectorAll(".optabs-differs").forEach(enhanceDifferences);
    if (late) followFragment();
  };
  if (late) {
    onParsed();
  } else {
    document.documentElement.classList.add("optabs-parsing"); // keeps half-parsed groups from sight
    document.addEventListener("DOMContentLoaded", onParsed);
  }

  window.addEventListener("hashchange", followFragment);
  // A link to the fragment that is already in the address raises no hashchange.
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[href*='#']") : null;
    if (link && location.hash && link.href === location.href) followFragment();
  });
})();
