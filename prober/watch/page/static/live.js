// Keeps a page live: a stream says when to look again, parts are fetched and put in
// place node by node, so that focus, open details and the scrolled place stay.
"use strict";
(() => {
  const SILENCE = 12000; // ms without a word, after which the page is not live
  const RETRY = 5000;
  const clock = document.getElementById("clock");
  const word = document.getElementById("clock-word");
  const time = document.getElementById("clock-time");
  const said = document.getElementById("said");
  const parts = [...document.querySelectorAll("[data-part]")];
  const marks = new Map(); // what each part was last fetched for
  let ahead = Number(clock.dataset.now) - Date.now(); // the daemon's clock before ours
  let heard = 0;
  let shown = Number(clock.dataset.now);
  let stream = null;
  let told = announced();

  function announced() {
    return [...document.querySelectorAll("[data-said]")].map((e) => e.textContent).join();
  }

  function text(ms) {
    return new Date(ms).toISOString().slice(11, 19);
  }

  function tick() {
    const live = stream !== null && Date.now() - heard < SILENCE;
    clock.classList.toggle("live", live);
    clock.classList.toggle("lost", !live);
    const words = live ? "live" : "not live since";
    const at = text(live ? Date.now() + ahead : shown);
    if (word.textContent !== words) {
      word.textContent = words;
      if (!live) said.textContent = `${words} ${at}`;
    }
    if (time.textContent !== at) time.textContent = at;
  }

  // Makes a node like another one without replacing what is the same.
  function become(old, fresh) {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
      old.replaceWith(fresh);
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    for (const each of [...old.attributes]) {
      const kept = old.nodeName === "DETAILS" && each.name === "open";
      if (!kept && !fresh.hasAttribute(each.name)) old.removeAttribute(each.name);
    }
    for (const each of fresh.attributes) {
      if (old.getAttribute(each.name) !== each.value) old.setAttribute(each.name, each.value);
    }
    children(old, fresh);
  }

  // Children with an id are matched by it, so that cards keep focus when they move.
  function children(old, fresh) {
    const wanted = [...fresh.childNodes];
    wanted.forEach((node, place) => {
      const named = node.id ? [...old.children].find((e) => e.id === node.id) : null;
      const there = old.childNodes[place];
      if (named && named !== there) old.insertBefore(named, there ?? null);
      const now = old.childNodes[place];
      if (now) become(now, node);
      else old.appendChild(node);
    });
    while (old.childNodes.length > wanted.length) old.lastChild.remove();
  }

  async function renew(part, mark) {
    if (part.dataset.busy) return;
    part.dataset.busy = "1";
    try {
      const answer = await fetch(part.dataset.part, { cache: "no-store" });
      if (!answer.ok) return;
      const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = document.createElement(part.nodeName);
      fresh.append(...parsed.body.childNodes);
      const focus = document.activeElement;
      children(part, fresh);
      if (focus !== document.activeElement && part.contains(focus)) focus.focus();
      marks.set(part, mark);
      tell();
    } catch {
      // The stream tells when the page is away; the next word tries again.
    } finally {
      delete part.dataset.busy;
    }
  }

  function tell() {
    const now = announced();
    if (now !== told) said.textContent = now;
    told = now;
  }

  function hear(event) {
    const told = JSON.parse(event.data);
    heard = Date.now();
    shown = told.now;
    ahead = told.now - heard;
    tick();
    for (const part of parts) {
      const mark = part.dataset.when === "cycle" ? told.cycles : told.at;
      if (marks.get(part) !== mark) renew(part, mark);
    }
  }

  function listen() {
    if (stream || document.hidden) return;
    stream = new EventSource("/events");
    stream.onmessage = hear;
    stream.onerror = () => {
      if (stream && stream.readyState === EventSource.CLOSED) {
        stream = null;
        setTimeout(listen, RETRY);
      }
      tick();
    };
  }

  // A page that nobody sees holds no stream: browsers allow six of them to one address.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && stream) {
      stream.close();
      stream = null;
    }
    listen();
  });
  heard = Date.now();
  listen();
  setInterval(tick, 1000);
  tick();
})();
