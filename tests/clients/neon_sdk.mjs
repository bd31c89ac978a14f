// Goes through the calls of the official SDK of Neon, unmodified, against a local cloud, and looks into the branches:
//   node neon_sdk.mjs NODE_MODULES ORIGIN PROJECT
// Keys come from the environment; what is printed, check.mjs says.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { check, end } from "./check.mjs";

const [parts, origin, projectId] = process.argv.slice(2);
const load = createRequire(parts + "/");
const { createNeonClient } = await import(pathToFileURL(`${parts}/@neon/sdk/dist/index.js`));
const pg = load("pg");

const as = (apiKey, more = {}) => createNeonClient({ apiKey, baseUrl: `${origin}/api/v2`, throwOnError: true,
  wait: { pollIntervalMs: 100, timeoutMs: 120_000 }, ...more });
const neon = as(process.env.NEON_TOKEN);
const quiet = as(process.env.NEON_TOKEN, { throwOnError: false });
const done = { waitForReadiness: true };

async function query(connectionString, text) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try { return (await client.query(text)).rows; } finally { await client.end(); }
}

// What goes wrong from now on below the project.
async function fault(rule) {
  const answer = await fetch(`${origin}/_davit/faults`, { method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ faults: [rule.replace("{P}", `/projects/${projectId}`)] }) });
  assert.ok(answer.ok, await answer.text());
}

// ---- who asks, and projects ---------------------------------------------------------------------

await check("projects are listed page by page", async () => {
  const all = await neon.projects.list({ limit: 2 }).all();
  assert.ok(all.length > 2);
  assert.ok(all.some((project) => project.id === projectId));
});

await check("a project is made and connected to, renamed and deleted", async () => {
  const { project, connectionString } = await neon.projects.createAndConnect({ name: "whole" });
  assert.deepEqual(await query(connectionString, "select 1 as one"), [{ one: 1 }]);
  assert.equal((await neon.projects.update({ projectId: project.id, name: "renamed" }, done)).name, "renamed");
  assert.equal((await neon.projects.get({ projectId: project.id })).name, "renamed");
  await neon.projects.delete({ projectId: project.id }, done);
  assert.equal((await quiet.projects.get({ projectId: project.id })).error.kind, "not_found");
});

// ---- branches -----------------------------------------------------------------------------------

const production = await neon.branches.getDefault({ projectId });

await check("production gets its rows", async () => {
  const uri = await neon.postgres.connectionString({ projectId, pooled: false });
  await query(uri, "create table things (id int primary key); insert into things values (1), (2)");
  assert.equal(production.name, "production");
});

let made;

await check("a branch is made, waited for and connected to: it has production's rows", async () => {
  made = await neon.branches.createAndConnect({ projectId, name: "sdk-1", compute: { minCu: 0.25, maxCu: 1 } });
  assert.deepEqual(await query(made.connectionString, "select count(*)::int as n from things"), [{ n: 2 }]);
  assert.equal((await neon.branches.get({ projectId, branchId: made.branch.id })).current_state, "ready");
});

await check("what the branch writes is the branch's", async () => {
  await query(made.connectionString, "insert into things values (3)");
  const uri = await neon.postgres.connectionString({ projectId });
  assert.deepEqual(await query(uri, "select count(*)::int as n from things"), [{ n: 2 }]);
});

await check("a branch is reset to its parent", async () => {
  await neon.branches.resetFromParent({ projectId, branchId: made.branch.id }, done);
  assert.deepEqual(await query(made.connectionString, "select count(*)::int as n from things"), [{ n: 2 }]);
});

await check("branches are renamed, protected, and found", async () => {
  const branchId = made.branch.id;
  assert.equal((await neon.branches.update({ projectId, branchId, name: "sdk-2" }, done)).name, "sdk-2");
  assert.equal((await neon.branches.update({ projectId, branchId, protected: true }, done)).protected, true);
  await neon.branches.update({ projectId, branchId, protected: false }, done);
  const found = await neon.branches.list({ projectId, search: "sdk-" }).all();
  assert.deepEqual(found.map((branch) => branch.name), ["sdk-2"]);
});

await check("schemas of branches are compared", async () => {
  await query(made.connectionString, "create table more (id int)");
  const { diff } = await neon.branches.compareSchema({ projectId, branchId: made.branch.id, databaseName: "neondb" });
  assert.match(diff, /\+CREATE TABLE public\.more/);
});

// ---- computes, roles, databases -----------------------------------------------------------------

await check("a compute is suspended, and woken by whoever connects", async () => {
  const endpointId = made.endpoint.id;
  await neon.postgres.endpoints.suspend({ projectId, endpointId }, done);
  assert.equal((await neon.postgres.endpoints.get({ projectId, endpointId })).current_state, "idle");
  assert.deepEqual(await query(made.connectionString, "select 1 as one"), [{ one: 1 }]);
  assert.equal((await neon.postgres.endpoints.get({ projectId, endpointId })).current_state, "active");
});

await check("a compute is changed, restarted, and stands in the lists", async () => {
  const endpointId = made.endpoint.id;
  const changed = await neon.postgres.endpoints.update({ projectId, endpointId, suspend_timeout_seconds: 60 }, done);
  assert.equal(changed.suspend_timeout_seconds, 60);
  await neon.postgres.endpoints.restart({ projectId, endpointId }, done);
  assert.deepEqual(await query(made.connectionString, "select 1 as one"), [{ one: 1 }]);
  const listed = await neon.postgres.endpoints.listByBranch({ projectId, branchId: made.branch.id });
  assert.deepEqual(listed.map((endpoint) => endpoint.id), [endpointId]);
  assert.ok((await neon.postgres.endpoints.list({ projectId })).length > 1);
});

