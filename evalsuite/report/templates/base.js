// Shared by both pages: creates elements (text never becomes markup), colours, the theme.
const $ = (selector, inside = document) => inside.querySelector(selector);
const $$ = (selector, inside = document) => [...inside.querySelectorAll(selector)];

// Create an element with properties and children; strings become text nodes.
function el(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made && key !== "role") made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Round as Python does, so that charts and tables agree: a tie goes to the even digit.
function fixed(value, digits = 1) {
  const scaled = value * 10 ** digits;
  const below = Math.floor(scaled);
  return scaled - below === 0.5
    ? ((below + (below % 2 ? 1 : 0)) / 10 ** digits).toFixed(digits)
    : value.toFixed(digits);
}

const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
const percent = (value, digits = 1) =>
  value === null || value === undefined ? "–" : `${fixed(100 * value, digits)}%`;
const points = (value) =>
  value === null ? "–" : `${value > 0 ? "+" : value < 0 ? "−" : ""}${fixed(Math.abs(100 * value))}`;
const chance = (p) => (p === null ? "–" : p < 0.0001 ? "< 0.0001" : p.toPrecision(2).replace(/\.?0+$/, ""));
const tokens = (n) =>
  n === null
    ? "–"
    : n >= 10000
      ? `${Math.round(n / 1000)}k`
      : n >= 1000
        ? `${(n / 1000).toFixed(1)}k`
        : `${Math.round(n)}`;
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// Some browsers refuse storage to pages opened from disk; then the choice is lost with the page.
function stored(key, value) {
  try {
    if (value === undefined) return localStorage.getItem(key);
    localStorage.setItem(key, value);
  } catch {
    /* nothing to remember with */
  }
  return null;
}

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  const button = $("#theme");
  if (button) button.textContent = dark ? "Light" : "Dark";
}

function startTheme(changed) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = stored("evalsuite-theme");
  setTheme(chosen ? chosen === "dark" : system.matches);
  system.addEventListener("change", () => {
    if (!stored("evalsuite-theme")) {
      setTheme(system.matches);
      changed();
    }
  });
  $("#theme").addEventListener("click", () => {
    const dark = document.documentElement.dataset.theme !== "dark";
    stored("evalsuite-theme", dark ? "dark" : "light");
    setTheme(dark);
    changed();
  });
}
