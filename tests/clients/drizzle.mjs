// The migrator of drizzle-orm, unmodified: node drizzle.mjs NODE_MODULES FOLDER, with the database in DATABASE_URL.
// It prints as JSON how many records there were, how many there are, and what stopped it.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [parts, folder] = process.argv.slice(2);
const pg = createRequire(parts + "/")("pg");
const bring = (path) => import(pathToFileURL(`${parts}/drizzle-orm/${path}`));
const { drizzle } = await bring("node-postgres/index.js");
const { migrate } = await bring("node-postgres/migrator.js");

const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
const count = async () => {
  const { rows } = await client.query("select to_regclass('drizzle.__drizzle_migrations') as there");
  if (!rows[0].there) return 0;
  return Number((await client.query("select count(*) from drizzle.__drizzle_migrations")).rows[0].count);
};
const before = await count();
let error;
try {
  await migrate(drizzle(client), { migrationsFolder: folder });
} catch (thrown) {
  error = `${thrown.cause?.message ?? thrown.message}`;
}
console.log(JSON.stringify({ before, after: await count(), error }));
await client.end();
