// The one script of the pages. Every page says everything without it; it adds what a reload cannot:
// pages of what is under way read themselves again, keys move about, old addresses lead on.

const LIVE_EVERY_MS = 4000;
const PLACES = { h: "/", p: "/plan", d: "/data", r: "/runs", e: "/experiments", m: "/models",
  s: "/schedules", a: "/alerts" };

// MLflow's clients print addresses of its own pages: #/experiments/2/runs/0123…
const old = /^#\/experiments\/(\d+)(?:\/runs\/([0-9A-Za-z_-]+))?/.exec(location.hash);
if (old) location.replace(old[2] ? `/runs/${old[2]}` : `/experiments/${old[1]}`);

const isTyping = (at) => at instanceof Element && at.closest("input, select, textarea") !== null;

// What a person has opened, ticked, scrolled or focused stays as it was.
function morph(now, then) {
  if (now.isEqualNode(then)) return;
  const isSame = now.nodeType === then.nodeType && now.nodeName === then.nodeName;
  if (!isSame) return void now.replaceWith(then);
  if (now.nodeType !== Node.ELEMENT_NODE) return void (now.nodeValue = then.nodeValue);
  if (isTyping(now)) return;
  for (const { name } of [...now.attributes]) {
    if (!then.hasAttribute(name) && !(now.nodeName === "DETAILS" && name === "open")) now.removeAttribute(name);
  }
  for (const { name, value } of then.attributes) {
    if (now.getAttribute(name) !== value) now.setAttribute(name, value);
  }
  const olds = [...now.childNodes];
  const news = [...then.childNodes];
  news.forEach((child, place) => (olds[place] ? morph(olds[place], child) : now.append(child)));
  olds.slice(news.length).forEach((child) => child.remove());
}

async function renew() {
  const main = document.querySelector("main[data-live]");
  if (!main || document.hidden) return;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const then = page.querySelector("main");
    if (then) morph(main, document.adoptNode(then));
  } catch {
    // The server is away for a moment: the page keeps what it knows.
  }
}

if (document.querySelector("main[data-live]")) setInterval(renew, LIVE_EVERY_MS);

// g and a letter go to a place, / to the filter, ? says so.
let isGoing = false;
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const key = event.key;
  if (isGoing && PLACES[key]) location.assign(PLACES[key]);
  isGoing = key === "g";
  const filter = document.querySelector("form[role=search] input");
  if (key === "/" && filter) {
    event.preventDefault();
    filter.focus();
  }
  const keys = document.getElementById("keys");
  if (key === "?" && keys) keys.showModal();
});

// A wide drawing opens where the thing is that it is about.
document.querySelectorAll(".drawing").forEach((frame) => {
  const here = frame.querySelector(".here");
  if (!here) return;
  const box = here.getBoundingClientRect();
  const around = frame.getBoundingClientRect();
  frame.scrollLeft += box.left + box.width / 2 - around.left - around.width / 2;
});
