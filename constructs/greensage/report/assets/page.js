// The page itself: headline, one model, sources and their tooltip; and drawing again when light turns to dark.
"use strict";
const byName = new Map(data.models.map(model => [model.name, model]));

function source(text, keys) {
  const show = event => showTip(event.currentTarget, keys);
  return element("button", {type: "button", class: "src", "aria-describedby": "tip", onmouseenter: show, onfocus: show, onclick: show,
    onmouseleave: hideTip, onblur: hideTip}, text);
}

function showTip(at, keys) {
  const tip = $("tip"), box = at.getBoundingClientRect();
  const figures = keys.map(key => data.figures[key]).filter(Boolean);
  tip.replaceChildren(...figures.slice(0, 4).map(figure => element("div", {}, `${figure.name}: ${figureWords(figure)}; ${figure.source}`)),
    ...(figures.length > 4 ? [element("div", {}, `and ${figures.length - 4} more, below under Sources`)] : []));
  tip.hidden = false;
  const left = Math.max(8, Math.min(box.left, document.documentElement.clientWidth - tip.offsetWidth - 8));
  const above = box.top > tip.offsetHeight + 12;
  tip.style.left = `${left + scrollX}px`;
  tip.style.top = `${(above ? box.top - tip.offsetHeight - 6 : box.bottom + 6) + scrollY}px`;
}
function hideTip() { $("tip").hidden = true; }
const figureWords = figure => figure.value === null ? figure.quality
  : `${digits(figure.value)} ${figure.unit} (${figure.quality}, ${digits(figure.low)} to ${digits(figure.high)})`;

function allKeys(feeds) {
  const keys = new Set();
  for (const model of data.models) for (const feed of feeds) {
    model.sources[feed].forEach(key => keys.add(key));
    model.usual_sources[feed].forEach(key => keys.add(key));
  }
  return [...keys];
}

function drawCards() {
  const card = (title, saved, now, usual, feeds) => element("div", {class: "card"}, element("h3", {}, title),
    element("div", {class: `big ${saved && saved[1] < -0.0005 ? "bad" : ""}`.trim()}, saved ? percent(saved[1]) : "unknown"),
    element("div", {}, source(now, allKeys(feeds)), " instead of ", usual),
    element("div", {class: "quiet"}, saved ? `worst to best case ${percent(saved[0])} to ${percent(saved[2])}` : "a figure is not published"));
  const {total, usual, saved} = data;
  const water = total.water[1] === null || !usual.water[1] ? null
    : [1 - total.water[2] / usual.water[0], 1 - total.water[1] / usual.water[1], 1 - total.water[0] / usual.water[2]];
  $("cards").append(
    card("Carbon a month", saved.carbon, `${grams(total.g[1])}\u00a0CO2e`, grams(usual.g[1]), ["carbon", "energy"]),
    card("Cost a month", saved.cost, dollars(total.usd[1]), dollars(usual.usd[1]), ["cost"]),
    card("Energy a month", saved.energy, `${digits(total.kwh[1])}\u00a0kWh`, `${digits(usual.kwh[1])}\u00a0kWh`, ["energy"]),
    card("Water a month", water, `${digits(total.water[1])}\u00a0l`, `${digits(usual.water[1])}\u00a0l`, ["water"]));
  $("about").textContent = `${counted(data.models.length, "model")} in ${counted(data.regions.filter(region => region.models).length, "Region")}; a month of 30 days, estimated on ${data.date}.`;
  $("worse").replaceChildren(...data.worse.map(text => element("p", {class: "bad"}, `Worse than its baseline: ${text}`)));
  $("not-counted").textContent = `Not counted: ${data.not_counted.join("; ")}.`;
  $("against").textContent = `Against ${data.baseline}.`
    + (data.models.some(model => model.kind === "edge") ? " What devices at the edge take is not counted, on either side." : "");
}

function open(name) {
  $("pick").value = name;
  drawModel();
  $("h-detail").scrollIntoView();
  $("h-detail").focus({preventScroll: true});
}

