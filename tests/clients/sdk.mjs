// Goes through the calls of the official SDK of Cloudflare, unmodified, against a local cloud:
//   node sdk.mjs NODE_MODULES BASE ACCOUNT
// Tokens come from the environment; what is printed, check.mjs says.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { check, end, refusal } from "./check.mjs";

const [parts, baseURL, account_id] = process.argv.slice(2);
const Cloudflare = createRequire(parts + "/")("cloudflare");
const { toFile } = Cloudflare;
const A = { account_id };

const as = (apiToken, more = {}) => new Cloudflare({ apiToken, baseURL, ...more });
const client = as(process.env.WORKERS_TOKEN);
const dns = as(process.env.DNS_TOKEN);

async function all(pages) {
  const items = [];
  for await (const item of pages) items.push(item);
  return items;
}

const module = (text) => toFile(Buffer.from(`export default { fetch() { return new Response(${JSON.stringify(text)}) } };`),
  "index.js", { type: "application/javascript+module" });

const metadata = (more = {}) => ({ main_module: "index.js", compatibility_date: "2026-01-01", ...more });

async function upload(name, text, more) {
  return client.workers.scripts.update(name, { ...A, metadata: metadata(more), files: [await module(text)] });
}

// ---- accounts, tokens, zones ------------------------------------------------------------------

await check("a token is verified", async () => {
  assert.equal((await client.user.tokens.verify()).status, "active");
  assert.equal((await as(process.env.ACCOUNT_TOKEN).accounts.tokens.verify(A)).status, "active");
});

await check("an unknown token is refused, and one that may not is", async () => {
  const stranger = await refusal(as("nobody").accounts.list().then((page) => page.result));
  assert.ok([400, 401, 403].includes(stranger.status), `status ${stranger.status}`);
  const denied = await refusal(dns.workers.scripts.list(A));
  assert.ok(denied instanceof Cloudflare.PermissionDeniedError);
  assert.equal(denied.errors[0].code, 10000);
});

await check("accounts are listed and read", async () => {
  const accounts = await all(client.accounts.list());
  assert.deepEqual(accounts.map((a) => a.id), [account_id]);
  assert.equal((await client.accounts.get(A)).name, "Clients");
});

await check("the user and their memberships are read", async () => {
  assert.ok((await client.user.get()).id);
  assert.equal((await all(client.memberships.list()))[0].account.id, account_id);
});

await check("zones are listed page by page, filtered and read", async () => {
  const first = await client.zones.list({ per_page: 5 });
  assert.deepEqual([first.result.length, first.hasNextPage()], [5, true]);
  const names = (await all(client.zones.list({ per_page: 5 }))).map((z) => z.name);
  assert.deepEqual([names.length, new Set(names).size], [6, 6]);
  const [zone] = await all(client.zones.list({ name: "example.org", account: { id: account_id } }));
  assert.equal((await client.zones.get({ zone_id: zone.id })).name, "example.org");
});

const [zone] = await all(client.zones.list({ name: "example.com" }));
const Z = { zone_id: zone.id };

// ---- DNS --------------------------------------------------------------------------------------

await check("records are made, changed, replaced and deleted", async () => {
  const made = await dns.dns.records.create({ ...Z, type: "A", name: "sdk.example.com", content: "192.0.2.1", ttl: 300,
    comment: "by the SDK" });
  assert.equal(made.comment, "by the SDK");
  const edited = await dns.dns.records.edit(made.id, { ...Z, type: "A", name: "sdk.example.com", content: "192.0.2.2", ttl: 300 });
  assert.equal(edited.content, "192.0.2.2");
  const replaced = await dns.dns.records.update(made.id, { ...Z, type: "A", name: "sdk.example.com", content: "192.0.2.3",
    ttl: 60 });
  assert.deepEqual([replaced.content, replaced.ttl, replaced.comment ?? null], ["192.0.2.3", 60, null]);
  assert.equal((await dns.dns.records.get(made.id, Z)).content, "192.0.2.3");
  assert.equal((await dns.dns.records.delete(made.id, Z)).id, made.id);
  const gone = await refusal(dns.dns.records.get(made.id, Z));
  assert.deepEqual([gone.status, gone.errors[0].code], [404, 81044]);
});

