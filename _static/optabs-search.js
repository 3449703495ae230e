/* The search knows the names of ops and APIs, not those of methods: whoever types `x.view(4, -1)`, and
   nothing ends in `x.view`, is first shown what is called `view`. */
document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined" || !Search._performSearch) return; // another search
  const search = Search._performSearch;
  const isCalled = (name) => ([, full]) => `.${full.toLowerCase()}`.endsWith(`.${name}`);

  Search._performSearch = (query, ...terms) => {
    const results = search(query, ...terms); // the best is the last
    const [name] = query.toLowerCase().match(/[\w.]+\.\w+/) ?? [""];
    if (!name || results.some(isCalled(name))) return results;
    const last = name.split(".").at(-1).replace(/_$/, ""); // in PyTorch `x.add_` is `add` in place
    const found = Search.performObjectSearch(last, new Set([last])).filter(isCalled(last));
    const others = results.filter((each) => !found.some(([page, full]) => each[0] === page && each[1] === full));
    return [...others, ...found.sort((one, other) => one[4] - other[4])];
  };

  // What is shown of a page begins with what it says, not with its frame.
  const toText = Search.htmlToText;
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    for (const each of page.querySelectorAll("[role=main] :is(nav, h1, .optabs-signature)")) each.remove();
    return toText(page.documentElement.outerHTML, anchor);
  };
});
