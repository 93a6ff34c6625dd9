const firstDelayMs = 500;
const longestDelayMs = 30_000;
// A connection that lasted this long counts as good: the next loss starts again at the first delay.
const goodAfterMs = 5_000;

/**
 * Keeps a WebSocket on `topics` open for ever, with doubling delays and jitter between attempts.
 * `onState` hears connecting, live, waiting; "live" is also the moment to fetch what was missed.
 */
export function follow(topics, onMessage, onState) {
  let delay = firstDelayMs;

  function connect() {
    onState("connecting");
    const url = new URL(`/api/ws?${new URLSearchParams({ topics })}`, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    let good = 0;
    socket.onopen = () => {
      good = setTimeout(() => { delay = firstDelayMs; }, goodAfterMs);
      onState("live");
    };
    socket.onmessage = (event) => {
      let message;
      try {
        message = JSON.parse(event.data);
      } catch {
        return; // not for us: the next message stands on its own
      }
      if (typeof message?.topic === "string" && message.data) onMessage(message);
    };
    socket.onclose = () => {
      clearTimeout(good);
      onState("waiting");
      setTimeout(connect, delay * (0.75 + Math.random() / 2));
      delay = Math.min(delay * 2, longestDelayMs);
    };
  }

  connect();
}