await check("records that exist already are refused with their codes", async () => {
  const one = { ...Z, type: "A", name: "twice.example.com", content: "192.0.2.1", ttl: 1 };
  await dns.dns.records.create(one);
  const identical = await refusal(dns.dns.records.create(one));
  assert.deepEqual([identical.status, identical.errors[0].code], [400, 81058]);
  const alias = await refusal(dns.dns.records.create({ ...Z, type: "CNAME", name: "twice.example.com", content: "example.org",
    ttl: 1 }));
  assert.deepEqual([alias.status, alias.errors[0].code], [400, 81053]);
});

await check("a batch deletes, changes and makes in one go", async () => {
  const doomed = await dns.dns.records.create({ ...Z, type: "TXT", name: "doomed.example.com", content: '"x"', ttl: 1 });
  const answer = await dns.dns.records.batch({ ...Z, deletes: [{ id: doomed.id }],
    posts: [1, 2, 3, 4, 5].map((n) => ({ type: "TXT", name: `page-${n}.example.com`, content: `"${n}"`, ttl: 1 })) });
  assert.deepEqual([answer.deletes.length, answer.posts.length], [1, 5]);
});

await check("records are listed page by page", async () => {
  const listed = await all(dns.dns.records.list({ ...Z, type: "TXT", name: { startswith: "page-" }, per_page: 5, order: "name",
    direction: "asc" }));
  assert.deepEqual(listed.map((r) => r.name), [1, 2, 3, 4, 5].map((n) => `page-${n}.example.com`));
  const first = await dns.dns.records.list({ ...Z, per_page: 5 });
  assert.ok(first.hasNextPage(), "there is a second page");
});

await check("the zone is exported as a file", async () => {
  const text = await dns.dns.records.export(Z);
  assert.match(String(text), /page-1\.example\.com\./);
});

// ---- Workers ----------------------------------------------------------------------------------

await check("a Worker is uploaded, listed, read and found", async () => {
  const made = await upload("sdk-worker", "one");
  assert.equal(made.id, "sdk-worker");
  assert.ok((await all(client.workers.scripts.list(A))).some((s) => s.id === "sdk-worker"));
  const content = await client.workers.scripts.content.get("sdk-worker", A);
  assert.match(await content.text(), /new Response\("one"\)/);
  assert.match(String(await client.workers.scripts.get("sdk-worker", A)), /new Response\("one"\)/);
});

await check("bindings of an upload arrive", async () => {
  await upload("sdk-worker", "bound", { bindings: [{ type: "plain_text", name: "GREETING", text: "hello" },
    { type: "secret_text", name: "HIDDEN", text: "not to be seen" }] });
  const settings = await client.workers.scripts.scriptAndVersionSettings.get("sdk-worker", A);
  const shown = settings.bindings.map((b) => [b.type, b.name, b.text ?? null]).sort();
  assert.deepEqual(shown, [["plain_text", "GREETING", "hello"], ["secret_text", "HIDDEN", null]]);
});

await check("the code alone is replaced", async () => {
  await client.workers.scripts.content.update("sdk-worker", { ...A, metadata: { main_module: "index.js" },
    files: [await module("content alone")] });
  const content = await client.workers.scripts.content.get("sdk-worker", A);
  assert.match(await content.text(), /content alone/);
});

await check("settings of the Worker and of its newest version are read and changed", async () => {
  const edited = await client.workers.scripts.settings.edit("sdk-worker", { ...A, logpush: false, tags: ["by-sdk"],
    observability: { enabled: true, head_sampling_rate: 0.5 } });
  assert.deepEqual(edited.tags, ["by-sdk"]);
  assert.equal((await client.workers.scripts.settings.get("sdk-worker", A)).observability.head_sampling_rate, 0.5);
  await client.workers.scripts.scriptAndVersionSettings.edit("sdk-worker", { ...A,
    settings: { bindings: [{ type: "plain_text", name: "EDITED", text: "yes" }] } });
  const settings = await client.workers.scripts.scriptAndVersionSettings.get("sdk-worker", A);
  assert.ok(settings.bindings.some((b) => b.name === "EDITED"));
});

