// Asks for the build that the address names while the page's own script is still on its way; src/api/client.ts takes the answer.
(() => {
  const named = /^#\/?builds\/(\d{1,18})(?:\?|$)/.exec(location.hash);
  if (!named) return;
  const url = new URL(`api/v1/builds/${named[1]}`, document.baseURI).href;
  const answer = fetch(url, { headers: { accept: 'application/json' }, credentials: 'same-origin' });
  // Whoever takes it hears of it; if nobody does, nobody needs to.
  answer.catch(() => undefined);
  globalThis.crossmillEarly = { url, answer, at: performance.now() };
})();
