// Drivers of node, unmodified, on a branch of a local cloud, awake or not:
//   node neon_drivers.mjs NODE_MODULES ORIGIN PROJECT
// The connection string is in URI, as neonctl prints it, and the key in NEON_TOKEN; what is printed, check.mjs says.
// Each driver writes a row into "written (driver text)", which others look for.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { check, end } from "./check.mjs";

const [parts, origin, projectId] = process.argv.slice(2);
const { NEON_TOKEN, URI } = process.env;
const load = createRequire(parts + "/");
const bring = (path) => import(pathToFileURL(`${parts}/${path}`));
const pg = load("pg");
const { default: postgres } = await bring("postgres/src/index.js");
const { neon, neonConfig, Pool } = await bring("@neondatabase/serverless/index.mjs");

// How a program of node reaches SQL over HTTP and WebSockets here.
neonConfig.fetchEndpoint = `${origin}/sql`;
neonConfig.wsProxy = `${new URL(origin).host}/v2`;
neonConfig.useSecureWebSocket = false;

const without = (uri, ...names) => {
  const url = new URL(uri);
  for (const name of names) url.searchParams.delete(name);
  return url.href;
};
const clear = without(URI, "sslmode", "channel_binding");
const insert = "insert into written values ($1)";
const ssl = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";

async function api(method, path) {
  const answer = await fetch(`${origin}/api/v2/projects/${projectId}${path}`, { method,
    headers: { authorization: `Bearer ${NEON_TOKEN}` } });
  assert.ok(answer.ok, await answer.clone().text());
  return answer.json();
}

const host = new URL(URI).hostname;
const mine = async () => (await api("GET", "/endpoints")).endpoints.find((endpoint) => endpoint.host === host);

// The compute sleeps, as after minutes without anybody.
async function suspended() {
  const { id } = await mine();
  await api("POST", `/endpoints/${id}/suspend`);
  for (let i = 0; i < 600 && (await mine()).current_state !== "idle"; i += 1) await new Promise((go) => setTimeout(go, 50));
  assert.equal((await mine()).current_state, "idle");
}

async function withClient(config, body) {
  const client = new pg.Client(typeof config === "string" ? { connectionString: config } : config);
  await client.connect();
  try { return await body(client); } finally { await client.end(); }
}

async function withSql(uri, body) {
  const sql = postgres(uri, { max: 1, onnotice() {} });
  try { return await body(sql); } finally { await sql.end({ timeout: 5 }); }
}

async function withPool(body) {
  const pool = new Pool({ connectionString: URI });
  try { return await body(pool); } finally { await pool.end(); }
}

// ---- node-postgres ------------------------------------------------------------------------------

await check("node-postgres with TLS, whose authority it was told of", () => withClient(URI, async (client) => {
  assert.deepEqual((await client.query(ssl)).rows, [{ ssl: true }]);
  await client.query(insert, ["node-postgres"]);
}));

await check("node-postgres with TLS refuses an authority that it was not told of", async () => {
  const program = `const pg = require("pg"); new pg.Client(process.env.URI).connect()
    .then(() => console.log("connected"), (e) => console.log(e.code)).finally(() => process.exit());`;
  const { stdout } = await promisify(execFile)(process.execPath, ["-e", program],
    { cwd: parts, env: { URI, PATH: process.env.PATH } });
  assert.match(stdout, /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY/);
});

await check("node-postgres wakes a compute, without TLS", async () => {
  await suspended();
  await withClient(`${clear}?sslmode=disable`, async (client) => {
    assert.deepEqual((await client.query(ssl)).rows, [{ ssl: false }]);
    await client.query(insert, ["node-postgres waking"]);
  });
  assert.equal((await mine()).current_state, "active");
});

await check("node-postgres learns of a wrong password, and of a database that is not there", async () => {
  const wrong = new URL(URI);
  wrong.password = "wrong";
  await assert.rejects(withClient(wrong.href, () => {}), { code: "28P01" });
  await assert.rejects(withClient(URI.replace("/neondb?", "/nowhere?"), () => {}), { code: "3D000" });
});