function drawModel() {
  const model = byName.get($("pick").value), keys = feed => model.sources[feed];
  const fact = (title, ...content) => [element("dt", {}, title), element("dd", {}, ...content)];
  $("h-detail").textContent = model.name;
  const sla = [model.latency ? `p95 of ${model.latency < 10000 ? `${whole(model.latency)} ms` : `${whole(model.latency / 1000)} s`}` : "nobody waits", model.cold ? "cold starts are fine" : "no cold starts"].join(", ");
  $("facts").replaceChildren(element("dl", {},
    fact("Hosting", `${model.kind}${model.group ? ` in group ${model.group}` : ""}, ${model.silicon}, ${model.size}, ${model.region}`),
    fact("Asked", `${whole(model.requests)} requests a month, ${model.pattern}; ${sla}; ${model.framework}`),
    fact("Carbon", source(`${grams(model.now.g[1])} CO2e a month (${grams(model.now.g[0])} to ${grams(model.now.g[2])})`, [...keys("carbon"), ...keys("energy")]),
      model.now.sci ? `; SCI ${digits(model.now.sci[1])} gCO2e per 1,000 requests` : ""),
    fact("Energy", source(`${digits(model.now.kwh[1])} kWh a month`, keys("energy"))),
    fact("Water", source(`${digits(model.now.water[1])} l a month`, keys("water"))),
    fact("Cost", source(`${dollars(model.now.usd[1])} a month (${dollars(model.now.usd[0])} to ${dollars(model.now.usd[2])})`, keys("cost"))),
    model.beside.length ? fact("Beside it", model.beside.map(([name, g, usd]) => `${name} ${grams(g)} and ${dollars(usd)}`).join("; ")) : [],
    fact("Compared with", source(`${model.usual_type || "the same"} in ${model.usual_region}: ${grams(model.usual.g[1])} CO2e and ${dollars(model.usual.usd[1])}`,
      [...new Set(Object.values(model.usual_sources).flat())]), `; saved ${percent(model.saved.carbon[1])} carbon, ${percent(model.saved.cost[1])} cost`),
    model.share < 1 ? fact("Share", `${digits(model.share * 100)} % of a shared endpoint: half by memory, half by CPU time`) : []));
  drawOwnCharts(model);
  $("why").replaceChildren(element("h3", {}, "Why"),
    ...model.reasons.map(reason => element("div", {}, element("strong", {}, `${reason.about}: ${reason.value}`), `, ${reason.why}`,
      reason.not.length ? element("ul", {}, reason.not.map(([value, why]) => element("li", {}, `not ${value}: ${why}`))) : null)),
    ...(model.advice.length ? [element("h3", {}, "What a looser SLA would save"), element("ul", {}, model.advice.map(text => element("li", {}, text)))] : []),
    ...(model.notes.length ? [element("h3", {}, "To know"), element("ul", {}, model.notes.map(text => element("li", {}, text)))] : []));
}

function drawFigures() {
  fill($("figures"), "Figures", [{title: "Figure"}, {title: "Value", number: true}, {title: "Unit"}, {title: "Low", number: true, less: true},
    {title: "High", number: true, less: true}, {title: "Quality"}, {title: "Source"}, {title: "Date", less: true}],
    Object.values(data.figures).sort((a, b) => a.name.localeCompare(b.name)).map(figure => [figure.name, figure.value === null ? "\u2013" : digits(figure.value),
      figure.unit, figure.low === null ? "\u2013" : digits(figure.low), figure.high === null ? "\u2013" : digits(figure.high),
      figure.quality, figure.source, figure.date]));
}

function drawCharts() {
  drawLadder("ladder", "ladder-table", data.ladder);
  drawTornado();
  drawParts();
  drawBands();
  drawOwnCharts(byName.get($("pick").value));
  drawHistory();
}

function drawOwnCharts(model) {
  drawLadder("own-ladder", "own-ladder-table", model.ladder);
  drawPareto(model);
  drawCurve(model);
}

drawCards();
drawMap();
drawTable();
$("pick").append(...[...byName.keys()].sort().map(name => element("option", {}, name)));
$("pick").value = data.models.reduce((most, model) => model.now.g[1] > most.now.g[1] ? model : most).name;
drawModel();
drawLadder("ladder", "ladder-table", data.ladder);
drawTornado();
drawParts();
drawBands();
drawHistory();
$("pick").addEventListener("change", drawModel);
document.querySelectorAll("input[name=metric]").forEach(input => input.addEventListener("change", () => drawCurve(byName.get($("pick").value))));
$("figures-box").addEventListener("toggle", drawFigures, {once: true});
document.addEventListener("keydown", event => { if (event.key === "Escape") hideTip(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
addEventListener("beforeprint", () => { $("figures-box").open = true; drawFigures(); drawCharts(); });
addEventListener("afterprint", drawCharts);
document.documentElement.dataset.ready = String(Math.round(performance.now()));
