// The map: a circle per Region in use, by carbon; a ring where the usual deployments would run; and the same as a table.
"use strict";
function drawMap() {
  const most = Math.max(...data.regions.map(region => Math.max(region.g, region.usual_g)), 1e-9);
  const radius = grams => grams ? 2 + 12 * Math.sqrt(grams / most) : 0;
  const svg = (tag, attributes, ...children) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  $("map-title").textContent = "World map of the Regions: " + data.regions.filter(region => region.models)
    .map(region => `${region.id} with ${counted(region.models, "model")}`).join(", ");
  // Large circles first, so that small ones stay visible.
  for (const region of [...data.regions].sort((a, b) => b.usual_g - a.usual_g)) {
    const words = svg("title", {}, `${region.id}, ${region.name}: ${grams(region.g)} from ${counted(region.models, "model")}; usual ${grams(region.usual_g)}`);
    const group = svg("g", {transform: `translate(${region.lon} ${-region.lat})`}, words);
    if (region.usual_models) group.append(svg("circle", {class: "was", r: radius(region.usual_g)}));
    if (region.models) {
      group.append(svg("circle", {class: "here", r: Math.max(radius(region.g), 2)}));
    }
    $("dots").append(group);
  }
  label();
  fill($("regions"), "Regions, cleanest first", [{title: "Region"}, {title: "gCO2e/kWh", number: true}, {title: "PUE", number: true, less: true},
    {title: "Matched", less: true}, {title: "Models", number: true}, {title: "CO2e", number: true}, {title: "Usual", number: true, less: true}],
    [...data.regions].sort((a, b) => a.intensity - b.intensity).map(region => [`${region.id}`, source(digits(region.intensity),
      [`${region.id} grid intensity`]), source(digits(region.pue), [`${region.id} PUE`]), region.matched ? "2023" : "–",
      region.models, grams(region.g), grams(region.usual_g)]));
  $("regions").title = "Matched: by renewables over a year, in AWS's statement; it enters no score";

  // Names that would lie on each other are left out; the table has them all.
  function label() {
    const taken = [];
    for (const region of [...data.regions].filter(item => item.models).sort((a, b) => b.g - a.g)) {
      const x = region.lon + radius(region.g) + 1.5, y = -region.lat + 2;
      if (taken.some(([a, b]) => Math.abs(a - x) < 42 && Math.abs(b - y) < 7)) continue;
      taken.push([x, y]);
      $("dots").append(svg("text", {class: "place", x, y, "aria-hidden": "true"}, region.id));
    }
  }
}