await check("a role with a new password connects with that one alone", async () => {
  const of = { projectId, branchId: made.branch.id };
  await neon.postgres.roles.create({ ...of, name: "reader" }, done);
  const before = await neon.postgres.roles.password({ ...of, roleName: "reader" });
  const { password } = await neon.postgres.roles.resetPassword({ ...of, roleName: "reader" }, done);
  const uri = (secret) => `postgresql://reader:${secret}@${made.endpoint.host}/neondb?sslmode=require`;
  assert.deepEqual(await query(uri(password), "select current_user::text as who"), [{ who: "reader" }]);
  await assert.rejects(query(uri(before), "select 1"), { code: "28P01" });
  assert.equal((await neon.postgres.roles.list(of)).length, 2);
  await neon.postgres.roles.delete({ ...of, roleName: "reader" }, done);
  await assert.rejects(query(uri(password), "select 1"), { code: "28P01" });
});

await check("a database is made, renamed and deleted", async () => {
  const of = { projectId, branchId: made.branch.id };
  await neon.postgres.databases.create({ ...of, name: "shop", owner_name: "neondb_owner" }, done);
  const uri = await neon.postgres.connectionString({ ...of, databaseName: "shop" });
  await query(uri, "create table goods (id int)");
  await neon.postgres.databases.update({ ...of, databaseName: "shop", name: "store" }, done);
  const renamed = await neon.postgres.connectionString({ ...of, databaseName: "store" });
  assert.deepEqual(await query(renamed, "select count(*)::int as n from goods"), [{ n: 0 }]);
  await neon.postgres.databases.delete({ ...of, databaseName: "store" }, done);
  await assert.rejects(query(renamed, "select 1"), { code: "3D000" });
  assert.deepEqual((await neon.postgres.databases.list(of)).map((one) => one.name), ["neondb"]);
});

// ---- where it goes wrong ------------------------------------------------------------------------

await check("a name that is taken, a branch that is not there, a key that may not", async () => {
  const taken = await quiet.branches.create({ projectId, name: "sdk-2" });
  assert.deepEqual([taken.error.kind, taken.error.status], ["api", 409]);
  assert.ok(taken.error.requestId);
  const absent = await quiet.branches.get({ projectId, branchId: "br-not-here-00000000" });
  assert.deepEqual([absent.error.kind, absent.error.status], ["not_found", 404]);
  const wrong = await as("wrong", { throwOnError: false }).branches.getDefault({ projectId });
  assert.deepEqual([wrong.error.kind, wrong.error.status], ["auth", 401]);
});

await check("a key of one project sees that project", async () => {
  const own = as(process.env.OWN_KEY, { throwOnError: false });
  assert.equal((await own.branches.getDefault({ projectId })).data.id, production.id);
  const other = await own.branches.getDefault({ projectId: "clients-branches" });
  assert.ok(["auth", "not_found"].includes(other.error.kind), other.error.kind);
});

for (const rule of ["locked", "limit retry-after=1s", "503"]) {
  await check(`what is refused twice (${rule}) is asked a third time`, async () => {
    await fault(`neon GET {P}/branches/* ${rule} times=2`);
    assert.equal((await neon.branches.get({ projectId, branchId: production.id })).id, production.id);
  });
}

await check("what is refused three times is given up", async () => {
  await fault("neon GET {P}/branches/* locked times=3");
  assert.equal((await quiet.branches.get({ projectId, branchId: production.id })).error.status, 423);
  await fault("neon GET {P}/branches/* limit times=3");
  assert.equal((await quiet.branches.get({ projectId, branchId: production.id })).error.kind, "rate_limit");
});

await check("who is told to wait longer than ten seconds does not wait", async () => {
  await fault("neon GET {P}/branches/* limit retry-after=30s times=1");
  assert.equal((await quiet.branches.get({ projectId, branchId: production.id })).error.status, 429);
});

await check("a branch whose answer is lost is there, and its maker must look", async () => {
  await fault("neon POST {P}/branches drop applied times=1");
  assert.equal((await quiet.branches.create({ projectId, name: "lost" })).error.kind, "network");
  const [found] = await neon.branches.list({ projectId, search: "lost" }).all();
  assert.equal(found.name, "lost");
  await neon.operations.waitFor({ operations: (await neon.operations.list({ projectId }).all()).slice(0, 2) });
});

await check("an operation that fails ends the wait, though the service tries it again", async () => {
  await fault("neon POST {P}/branches operation times=1");
  const { error } = await quiet.branches.create({ projectId, name: "recovers", noCompute: true });
  assert.deepEqual([error.kind, error.status], ["operation", "failed"]);
  for (let i = 0; i < 600; i += 1) {
    const operation = await neon.operations.get({ projectId, operationId: error.operationId });
    if (operation.status === "finished") break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const [found] = await neon.branches.list({ projectId, search: "recovers" }).all();
  assert.equal(found.current_state, "ready");
});

await check("a branch is deleted, and deleted again, and nobody connects any more", async () => {
  const branchId = made.branch.id;
  await neon.branches.delete({ projectId, branchId }, done);
  await neon.branches.delete({ projectId, branchId });
  assert.equal((await quiet.branches.get({ projectId, branchId })).error.kind, "not_found");
  await assert.rejects(query(made.connectionString, "select 1"), { code: "ECONNREFUSED" });
});

end();