await check("a pool of node-postgres works beside itself", async () => {
  const pool = new pg.Pool({ connectionString: URI, max: 8 });
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => pool.query("select $1::int as i", [i])));
  assert.deepEqual(answers.map((answer) => answer.rows[0].i), Array.from({ length: 40 }, (_, i) => i));
  await pool.end();
});

// ---- postgres.js --------------------------------------------------------------------------------

await check("postgres.js hands parameters of the address on that only others know", () =>
  assert.rejects(withSql(URI, (sql) => sql`select 1`), { code: "42704" }));

await check("postgres.js with TLS", () => withSql(without(URI, "channel_binding"), async (sql) => {
  assert.deepEqual([...await sql.unsafe(ssl)], [{ ssl: true }]);
  await sql`insert into written values (${"postgres.js"})`;
}));

await check("postgres.js wakes a compute", async () => {
  await suspended();
  await withSql(clear, async (sql) => {
    await sql.begin(async (tx) => { await tx`insert into written values (${"postgres.js waking"})`; });
    await assert.rejects(sql.begin(async (tx) => {
      await tx`insert into written values (${"taken back"})`;
      throw new Error("no");
    }), /no/);
  });
});

await check("postgres.js is told what others notify", () => withSql(clear, async (sql) => {
  const told = new Promise((resolve) => { sql.listen("news", resolve, () => sql.notify("news", "hello")); });
  assert.equal(await told, "hello");
}));

// ---- the serverless driver ----------------------------------------------------------------------

await check("the serverless driver by HTTP: values, types, errors", async () => {
  const sql = neon(URI);
  await sql`insert into written values (${"serverless by HTTP"})`;
  const [row] = await sql`select 7 as n, true as b, array[1, 2] as list, '{"a": 1}'::jsonb as json, null as nothing`;
  assert.deepEqual(row, { n: 7, b: true, list: [1, 2], json: { a: 1 }, nothing: null });
  await assert.rejects(sql`select * from nowhere`, { code: "42P01", name: "NeonDbError" });
});

await check("the serverless driver by HTTP: a transaction is whole or not at all", async () => {
  const sql = neon(URI);
  const answers = await sql.transaction([sql`insert into written values ('serverless in a transaction')`,
    sql`select count(*)::int as n from written where driver = 'serverless in a transaction'`]);
  assert.deepEqual(answers[1], [{ n: 1 }]);
  await assert.rejects(sql.transaction([sql`insert into written values ('taken back')`, sql`select 1 / 0`]),
    { code: "22012" });
});

await check("the serverless driver by HTTP wakes a compute", async () => {
  await suspended();
  assert.deepEqual(await neon(URI)`select 1 as one`, [{ one: 1 }]);
});

await check("the serverless driver by WebSocket wakes a compute, and holds a session", async () => {
  await suspended();
  await withPool(async (pool) => {
    const client = await pool.connect();
    await client.query("begin");
    await client.query(insert, ["serverless by WebSocket"]);
    await client.query("commit");
    client.release();
    await assert.rejects(pool.query("select * from nowhere"), { code: "42P01" });
  });
});

await check("the serverless driver is refused with a wrong password", async () => {
  const wrong = new URL(URI);
  wrong.password = "wrong";
  await assert.rejects(neon(wrong.href)`select 1`, /password authentication failed/);
});

// ---- drizzle-orm --------------------------------------------------------------------------------

await check("drizzle-orm writes by node-postgres and reads by HTTP", async () => {
  const { pgTable, text } = load("drizzle-orm/pg-core");
  const { eq } = load("drizzle-orm");
  const written = pgTable("written", { driver: text("driver") });
  await withClient(URI, (client) => load("drizzle-orm/node-postgres").drizzle(client).insert(written)
    .values({ driver: "drizzle-orm" }));
  const db = load("drizzle-orm/neon-http").drizzle(neon(URI));
  assert.deepEqual(await db.select().from(written).where(eq(written.driver, "drizzle-orm")), [{ driver: "drizzle-orm" }]);
});

end();
