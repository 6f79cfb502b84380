"use strict";
const field = document.getElementById("filter");
const menu = document.querySelector(".menu");
const entries = [...menu.querySelectorAll("li[data-words]")];
field.hidden = false;
field.addEventListener("input", () => {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const entry of entries) entry.hidden = !words.every((word) => entry.dataset.words.includes(word));
  for (const group of menu.querySelectorAll("section")) group.hidden = !group.querySelector("li:not([hidden])");
  document.getElementById("none").hidden = entries.some((entry) => !entry.hidden);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input")) {
    event.preventDefault();
    field.focus();
  }
});
const narrow = matchMedia("(max-width: 760px)");
const fold = () => { menu.open = !narrow.matches; };
narrow.addEventListener("change", fold);
fold();
menu.addEventListener("click", (event) => {
  if (narrow.matches && event.target.closest("a")) menu.open = false;
});
const links = new Map(entries.map((entry) => [entry.firstElementChild.hash.slice(1), entry.firstElementChild]));
let current;
const observer = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) {
    if (!isIntersecting) continue;
    current?.removeAttribute("aria-current");
    current = links.get(target.id);
    current?.setAttribute("aria-current", "true");
    if (!narrow.matches) current?.scrollIntoView({ block: "nearest" });
  }
}, { rootMargin: "-64px 0px -75% 0px" });
for (const article of document.querySelectorAll("article")) observer.observe(article);
