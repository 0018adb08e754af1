// Asks for the page again every ten seconds and puts what is new in its place. Without it, the page is the same, and
// as old as when it was loaded. It remembers nothing and asks nobody else.
"use strict";
(() => {
  const EVERY = 10_000;
  const SOON = 2_000; // the first look at a large journal may take longer than anybody waits for a page
  const note = document.getElementById("note");
  let etag = "";
  let asked = Date.now();
  let looking = false;

  const show = (text) => {
    const come = new DOMParser().parseFromString(text, "text/html");
    const fresh = come.getElementById("live");
    const live = document.getElementById("live");
    if (fresh === null) throw new Error("not the status page");
    const opened = [...live.querySelectorAll("details[open]")].map((one) => one.id);
    const within = live.contains(document.activeElement) ? document.activeElement.closest("details") : null;
    const place = window.scrollY;
    live.replaceWith(fresh);
    for (const id of opened) {
      const again = document.getElementById(id);
      if (again instanceof HTMLDetailsElement) again.open = true;
    }
    if (within !== null) document.getElementById(within.id)?.querySelector("summary")?.focus({ preventScroll: true });
    window.scrollTo(0, place);
    document.title = come.title;
    const said = document.getElementById("summary");
    const news = come.getElementById("summary");
    if (said.textContent !== news.textContent) said.textContent = news.textContent;
    said.className = news.className;
  };

  const look = async () => {
    if (document.hidden || looking) return;
    if (document.getSelection()?.isCollapsed === false) {
      note.textContent = "Not followed while you have text selected.";
      return;
    }
    looking = true;
    try {
      const answer = await fetch(window.location.href, {
        cache: "no-store",
        redirect: "error",
        headers: etag ? { "If-None-Match": etag } : {},
        signal: AbortSignal.timeout(EVERY),
      });
      if (answer.status !== 304 && !answer.ok) throw new Error(String(answer.status));
      if (answer.status !== 304) {
        const text = await answer.text();
        etag = answer.headers.get("ETag") ?? "";
        show(text);
      }
      asked = Date.now();
      note.textContent = "";
    } catch {
      const minutes = Math.floor((Date.now() - asked) / 60_000);
      const since = minutes < 1 ? "less than a minute" : minutes === 1 ? "1 minute" : `${minutes} minutes`;
      note.textContent = `This page could not be asked for again: what you see is ${since} old. It goes on trying.`;
    } finally {
      looking = false;
    }
  };

  window.setTimeout(look, SOON);
  window.setInterval(look, EVERY);
  document.addEventListener("visibilitychange", look);
})();
