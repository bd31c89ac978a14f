// The way to Postgres, the same in Workers and in Node.
import postgres from "postgres";

/** The URL as the client reads it: what it does not know it would send on as a server setting. */
export function connectionUrl(text) {
  const url = new URL(text);
  url.searchParams.delete("channel_binding");
  return url.href;
}

/**
 * Runs `use` with a connection of its own and ends it. A Worker may not share sockets between
 * requests, and a pooler in front of the database allows no prepared statements.
 */
export async function withDatabase(url, use) {
  const sql = postgres(connectionUrl(url), {
    max: 1,
    prepare: false,
    fetch_types: false,
    connect_timeout: 5,
  });
  try {
    return await use(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

export const listProducts = (sql) =>
  sql`SELECT slug, title, price_cents, currency FROM products WHERE published ORDER BY title`;

export async function countUsers(sql) {
  const [row] = await sql`SELECT count(*)::int AS users FROM users`;
  return row.users;
}

export async function deleteExpiredSessions(sql) {
  const gone = await sql`DELETE FROM sessions WHERE expires_at < now()`;
  return gone.count;
}
