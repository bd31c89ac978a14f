// Session cookies: a visitor's id and its signature under SESSION_SECRET.
const COOKIE = "codex_session";
const SESSION = /(?:^|;\s*)codex_session=([\w-]+)\.([0-9a-f]{64})(?:;|$)/;
const text = new TextEncoder();

const signingKey = (secret) =>
  crypto.subtle.importKey("raw", text.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
    "verify",
  ]);

const toHex = (buffer) =>
  Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");

const fromHex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** The `set-cookie` value that gives `visitor` a session. */
export async function sessionCookie(visitor, secret) {
  const signature = await crypto.subtle.sign("HMAC", await signingKey(secret), text.encode(visitor));
  return `${COOKIE}=${visitor}.${toHex(signature)}; Path=/; HttpOnly; Secure; SameSite=Lax`;
}

/** The visitor a request's cookie names, or null when there is none or it was not signed here. */
export async function visitorOf(request, secret) {
  const cookies = request.headers.get("cookie") ?? "";
  const found = cookies.match(SESSION);
  if (!found) return null;
  const [, visitor, signature] = found;
  const key = await signingKey(secret);
  const genuine = await crypto.subtle.verify("HMAC", key, fromHex(signature), text.encode(visitor));
  return genuine ? visitor : null;
}
