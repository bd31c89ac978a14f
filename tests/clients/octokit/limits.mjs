// Octokit with its plug-ins where GitHub has had enough: what throttling waits for, what it asks its user, what retry
// sends again, and what becomes of that.
import assert from "node:assert/strict";
import { check, end, refusal } from "../check.mjs";
import { Octokit, R, as, baseUrl, counted, desk, fault, retry, throttling, token } from "./client.mjs";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

// With throttling that writes down what it was told, and tries again as often as it is let.
function throttled(who, times, more = {}) {
  const told = [];
  const handler = (kind) => (after, options, octokit, count) => {
    told.push({ kind, after });
    return count < times;
  };
  const Throttled = Octokit.plugin(throttling);
  const octokit = new Throttled({ auth: token(who), baseUrl, log: silent, ...more,
    throttle: { onRateLimit: handler("primary"), onSecondaryRateLimit: handler("secondary"), id: `${who}${Math.random()}` } });
  return { octokit, told };
}

const Retrying = Octokit.plugin(retry);
const retrying = (who) => new Retrying({ auth: token(who), baseUrl, log: silent, retry: { retryAfterBaseValue: 10 } });

const issue = { ...R, issue_number: 1 };
const comments = async (octokit, text) => (await octokit.paginate(octokit.issues.listComments, { ...issue, per_page: 100 }))
  .filter((c) => c.body === text).length;

// ---- the model's own limits -------------------------------------------------------------------

await check("the primary limit is met with the time when it ends, which is too long to wait for", async () => {
  const { octokit, told } = throttled("ray", 0);
  const sent = counted(octokit);
  let error = null;
  while (!error && sent.sent < 50) error = await octokit.repos.get(R).then(() => null, (e) => e);
  const { headers, data } = error.response;
  assert.deepEqual([error.status, headers["x-ratelimit-remaining"], sent.sent], [403, "0", Number(headers["x-ratelimit-limit"]) + 1]);
  assert.match(data.message, /^API rate limit exceeded for user ID \d+\.$/);
  assert.equal(told[0].kind, "primary");
  assert.ok(told[0].after > 3000 && told[0].after <= 3602, `it is told to wait ${told[0].after} s`);
});

await check("the primary limit counts no answer that says that nothing has changed", async () => {
  const octokit = as("rita");
  const first = await octokit.repos.get(R);
  for (let i = 0; i < 30; i += 1)
    assert.equal((await refusal(octokit.repos.get({ ...R, headers: { "if-none-match": first.headers.etag } }))).status, 304);
  assert.equal((await octokit.repos.get(R)).headers["x-ratelimit-used"], "2");
});

await check("whoever writes too quickly meets the secondary limit, is told how long to wait, and can still read", async () => {
  const { octokit, told } = throttled("will", 0);
  const fast = as("will");
  let error = null;
  for (let i = 0; i < 10 && !error; i += 1) error = await fast.issues.createComment({ ...issue, body: "fast" }).then(() => null, (e) => e);
  assert.deepEqual([error.status, await comments(fast, "fast")], [403, 5]);
  assert.ok(Number(error.response.headers["retry-after"]) >= 55);
  await refusal(octokit.issues.addLabels({ ...issue, labels: ["bug"] }));
  assert.equal(told[0].kind, "secondary");
  assert.equal((await octokit.issues.get(issue)).status, 200);
});

// ---- limits that end soon ---------------------------------------------------------------------

await check("throttling waits as it is told, and the job goes on", async () => {
  await fault("github GET /repos/{}/{}/issues/2 limit retry-after=1s times=1");
  await fault("github GET /repos/{}/{}/labels secondary-limit retry-after=1s times=1");
  await fault("github GET /repos/{}/{}/pulls/42 limit status=429 retry-after=1s times=1");
  const { octokit, told } = throttled("owner", 1);
  const began = Date.now();
  const [two, labels, pull] = await Promise.all([octokit.issues.get({ ...R, issue_number: 2 }), octokit.issues.listLabelsForRepo(R),
    octokit.pulls.get({ ...R, pull_number: 42 })]);
  assert.deepEqual([two.data.title, labels.data.length, pull.data.number], ["It worked", 10, 42]);
  assert.deepEqual(told.map((t) => t.kind).sort(), ["primary", "primary", "secondary"]);
  assert.ok(Date.now() - began >= 1000, "it has waited");
});

await check("a permission that is missing is no limit: throttling does not try again", async () => {
  const { octokit, told } = throttled("reading", 5);
  const sent = counted(octokit);
  const deployment = { ...R, ref: "main", auto_merge: false, required_contexts: [] };
  assert.equal((await refusal(octokit.repos.createDeployment(deployment))).status, 403);
  assert.deepEqual([sent.sent, told], [1, []]);
});

// ---- failures ---------------------------------------------------------------------------------

await check("retry sends again what fails with 502, a page or a broken connection, and gives up in the end", async () => {
  const octokit = retrying("owner");
  await fault("github GET /repos/{}/{}/branches/main 502 times=2");
  assert.equal((await octokit.repos.getBranch({ ...R, branch: "main" })).data.name, "main");
  await fault("github GET /repos/{}/{}/branches/develop html times=1");
  assert.equal((await octokit.repos.getBranch({ ...R, branch: "develop" })).data.name, "develop");
  await fault("github GET /repos/{}/{}/branches/release drop times=1");
  assert.equal((await octokit.repos.getBranch({ ...R, branch: "release" })).data.name, "release");
  await fault("github GET /repos/{}/{}/pulls/45 503");
  assert.equal((await refusal(octokit.pulls.get({ ...R, pull_number: 45 }))).status, 503);
  const { rules } = await desk("GET", "faults");
  assert.equal(rules.find((rule) => JSON.stringify(rule).includes("pulls/45")).injected, 4);
});

await check("retry does not send again what is refused", async () => {
  const octokit = retrying("owner");
  const sent = counted(octokit);
  assert.equal((await refusal(octokit.issues.get({ ...R, issue_number: 999 }))).status, 404);
  assert.equal((await refusal(octokit.issues.create({ ...R, title: "" }))).status, 422);
  assert.equal(sent.sent, 2);
});

await check("a comment whose answer is lost is written twice by retry, and once by who looks first", async () => {
  await fault("github POST /repos/{}/{}/issues/1/comments drop applied times=1");
  const octokit = retrying("owner");
  await octokit.issues.createComment({ ...issue, body: "lost" });
  assert.equal(await comments(octokit, "lost"), 2);
  await fault("github POST /repos/{}/{}/issues/1/comments drop applied times=1");
  await refusal(as("owner").issues.createComment({ ...issue, body: "looked for" }));
  assert.equal(await comments(octokit, "looked for"), 1);
});

end();
