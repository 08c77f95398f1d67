"use strict";
// What the scripts of both pages begin with.
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};
// The colours of the page are those of its style, so that they follow light and dark.
const colour = (value, largest) => {
  const part = largest ? Math.min(Math.abs(value) / largest, 1) : 0;
  return `color-mix(in srgb, var(--${value < 0 ? "against" : "for"}) ${(100 * part).toFixed(1)}%, var(--ground))`;
};
// A bar from 0 with its interval, if there is one; to both sides if it is signed.
const drawBar = (tag, name, value, low, high, reach, isSigned, text) => {
  const item = make("li"), row = make(tag, "bar"), axis = make("div", "axis");
  const zero = make("div", "zero"), filled = make("div", "value"), title = make("span", "name", name);
  const percent = (v) => (isSigned ? 50 + (48 * v) / reach : (96 * v) / reach);
  zero.style.left = `${percent(0)}%`;
  filled.style.left = `${percent(Math.min(0, value))}%`;
  filled.style.width = `${Math.abs(percent(value) - percent(0))}%`;
  filled.style.background = value < 0 ? "var(--against)" : "var(--for)";
  axis.append(zero, filled);
  if (low !== null && high !== null) {
    const error = make("div", "error");
    error.style.left = `${percent(low)}%`;
    error.style.width = `${percent(high) - percent(low)}%`;
    axis.append(error);
  }
  row.title = name;
  row.append(title, axis, make("span", "number", text));
  item.append(row);
  return [item, row];
};
