/* Turns each group of framework panels into tabs. Load it in <head>, without defer: groups are then
   built while the page is parsed, so no wrong tab is ever painted. Loaded later, it works all the same. */
(() => {
  "use strict";
  const STORE = "optabs-framework";
  // "until-found" lets find-in-page and text fragments reach into hidden panels.
  const HIDDEN = "onbeforematch" in HTMLElement.prototype ? "until-found" : "";
  const groups = new Set();

  const readStored = () => {
    try {
      return localStorage.getItem(STORE);
    } catch {
      return null; // storage is blocked
    }
  };

  const store = (framework) => {
    try {
      localStorage.setItem(STORE, framework);
    } catch {} // then the choice lasts as long as the page
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
    store(tab.dataset.framework);
    showEverywhere(tab.dataset.framework);
    window.scrollBy({ top: tab.getBoundingClientRect().top - top, behavior: "instant" });
    try {
      history.replaceState(history.state, "", `#${tab.getAttribute("aria-controls")}`);
    } catch {} // a sandboxed frame may not rewrite its address
  };

  const restore = (group) => {
    const query = new URLSearchParams(location.search).get("framework");
    const linked = findPanel(findTarget())?.dataset.framework;
    show(group, [linked, query, readStored(), group.tabs[0].dataset.framework]);
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

  const addCopyButton = (card, status) => {
    const heading = card.querySelector("h3");
    const code = card.querySelector(".optabs-code pre");
    if (!code || !heading) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "optabs-copy";
    button.textContent = "Copy";
    button.setAttribute("aria-describedby", heading.id);
    button.addEventListener("click", async () => {
      const said = await copyText(code.textContent).then(() => "Copied", () => "Not copied");
      button.textContent = status.textContent = said;
      setTimeout(() => {
        button.textContent = "Copy";
        status.textContent = "";
      }, 2000);
    });
    heading.parentElement.append(button);
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
    const status = document.createElement("span");
    status.className = "optabs-sr";
    status.setAttribute("role", "status");
    root.append(status);
    for (const panel of panels) {
      panel.addEventListener("beforematch", () => show(group, [panel.dataset.framework]));
      panel.querySelectorAll(".optabs-case").forEach((card) => addCopyButton(card, status));
    }
    root.classList.add("is-ready");
    restore(group);
  };

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

/* --- The matrix: filters and sorting, kept in the address. Without this it is a plain table. --- */
(() => {
  "use strict";
  const FIRST = 2; // the columns before the verdicts: op and category
  const KEPT_MS = 200; // browsers refuse an address that changes with every key

  const enhance = (root) => {
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

    const keep = () => {
      const query = new URLSearchParams(location.search);
      for (const [name, value] of [...fields.map((f) => [f.name, f.value]), ["sort", order === "op" ? "" : order]]) {
        if (value) query.set(name, value);
        else query.delete(name);
      }
      try {
        history.replaceState(history.state, "", `${location.pathname}?${query}`.replace(/\?$/, "") + location.hash);
      } catch {} // a sandboxed frame may not rewrite its address
    };

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
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
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

  const onParsed = () =>
    document.querySelectorAll(".optabs-overview").forEach((root) => {
      if (root.querySelector(".optabs-matrix")) enhance(root);
    });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", onParsed);
  else onParsed();
})();
