// Replaces the page's content by the newest after each interval, and says so when there is none to be had.
"use strict";
const main = document.querySelector("main");
const live = document.getElementById("live");
const interval = Number(main.dataset.intervalMs);

async function refresh() {
  try {
    const answer = await fetch("/ui/content", { cache: "no-store" });
    if (!answer.ok) throw new Error(`the companion answers ${answer.status}`);
    main.innerHTML = await answer.text();
    live.textContent = "live";
    live.className = "";
  } catch (error) {
    live.textContent = `not live: ${error.message}`;
    live.className = "stopped";
  }
  setTimeout(refresh, interval);
}
setTimeout(refresh, interval);