await check("secrets are put, listed, read without a value, and deleted", async () => {
  const secrets = client.workers.scripts.secrets;
  await secrets.update("sdk-worker", { ...A, name: "ONE", text: "first", type: "secret_text" });
  await secrets.bulkUpdate("sdk-worker", { ...A, secrets: { TWO: { name: "TWO", text: "second", type: "secret_text" } } });
  const names = (await all(secrets.list("sdk-worker", A))).map((s) => s.name);
  assert.ok(names.includes("ONE") && names.includes("TWO"), names.join());
  const one = await secrets.get("ONE", { ...A, script_name: "sdk-worker" });
  assert.deepEqual([one.name, one.text ?? null], ["ONE", null]);
  await secrets.delete("ONE", { ...A, script_name: "sdk-worker" });
  await secrets.bulkUpdate("sdk-worker", { ...A, secrets: { TWO: null } });
  const left = (await all(secrets.list("sdk-worker", A))).map((s) => s.name);
  assert.ok(!left.includes("ONE") && !left.includes("TWO"), left.join());
});

await check("versions are made, listed page by page and read", async () => {
  for (const n of [1, 2, 3])
    await client.workers.scripts.versions.create("sdk-worker", { ...A,
      metadata: metadata({ annotations: { "workers/tag": `v${n}`, "workers/message": `version ${n}` } }),
      files: [await module(`version ${n}`)] });
  const listed = await all(client.workers.scripts.versions.list("sdk-worker", { ...A, per_page: 2 }));
  const numbers = listed.map((v) => v.number);
  assert.deepEqual(numbers, [...numbers].sort((a, b) => b - a));
  assert.equal(new Set(numbers).size, numbers.length);
  const version = await client.workers.scripts.versions.get(listed[0].id, { ...A, script_name: "sdk-worker" });
  assert.equal(version.annotations["workers/tag"], "v3");
});

await check("versions share the traffic, and deployments are listed, read and deleted", async () => {
  const { deployments } = client.workers.scripts;
  const [b, a] = await all(client.workers.scripts.versions.list("sdk-worker", A));
  const split = await deployments.create("sdk-worker", { ...A, strategy: "percentage", force: true,
    versions: [{ version_id: a.id, percentage: 25 }, { version_id: b.id, percentage: 75 }] });
  assert.equal(split.versions.length, 2);
  await deployments.create("sdk-worker", { ...A, strategy: "percentage", force: true,
    versions: [{ version_id: b.id, percentage: 100 }] });
  const one = await deployments.get(split.id, { ...A, script_name: "sdk-worker" });
  assert.equal(one.id, split.id);
  await deployments.delete(split.id, { ...A, script_name: "sdk-worker" });
  assert.equal((await refusal(deployments.get(split.id, { ...A, script_name: "sdk-worker" }))).status, 404);
  const wrong = await refusal(deployments.create("sdk-worker", { ...A, strategy: "percentage",
    versions: [{ version_id: b.id, percentage: 60 }] }));
  assert.equal(wrong.status, 400);
});

await check("schedules are set and read", async () => {
  await client.workers.scripts.schedules.update("sdk-worker", { ...A, body: [{ cron: "*/30 * * * *" }] });
  const { schedules } = await client.workers.scripts.schedules.get("sdk-worker", A);
  assert.deepEqual(schedules.map((s) => s.cron), ["*/30 * * * *"]);
});

await check("workers.dev is switched on and off", async () => {
  const { subdomain } = client.workers.scripts;
  assert.equal((await client.workers.subdomains.get(A)).subdomain, "clients");
  assert.equal((await subdomain.create("sdk-worker", { ...A, enabled: true, previews_enabled: true })).enabled, true);
  assert.equal((await subdomain.get("sdk-worker", A)).previews_enabled, true);
  assert.equal((await subdomain.delete("sdk-worker", A)).enabled, false);
});

await check("account settings of Workers are read and changed", async () => {
  await client.workers.accountSettings.update({ ...A, default_usage_model: "standard", green_compute: false });
  assert.equal((await client.workers.accountSettings.get(A)).default_usage_model, "standard");
});

await check("custom domains are attached, listed, read and detached", async () => {
  const { domains } = client.workers;
  const made = await domains.update({ ...A, hostname: "sdk-domain.example.com", service: "sdk-worker", zone_id: zone.id });
  assert.equal(made.hostname, "sdk-domain.example.com");
  const listed = await all(domains.list({ ...A, hostname: "sdk-domain.example.com" }));
  assert.deepEqual(listed.map((d) => d.id), [made.id]);
  assert.equal((await domains.get(made.id, A)).service, "sdk-worker");
  await domains.delete(made.id, A);
  assert.deepEqual(await all(domains.list({ ...A, hostname: "sdk-domain.example.com" })), []);
});

