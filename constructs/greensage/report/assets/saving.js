// How the saving came about: the ladder as a waterfall, what matters most as a tornado, and carbon against cost of the options.
"use strict";

function drawLadder(id, table, rungs) {
  const shown = rungs.filter((rung, index) => !index || index === rungs.length - 1 || rung[1] !== rungs[index - 1][1] || rung[2] !== rungs[index - 1][2]);
  const bars = shown.map((rung, index) => index ? [shown[index - 1][1], rung[1]] : [0, rung[1]]);
  const first = rungs[0][1], step = index => first ? (shown[index - 1][1] - shown[index][1]) / first : null;
  const tints = shown.map((rung, index) => !index ? colour("--usual") : rung[1] <= shown[index - 1][1] ? colour("--c1") : colour("--c5"));
  const names = [...shown.map(rung => rung[0]), "planned"];
  draw(id, `From ${grams(first)} of the usual deployment to ${grams(rungs.at(-1)[1])}, step by step`, {
    type: "bar",
    data: {labels: names, datasets: [{data: [...bars, [0, rungs.at(-1)[1]]], backgroundColor: [...tints, colour("--accent")], minBarLength: 2}]},
    options: {indexAxis: "y", scales: {x: {title: {display: true, text: "gCO2e a month"}}, y: {ticks: {autoSkip: false}}},
      plugins: {legend: {display: false}, tooltip: {callbacks: {label: item => item.dataIndex && item.dataIndex < shown.length
        ? [...lined(data.steps[shown[item.dataIndex][0]] || ""), `${percent(step(item.dataIndex))} of the first bar`] : grams(item.raw[1])}}}},
  });
  fill($(table), "After each step", [{title: "Step"}, {title: "gCO2e", number: true}, {title: "Share", number: true}, {title: "USD", number: true},
    {title: "What", less: true}],
    shown.map((rung, index) => [rung[0], digits(rung[1]), index ? percent(step(index)) : "", dollars(rung[2]), index ? data.steps[rung[0]] || "" : "in the first Region that the file allows"]));
}

// A tooltip is as wide as its longest line, and is cut off where the chart ends.
function lined(text, most = 34) {
  const lines = [""];
  for (const word of text.split(" ")) {
    if ((lines.at(-1) + word).length > most) lines.push("");
    lines[lines.length - 1] += (lines.at(-1) ? " " : "") + word;
  }
  return lines;
}

function drawTornado() {
  const rows = data.tornado, now = data.total.g[1];
  draw("tornado", `What matters most: ${rows[0][0]}`, {
    type: "bar", plugins: [middles],
    data: {labels: rows.map(row => lined(row[0], 18)), datasets: [{data: rows.map(row => [row[1], row[2]]), backgroundColor: colour("--c3"), middle: rows.map(() => now)}]},
    options: {indexAxis: "y", scales: {x: {title: {display: true, text: "gCO2e a month of all models"}}, y: {ticks: {autoSkip: false}}},
      plugins: {legend: {display: false}, tooltip: {callbacks: {label: item => `${grams(item.raw[0])} to ${grams(item.raw[1])}`}}}},
  });
  fill($("tornado-table"), "gCO2e a month of all models, with one assumption at the ends of its band", [{title: "Assumption"}, {title: "Low", number: true},
    {title: "High", number: true}], rows.map(row => [row[0], grams(row[1]), grams(row[2])]));
}

function drawPareto(model) {
  // Without a price or a figure there is no place for a point; without the chosen one there is nothing to compare.
  const [chosen, ...all] = model.pareto, others = chosen[0] && chosen[1] ? all.filter(point => point[0] && point[1]) : [], known = [chosen, ...others];
  $("pareto-box").hidden = !others.length;
  if (!others.length) return;
  const set = (label, points, tint, style, radius) => ({label, backgroundColor: tint, borderColor: tint, pointStyle: style, pointRadius: radius,
    data: points.map(point => ({x: point[1], y: point[0], name: point[2]}))});
  const log = (text, values) => {
    const least = Math.min(...values), most = Math.max(...values), wide = most / least > 30;
    return {type: "logarithmic", title: {display: true, text}, min: least / 1.4, max: most * 1.4,
      ticks: {callback: wide ? tick : value => digits(value, 2), maxTicksLimit: 8}};
  };
  const sets = [set("chosen", [chosen], colour("--accent"), "star", 9), set("none is better in both", others.filter(point => point[3]), colour("--c2"), "circle", 5),
    set("others", others.filter(point => !point[3]), colour("--c6"), "triangle", 4)].filter(item => item.data.length);
  draw("pareto", `Carbon against cost of ${known.length} ways to host ${model.name}`, {
    type: "scatter",
    data: {datasets: sets},
    options: {scales: {x: log("USD a month", known.map(point => point[1])), y: log("gCO2e a month", known.map(point => point[0]))},
      plugins: {legend: {position: "bottom", labels: {usePointStyle: true}},
        tooltip: {callbacks: {label: item => [...lined(item.raw.name), `${grams(item.raw.y)}, ${dollars(item.raw.x)}`]}}}},
  });
  fill($("pareto-table"), "A month of the model alone", [{title: "Way"}, {title: "gCO2e", number: true}, {title: "USD", number: true}],
    known.map(point => [point[2], grams(point[0]), dollars(point[1])]));
}
