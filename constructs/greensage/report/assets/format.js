// Numbers and elements: how values are written, and how elements are made without ever parsing text as HTML.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter(child => child !== null && child !== undefined));
  return made;
}

function digits(value, count = 3) {
  if (value === null || value === undefined) return "unknown";
  if (value === 0) return "0";
  if (Math.abs(value) < 0.0001) return "<0.0001";
  const places = Math.max(0, count - 1 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en", {minimumFractionDigits: Math.min(places, 6), maximumFractionDigits: Math.min(places, 6)});
}
const grams = value => value === null ? "unknown" : Math.abs(value) >= 1000 ? `${digits(value / 1000)}\u00a0kg` : `${digits(value)}\u00a0g`;
const dollars = value => value === null ? "unknown" : value >= 0.005 || value === 0
  ? `$${value.toLocaleString("en", {minimumFractionDigits: 2, maximumFractionDigits: 2})}` : `$${digits(value, 1)}`;
const counted = (count, one) => `${whole(count)} ${one}${count === 1 ? "" : "s"}`;
const whole = value => Math.round(value).toLocaleString("en");

function percent(share) {
  if (share === null || share === undefined) return "unknown";
  const value = share * 100;
  if (Math.abs(value) < 0.05) return "=";
  // As a percentage it would be a long number that says no more.
  if (value < -1000) return share > -1e6 ? `${whole(1 - share)}\u00a0x` : ">\u00a01,000,000\u00a0x";
  const fine = (value > 99 && value < 100) || Math.abs(value) < 1;
  const shown = fine ? Math.abs(value).toFixed(1).replace(/\.0$/, "") : Math.abs(value).toFixed(0);
  return `${value >= 0 ? "\u2212" : "+"}${shown}\u00a0%`;
}
const tone = share => share > 0.0005 ? "good" : share < -0.0005 ? "bad" : "";

// A table from rows; `columns` say title, whether it is a number, and whether small screens leave it out.
function fill(table, caption, columns, rows) {
  const cell = (tag, column, content, extra) =>
    element(tag, {class: [column.number && "n", column.less && "less"].filter(Boolean).join(" ") || null, ...extra}, content);
  table.replaceChildren(
    element("caption", {class: "quiet", style: "text-align:left"}, caption),
    element("thead", {}, element("tr", {}, columns.map(column => cell("th", column, column.title, {scope: "col"})))),
    element("tbody", {}, rows.map(row => element("tr", {}, row.map((content, index) =>
      index ? cell("td", columns[index], content) : cell("th", columns[index], content, {scope: "row"}))))));
}