await check("routes are made, listed, changed and deleted", async () => {
  const { routes } = client.workers;
  const made = await routes.create({ ...Z, pattern: "www.example.com/sdk/*", script: "sdk-worker" });
  assert.equal((await routes.get(made.id, Z)).script, "sdk-worker");
  await routes.update(made.id, { ...Z, pattern: "www.example.com/sdk2/*", script: "sdk-worker" });
  const patterns = (await all(routes.list(Z))).map((r) => r.pattern);
  assert.ok(patterns.includes("www.example.com/sdk2/*"), patterns.join());
  await routes.delete(made.id, Z);
  assert.equal((await refusal(routes.get(made.id, Z))).status, 404);
});

await check("assets go up by a session and serve", async () => {
  const hash = "0123456789abcdef0123456789abcdef";
  const session = await client.workers.scripts.assets.upload.create("sdk-assets", { ...A,
    manifest: { "/hello.txt": { hash, size: 5 } } });
  assert.deepEqual(session.buckets, [[hash]]);
  const uploader = as(session.jwt);
  const file = await toFile(Buffer.from(Buffer.from("hello").toString("base64")), hash, { type: "text/plain" });
  const done = await uploader.workers.assets.upload.create({ ...A, base64: true, body: { [hash]: file } });
  assert.ok(done.jwt);
  const made = await client.workers.scripts.update("sdk-assets", { ...A,
    metadata: { main_module: "index.js", compatibility_date: "2026-01-01", assets: { jwt: done.jwt } },
    files: [await module("behind assets")] });
  assert.equal(made.has_assets, true);
});

await check("the newer resource makes Workers and their versions", async () => {
  const { workers } = client.workers.beta;
  const made = await workers.create({ ...A, name: "sdk-beta", subdomain: { enabled: true, previews_enabled: false } });
  assert.equal(made.name, "sdk-beta");
  const code = Buffer.from('export default { fetch() { return new Response("beta") } };').toString("base64");
  const version = await workers.versions.create(made.id, { ...A, main_module: "index.js", compatibility_date: "2026-01-01",
    modules: [{ name: "index.js", content_type: "application/javascript+module", content_base64: code }] });
  assert.equal((await workers.versions.get(version.id, { ...A, worker_id: made.id })).id, version.id);
  assert.deepEqual((await all(workers.versions.list(made.id, A))).map((v) => v.id), [version.id]);
  assert.ok((await all(workers.list({ ...A, per_page: 1 }))).some((w) => w.id === made.id));
  assert.equal((await workers.get(made.id, A)).name, "sdk-beta");
  const edited = await workers.edit(made.id, { ...A, name: "sdk-beta", tags: ["edited"], logpush: false,
    observability: { enabled: false }, subdomain: { enabled: false }, tail_consumers: [] });
  assert.deepEqual(edited.tags, ["edited"]);
  await workers.delete(made.id, A);
  assert.equal((await refusal(workers.get(made.id, A))).status, 404);
});

await check("what is not there is not found", async () => {
  const missing = await refusal(client.workers.scripts.settings.get("sdk-nowhere", A));
  assert.ok(missing instanceof Cloudflare.NotFoundError);
  assert.equal(missing.errors[0].code, 10007);
});

await check("what fails twice is tried again, and a limit is obeyed", async () => {
  const order = (rule) => fetch(new URL("/_davit/faults", baseURL), { method: "POST",
    headers: { "content-type": "application/json" }, body: JSON.stringify({ faults: [rule] }) });
  await order("cloudflare GET /accounts/*/workers/account-settings 500 times=2");
  assert.ok(await client.workers.accountSettings.get(A));
  await order("cloudflare GET /accounts/*/workers/account-settings limit retry-after=1s times=1");
  assert.ok(await client.workers.accountSettings.get(A));
  await order("cloudflare GET /accounts/*/workers/account-settings 500 times=3");
  const failed = await refusal(client.workers.accountSettings.get(A));
  assert.ok(failed instanceof Cloudflare.InternalServerError);
});

await check("a Worker is deleted", async () => {
  await client.workers.scripts.delete("sdk-worker", { ...A, force: true });
  assert.equal((await refusal(client.workers.scripts.settings.get("sdk-worker", A))).status, 404);
});

end();
