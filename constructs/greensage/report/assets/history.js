// What was measured in each month: shown where a history was given.
"use strict";
function drawHistory() {
  $("history").hidden = !data.history.length;
  if (!data.history.length) return;
  const per = (row, key) => row.requests ? row[key] * 1000 / row.requests : null;
  const months = data.history, [c1, c2] = palette();
  const line = (label, key, axis, borderColor, index) => ({label, yAxisID: axis, borderColor, backgroundColor: borderColor, borderDash: DASHES[index],
    borderWidth: 2, spanGaps: true, data: months.map(row => per(row, key))});
  const first = per(months[0], "g"), last = per(months[months.length - 1], "g");
  draw("trend", `Per 1,000 inferences, by month: from ${grams(first)} in ${months[0].month} to ${grams(last)} in ${months[months.length - 1].month}`, {
    type: "line",
    data: {labels: months.map(row => row.month), datasets: [line("gCO2e", "g", "y", c1, 0), line("vCPU-hours", "vcpu_hours", "right", c2, 1)]},
    options: {scales: {y: {min: 0, title: {display: true, text: "gCO2e per 1,000"}},
      right: {min: 0, position: "right", grid: {drawOnChartArea: false}, title: {display: true, text: "vCPU-hours per 1,000"}}},
      plugins: {legend: {position: "bottom"}, tooltip: {callbacks: {label: item => `${item.dataset.label}: ${digits(item.raw)}`}}}},
  });
  const shown = value => value === null ? "\u2013" : digits(value);
  fill($("trend-table"), "All models together", [{title: "Month"}, ...["Requests", "kWh", "gCO2e", "USD", "gCO2e per 1,000", "Wh per 1,000", "vCPU-hours per 1,000"]
    .map(title => ({title, number: true}))],
    months.map(row => [row.month, whole(row.requests), digits(row.kwh), digits(row.g), digits(row.usd), shown(per(row, "g")),
      shown(row.requests ? row.kwh * 1e6 / row.requests : null), shown(per(row, "vcpu_hours"))]));
  const names = [...new Set(months.flatMap(row => Object.keys(row.models)))].sort();
  fill($("kpi-table"), "vCPU-hours per 1,000 inferences (proxy: vCPU-hours provisioned; business unit: 1,000 inferences)",
    [{title: "Model"}, ...months.map(row => ({title: row.month, number: true})), {title: "Change", number: true}],
    names.map(name => {
      const values = months.map(row => row.models[name] ?? null), known = values.filter(value => value !== null);
      const change = known.length > 1 && known[known.length - 2] ? percent(1 - known[known.length - 1] / known[known.length - 2]) : "";
      return [name, ...values.map(shown), change];
    }));
}
