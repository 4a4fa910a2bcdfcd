// Charts: drawn anew when the colour scheme changes or the page is printed; each has a table beside it.
"use strict";
const charts = {};
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const palette = () => ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6"].map(colour);
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [4, 4], [1, 4]];

function draw(id, label, config) {
  if (charts[id]) charts[id].destroy();
  $(id).setAttribute("aria-label", label);
  Chart.defaults.color = colour("--ink");
  Chart.defaults.borderColor = colour("--line");
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  config.options = {animation: false, responsive: true, maintainAspectRatio: false, ...config.options};
  charts[id] = new Chart($(id), config);
}

function drawParts() {
  const colours = palette();
  const rows = [["usual", data.usual], ["planned", data.total]];
  draw("parts", `Emissions by part: usual ${grams(data.usual.g[1])}, planned ${grams(data.total.g[1])}`, {
    type: "bar",
    data: {labels: rows.map(row => row[0]), datasets: data.parts.map((name, index) => ({
      label: name, data: rows.map(row => row[1].parts[index]), backgroundColor: colours[index]}))},
    options: {indexAxis: "y", scales: {x: {stacked: true, title: {display: true, text: "gCO2e a month"}}, y: {stacked: true, ticks: {autoSkip: false}}},
      plugins: {legend: {position: "bottom"}, tooltip: {callbacks: {label: item => `${item.dataset.label}: ${grams(item.raw)}`}}}},
  });
  fill($("parts-table"), "gCO2e a month, middle", [{title: "Part"}, {title: "Usual", number: true}, {title: "Planned", number: true}],
    data.parts.map((name, index) => [name, digits(data.usual.parts[index]), digits(data.total.parts[index])]));
}

const MEASURES = [["carbon", "g", grams], ["energy", "kwh", value => `${digits(value)} kWh`], ["water", "water", value => `${digits(value)} l`],
  ["cost", "usd", dollars]];

// The tick in the middle of a floating bar.
const middles = {id: "middles", afterDatasetsDraw(chart) {
  const {ctx} = chart;
  chart.data.datasets.forEach((dataset, index) => chart.getDatasetMeta(index).data.forEach((bar, row) => {
    if (dataset.middle[row] === null) return;
    const x = chart.scales.x.getPixelForValue(dataset.middle[row]);
    ctx.fillStyle = colour("--ink");
    ctx.fillRect(x - 1.5, bar.y - bar.height / 2 - 2, 3, bar.height + 4);
  }));
}};

function drawBands() {
  const shown = MEASURES.filter(([, key]) => data.usual[key][1] && data.total[key][1] !== null);
  const share = (side, key) => data[side][key].map(value => 100 * value / data.usual[key][1]);
  const [c1, c2] = palette();
  const set = (side, label, backgroundColor) => ({label, backgroundColor, data: shown.map(([, key]) => [share(side, key)[0], share(side, key)[2]]),
    middle: shown.map(([, key]) => share(side, key)[1])});
  draw("bands", "Uncertainty: low to high of the usual and of the planned deployment", {
    type: "bar", plugins: [middles],
    data: {labels: shown.map(row => row[0]), datasets: [set("usual", "usual", c2), set("total", "planned", c1)]},
    options: {indexAxis: "y", scales: {x: {min: 0, title: {display: true, text: "% of the usual deployment"}}, y: {ticks: {autoSkip: false}}},
      plugins: {legend: {position: "bottom"}, tooltip: {callbacks: {label: item =>
        `${item.dataset.label}: ${digits(item.raw[0])} to ${digits(item.raw[1])} %`}}}},
  });
  const row = (side, label) => MEASURES.map(([name, key, words]) => [`${name}, ${label}`, ...data[side][key].map(words)]);
  fill($("bands-table"), "A month", [{title: "Measure"}, ...["Low", "Middle", "High"].map(title => ({title, number: true}))],
    [...row("usual", "usual"), ...row("total", "planned")]);
}

// A line at the traffic that the file names.
const today = {id: "today", afterDraw(chart) {
  const at = chart.config.options.today, {ctx, chartArea: area, scales: {x}} = chart;
  if (!at || at < x.min || at > x.max) return;
  const place = x.getPixelForValue(at), right = place > (area.left + area.right) / 2;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("--ink");
  ctx.setLineDash([4, 4]);
  ctx.beginPath(); ctx.moveTo(place, area.top); ctx.lineTo(place, area.bottom); ctx.stroke();
  ctx.textAlign = right ? "right" : "left";
  ctx.fillText("now", place + (right ? -5 : 5), area.top + 12);
  ctx.restore();
}};

function drawCurve(model) {
  const curve = model.curve === null ? null : data.curves[model.curve];
  $("curve-box").hidden = !curve;
  $("curve-text").textContent = curve ? curve.text : "The file names the hosting kind, so there is nothing to choose.";
  if (!curve) return;
  const metric = document.querySelector("input[name=metric]:checked").value, unit = metric === "g" ? "gCO2e" : "USD";
  const colours = palette();
  draw("curve", `${unit} per 1,000 requests by requests a month: ${curve.text}`, {
    type: "line", plugins: [today],
    data: {datasets: curve.kinds.map((item, index) => ({label: item.kind, borderColor: colours[index % 6], backgroundColor: colours[index % 6],
      borderDash: DASHES[index % 6], borderWidth: 2, pointRadius: 1.5, spanGaps: true,
      data: curve.x.map((x, row) => ({x, y: item[metric][row]})).filter(point => point.y !== null)}))},
    options: {today: model.requests, parsing: true, interaction: {mode: "nearest", axis: "x", intersect: false},
      scales: {x: {type: "logarithmic", title: {display: true, text: "requests a month"}, ticks: {callback: tick}},
        y: {type: "logarithmic", title: {display: true, text: `${unit} per 1,000`}, ticks: {callback: tick}}},
      plugins: {legend: {position: "bottom"}, tooltip: {callbacks: {
        title: items => `${whole(items[0].raw.x)} requests a month`, label: item => `${item.dataset.label}: ${digits(item.raw.y)} ${unit}`}}}},
  });
  fill($("curve-table"), `${unit} per 1,000 requests`, [{title: "Requests a month"}, ...curve.kinds.map(item => ({title: item.kind, number: true}))],
    curve.x.map((x, row) => [whole(x), ...curve.kinds.map(item => item[metric][row] === null ? "\u2013" : digits(item[metric][row]))]));
}

// Powers of ten only: the rest would be clutter.
function tick(value) {
  const power = Math.log10(value);
  return Math.abs(power - Math.round(power)) < 1e-9 ? (value >= 1 ? value.toLocaleString("en", {notation: "compact"}) : String(value)) : "";
}
