// What a program in node does with the driver @neondatabase/serverless: one case a run, its outcome as JSON.
// SETUP names the driver's file, the local cloud's port and the connection strings.
import { resolve } from "node:path";

const setup = JSON.parse(process.env.SETUP);
const { neon, neonConfig, Client, Pool } = await import(resolve(setup.driver));
neonConfig.fetchEndpoint = `http://127.0.0.1:${setup.port}/sql`;
neonConfig.wsProxy = `127.0.0.1:${setup.port}/v2`;
neonConfig.useSecureWebSocket = false;

const NOWHERE = "ep-none-1.eu-central-1.aws.neon.tech";
const sql = neon(setup.production);
const one = (client) => client.query("SELECT 1");

const shown = (value) => {
  if (value instanceof Date) return `date ${value.toISOString()}`;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  return value === undefined ? "undefined" : value;
};

const refusal = async (work) => {
  try {
    return { went: await work() };
  } catch (error) {
    const { name, message, ...fields } = error;
    delete fields.file, delete fields.line, delete fields.routine;
    return { name, message, ...fields };
  }
};

const changed = (url, change) => {
  const parsed = new URL(url);
  change(parsed);
  return parsed.href;
};

const withClient = async (url, work) => {
  const client = new Client(url);
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};

const cases = {
  version: () => [process.version, setup.driver],

  query: () => sql`SELECT ${1}::int + 1 AS two, ${"it's"} AS text`,

  full: async () => {
    const { fields, ...rest } = await sql.query("SELECT id, name FROM things WHERE id < $1 ORDER BY id", [3],
      { fullResults: true });
    return { ...rest, fields, _types: undefined, _parsers: undefined };
  },

  arrays: () => sql.query("SELECT 1 AS a, 'x' AS a", [], { arrayMode: true }),

  commands: async () => {
    const done = [];
    for (const text of ["CREATE TABLE brief (n int)", "INSERT INTO brief VALUES (1), (2)",
      "UPDATE brief SET n = n + 1 WHERE n = 2", "SELECT * FROM brief", "DELETE FROM brief", "DROP TABLE brief", ""]) {
      const { command, rowCount, rows } = await sql.query(text, [], { fullResults: true });
      done.push([command, rowCount, rows.length]);
    }
    return done;
  },

  types: async () => {
    const [row] = await sql`SELECT true AS bool, 7::int2 AS int2, 9007199254740993 AS int8, 1.50::numeric AS numeric,
      0.1::float8 AS float8, 'NaN'::float4 AS nan, '2026-02-03'::date AS date,
      '2026-02-03 04:05:06+00'::timestamptz AS time, '{"a":[1,null]}'::json AS json, '{"b": 2}'::jsonb AS jsonb,
      '{1,NULL,3}'::int[] AS ints, ARRAY['a b', 'c"d', NULL, ''] AS texts, '\\x00ff'::bytea AS bytea,
      NULL::text AS nothing, 'äöü €' AS letters, '{{1,2},{3,4}}'::int[] AS square,
      '6f9619ff-8b86-d011-b42d-00cf4fc964ff'::uuid AS uuid`;
    return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, shown(value)]));
  },

  parameters: async () => {
    const [row] = await sql`SELECT ${null}::text AS nothing, ${true}::bool AS yes, ${1.5}::float8 AS half,
      ${[1, 2]}::int[] AS list, ${["a,b", "NULL", null]}::text[] AS texts, ${{ a: "b" }}::jsonb AS object,
      ${Buffer.from([0, 255])}::bytea AS bytes, ${new Date(0)}::timestamptz AS time, ${"x\ny\"z\\"} AS text`;
    return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, shown(value)]));
  },

  transaction: async () => {
    await sql`CREATE TABLE IF NOT EXISTS ledger (n int PRIMARY KEY)`;
    await sql`TRUNCATE ledger`;
    const made = await sql.transaction([sql`INSERT INTO ledger VALUES (1) RETURNING n`, sql`SELECT count(*)::int FROM ledger`]);
    const failed = await refusal(() => sql.transaction([sql`INSERT INTO ledger VALUES (2)`, sql`INSERT INTO ledger VALUES (1)`]));
    return { made, code: failed.code, left: await sql`SELECT n FROM ledger` };
  },

  modes: async () => {
    const ask = (options) => sql.transaction([sql`SELECT current_setting('transaction_isolation') AS level,
      current_setting('transaction_read_only') AS read, current_setting('transaction_deferrable') AS late`], options);
    return [
      (await ask({}))[0], (await ask({ isolationLevel: "RepeatableRead", readOnly: true }))[0],
      (await ask({ isolationLevel: "Serializable", readOnly: true, deferrable: true }))[0],
      (await refusal(() => sql.transaction([sql`CREATE TABLE never (n int)`], { readOnly: true }))).code,
      (await refusal(() => ask({ isolationLevel: "Chaos" }))).message,
    ];
  },

  syntax: () => refusal(() => sql`SELEC 1`),
  duplicate: async () => {
    await sql`CREATE TABLE IF NOT EXISTS once (id int CONSTRAINT once_key PRIMARY KEY)`;
    await sql`INSERT INTO once VALUES (1) ON CONFLICT DO NOTHING`;
    return refusal(() => sql`INSERT INTO once VALUES (1)`);
  },
  inner: () => refusal(() => sql.query("DO $$ BEGIN EXECUTE 'SELECT nothing'; END $$")),
  several: async () => (await refusal(() => sql.query("SELECT 1; SELECT 2"))).code,
  zero: async () => (await refusal(() => sql`SELECT ${"a\0b"}`)).code,

  password: () => refusal(() => neon(changed(setup.production, (url) => { url.password = "wrong"; }))`SELECT 1`),
  database: () => refusal(() => neon(changed(setup.production, (url) => { url.pathname = "/nowhere"; }))`SELECT 1`),
  endpoint: () => refusal(() => neon(changed(setup.production, (url) => { url.hostname = NOWHERE; }))`SELECT 1`),
  token: () => refusal(() => neon(setup.production, { authToken: "a.b.c" })`SELECT 1`),

  branches: async () => {
    const other = neon(setup.preview);
    await other`INSERT INTO things VALUES (99, 'of the preview')`;
    const count = async (on) => (await on`SELECT count(*)::int AS n FROM things WHERE id = 99`)[0].n;
    return [await count(sql), await count(other)];
  },

  pool: async () => {
    const pool = new Pool({ connectionString: setup.production });
    await pool.query("CREATE TABLE IF NOT EXISTS accounts (name text PRIMARY KEY, amount int)");
    await pool.query("TRUNCATE accounts");
    const client = await pool.connect();
    const seen = [];
    const look = async () => seen.push((await pool.query("SELECT count(*)::int AS n FROM accounts")).rows[0].n);
    await client.query("BEGIN");
    await client.query("INSERT INTO accounts VALUES ($1, $2)", ["a", 1]);
    await look();
    await client.query("COMMIT");
    await look();
    await client.query("BEGIN");
    await client.query("INSERT INTO accounts VALUES ('b', 2)");
    await client.query("ROLLBACK");
    await look();
    client.release();
    await pool.end();
    return seen;
  },

  large: () => withClient(setup.production, async (client) => {
    const text = "0123456789abcdef".repeat(1 << 17);
    const { rows: [row] } = await client.query("SELECT length($1) AS size, repeat($2, 3) AS thrice", [text, text]);
    return [row.size, row.thrice === text + text + text];
  }),

  notices: () => withClient(setup.production, async (client) => {
    const heard = new Promise((resolve) => client.once("notification", ({ channel, payload }) => resolve([channel, payload])));
    await client.query("LISTEN bell");
    await client.query("NOTIFY bell, 'rings'");
    return heard;
  }),

  socketError: () => withClient(setup.production, async (client) => {
    const first = await refusal(() => client.query("SELECT nothing"));
    return [first.code, first.position, (await client.query("SELECT 1 AS one")).rows[0].one];
  }),

  // The driver sends password and first query without waiting: connecting alone cannot fail.
  socketPassword: () => refusal(() => withClient(changed(setup.production, (url) => { url.password = "wrong"; }), one)),
  socketEndpoint: () => refusal(() => withClient(changed(setup.production, (url) => { url.hostname = NOWHERE; }), one)),
};

console.log(JSON.stringify(await cases[process.argv[2]]()));
