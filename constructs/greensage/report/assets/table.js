// The table of models: sorted by its headers, filtered by text, and each row opens the model.
"use strict";
const COLUMNS = [
  {key: "name", title: "Model", value: model => model.name},
  {key: "kind", title: "Kind", value: model => model.group ? `${model.kind} (${model.group})` : model.kind, less: true},
  {key: "size", title: "Runs on", value: model => `${model.silicon}, ${model.size}`, less: true},
  {key: "region", title: "Region", value: model => model.region, less: true},
  {key: "requests", title: "Requests", value: model => model.requests, show: whole, number: true, less: true},
  {key: "kwh", title: "kWh", value: model => model.now.kwh[1], show: value => digits(value), number: true, less: true, feeds: ["energy"]},
  {key: "g", title: "gCO2e", value: model => model.now.g[1], show: value => digits(value), number: true, feeds: ["carbon", "energy"]},
  {key: "usd", title: "USD", value: model => model.now.usd[1], show: value => dollars(value).replace("$", ""), number: true, feeds: ["cost"]},
  {key: "saved", title: "CO2e", value: model => model.saved.carbon[1], show: percent, number: true, tone: true, feeds: ["carbon", "energy"], usual: true},
  {key: "cost", title: "Cost", value: model => model.saved.cost[1], show: percent, number: true, tone: true, less: true, feeds: ["cost"], usual: true},
];
const sorting = {column: COLUMNS[6], down: true};

function drawTable() {
  const table = $("fleet");
  const heads = COLUMNS.map(column => element("th", {scope: "col", class: classes(column)},
    element("button", {type: "button", onclick: () => sortBy(column)}, column.title)));
  const rows = data.models.map(model => ({model, row: null,
    text: [model.name, model.kind, model.group, model.silicon, model.size, model.region, model.framework].join(" ").toLowerCase()}));
  const body = element("tbody");
  table.replaceChildren(element("caption", {class: "quiet", style: "text-align:left"}, "A month of each model; CO2e and Cost at the end are against its usual deployment"),
    element("thead", {}, element("tr", {}, heads)), body);
  table.addEventListener("mouseover", event => {
    const cell = event.target.closest("td[data-column]");
    if (cell) showTip(cell, keysOf(cell)); else hideTip();
  });
  table.addEventListener("mouseleave", hideTip);
  $("filter").addEventListener("input", show);
  sortBy(sorting.column, true);

  function sortBy(column, keep) {
    if (!keep) { sorting.down = sorting.column === column ? !sorting.down : Boolean(column.number); sorting.column = column; }
    rows.sort((a, b) => compare(column.value(a.model), column.value(b.model)) * (sorting.down ? -1 : 1));
    heads.forEach((head, index) => head.setAttribute("aria-sort",
      COLUMNS[index] === column ? (sorting.down ? "descending" : "ascending") : "none"));
    show();
  }
  function show() {
    const wanted = $("filter").value.trim().toLowerCase();
    const found = rows.filter(item => item.text.includes(wanted));
    shown += 1;
    body.replaceChildren();
    append(found, 0, shown);
    $("count").textContent = `${found.length} of ${rows.length} models`;
  }
}

// Rows are made when they are first shown, a screenful or two at once, so that a large fleet does not keep the page waiting.
let shown = 0;
const AT_ONCE = 80;
function append(found, from, asked) {
  if (asked !== shown || from >= found.length) return;
  $("fleet").tBodies[0].append(...found.slice(from, from + AT_ONCE).map(item => item.row ??= row(item.model)));
  setTimeout(() => append(found, from + AT_ONCE, asked));
}

function row(model) {
  return element("tr", {"data-model": model.name}, COLUMNS.map((column, index) => {
    const value = column.value(model), text = column.show ? column.show(value) : value;
    if (!index) return element("th", {scope: "row"}, element("button", {type: "button", onclick: () => open(model.name)}, text));
    const good = column.tone ? tone(value) : "";
    return element("td", {class: `${classes(column) || ""} ${good}`.trim() || null, "data-column": column.feeds ? column.key : null}, text);
  }));
}

const classes = column => [column.number && "n", column.less && "less"].filter(Boolean).join(" ") || null;
const compare = (a, b) => a === null ? (b === null ? 0 : -1) : b === null ? 1 : typeof a === "number" ? a - b : a.localeCompare(b);

function keysOf(cell) {
  const model = byName.get(cell.parentElement.dataset.model), column = COLUMNS.find(item => item.key === cell.dataset.column);
  const keys = column.feeds.flatMap(feed => [...model.sources[feed], ...(column.usual ? model.usual_sources[feed] : [])]);
  return [...new Set(keys)];
}
