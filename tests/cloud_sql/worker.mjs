// A Worker whose database is Neon's, reached in every way that Workers have; nothing in it knows of the local cloud.
import { neon, Pool } from "@neondatabase/serverless";
import postgres from "postgres";

const ways = {
  async http(url) {
    const sql = neon(url);
    const [rows, [{ n }]] = await sql.transaction([sql`SELECT id, name FROM things ORDER BY id LIMIT 2`, sql`SELECT ${2}::int AS n`]);
    return { rows, n };
  },

  async error(url) {
    try {
      return await neon(url)`SELECT nothing`;
    } catch ({ name, code, position }) {
      return { name, code, position };
    }
  },

  async socket(url) {
    const pool = new Pool({ connectionString: url });
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      await client.query("INSERT INTO things VALUES ($1, $2)", [50, "for a moment"]);
      const { rows } = await client.query("SELECT name FROM things WHERE id = $1", [50]);
      await client.query("ROLLBACK");
      return { rows, after: (await pool.query("SELECT 1 FROM things WHERE id = 50")).rowCount };
    } finally {
      client.release();
      await pool.end();
    }
  },

  async tcp(url) {
    const sql = postgres(url, { max: 1, fetch_types: false, prepare: false });
    try {
      return await sql`SELECT count(*)::int AS n FROM things WHERE id < ${3}`;
    } finally {
      await sql.end();
    }
  },

  host: (url) => new URL(url).hostname,
  pooled: (url) => ways.http(url.replace(/@([^.]+)/, "@$1-pooler")),
};

export default {
  async fetch(request, env) {
    const way = new URL(request.url).pathname.slice(1);
    try {
      return Response.json(await ways[way](env.DATABASE_URL));
    } catch (error) {
      return new Response(String(error.stack ?? error), { status: 500 });
    }
  },
};
