const tokenKey = "heliograph-token";

export const token = () => sessionStorage.getItem(tokenKey);
export const forgetToken = () => sessionStorage.removeItem(tokenKey);

/** What the server refused: `status` is 0 when it could not be reached. */
export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function call(path, options = {}) {
  const headers = { Accept: "application/json", ...options.headers };
  if (token()) headers.Authorization = `Bearer ${token()}`;
  const response = await fetch(path, { ...options, headers }).catch((e) => {
    throw e.name === "AbortError" ? e : new Refused(0, "");
  });
  const body = await response.json().catch(() => null);
  if (!response.ok || body === null || body.success === false) {
    throw new Refused(response.status, body?.error?.message ?? body?.error ?? body?.message ?? `HTTP ${response.status}`);
  }
  return body;
}

export const get = (path, query = {}, signal) => call(`${path}?${new URLSearchParams(query)}`, { signal });

export async function login(username, password) {
  const body = await call("/api/v1/ops/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username, password }),
  });
  const fresh = body.token ?? body.data?.token;
  if (typeof fresh !== "string") throw new Refused(500, "no token");
  sessionStorage.setItem(tokenKey, fresh);
}
