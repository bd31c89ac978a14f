// Octokit where people talk: a repository, its pull requests, issues, labels and comments.
import assert from "node:assert/strict";
import { check, end, refusal } from "../check.mjs";
import { R, as, counted, desk, sha } from "./client.mjs";

const owner = as("owner");
const workflow = as("workflow");
const will = as("will");

const numbers = (list) => list.map((item) => item.number);

// ---- the repository, and who asks -------------------------------------------------------------

await check("a repository is read, by the name that it had before, too", async () => {
  const { data } = await owner.repos.get(R);
  assert.deepEqual([data.full_name, data.default_branch, data.private, data.permissions.admin], ["example/app", "main", true, true]);
  const old = await owner.repos.get({ owner: "example", repo: "old-app" });
  assert.equal(old.data.id, data.id);
});

await check("a person is told who he is, a workflow's token that it is nobody", async () => {
  assert.equal((await owner.users.getAuthenticated()).data.login, "example");
  assert.equal((await will.users.getAuthenticated()).data.login, "will");
  assert.equal((await refusal(workflow.users.getAuthenticated())).status, 403);
});

await check("meta and rate limit are told, the limit at no cost", async () => {
  assert.equal((await owner.meta.get()).status, 200);
  const before = (await owner.rateLimit.get()).data.rate;
  const after = (await owner.rateLimit.get()).data.rate;
  assert.deepEqual([after.used, after.limit > 0, after.reset > Date.now() / 1000], [before.used, true, true]);
});

await check("what has not changed is answered with 304, which costs nothing, and what has changed is not", async () => {
  const issue = { ...R, issue_number: (await owner.issues.create({ ...R, title: "Watched" })).data.number };
  const first = await owner.issues.get(issue);
  const again = await refusal(owner.issues.get({ ...issue, headers: { "if-none-match": first.headers.etag } }));
  assert.deepEqual([again.status, again.response.headers.etag], [304, first.headers.etag]);
  assert.match(first.headers.etag, /^W\//);
  assert.equal(again.response.headers["x-ratelimit-used"], first.headers["x-ratelimit-used"]);
  await owner.issues.update({ ...issue, title: "Changed" });
  const changed = await owner.issues.get({ ...issue, headers: { "if-none-match": first.headers.etag } });
  assert.deepEqual([changed.status, changed.data.title], [200, "Changed"]);
});

// ---- branches and commits ---------------------------------------------------------------------

await check("a branch is made at a commit, found, and deleted", async () => {
  const head = await sha(owner, "main");
  await owner.git.createRef({ ...R, ref: "refs/heads/topic/one", sha: head });
  const branch = (await owner.repos.getBranch({ ...R, branch: "topic/one" })).data;
  assert.deepEqual([branch.commit.sha, branch.protected], [head, false]);
  const commit = (await owner.repos.getCommit({ ...R, ref: "topic/one" })).data;
  assert.deepEqual([commit.sha, commit.commit.message], [head, "Initial commit"]);
  await owner.git.deleteRef({ ...R, ref: "heads/topic/one" });
  assert.equal((await refusal(owner.repos.getBranch({ ...R, branch: "topic/one" }))).status, 404);
  assert.equal((await owner.repos.getBranch({ ...R, branch: "release" })).data.protected, true);
});

// ---- pull requests ----------------------------------------------------------------------------

await check("pull requests are listed page by page and filtered", async () => {
  const all = await owner.paginate(owner.pulls.list, { ...R, state: "all", per_page: 2 });
  assert.ok(all.length >= 5, `there are ${all.length}`);
  assert.equal(new Set(numbers(all)).size, all.length);
  const one = async (query) => numbers((await owner.pulls.list({ ...R, ...query })).data);
  assert.deepEqual(await one({ head: "example:feature/preview" }), [42]);
  assert.deepEqual(await one({ head: "stranger:patch" }), [43]);
  assert.deepEqual(await one({ base: "release" }), [45]);
  assert.deepEqual(await one({ state: "closed" }), [44]);
});

await check("a pull request is opened, changed and closed", async () => {
  await owner.git.createRef({ ...R, ref: "refs/heads/topic/two", sha: await sha(owner, "main") });
  const same = await refusal(owner.pulls.create({ ...R, title: "Nothing", head: "topic/two", base: "main" }));
  assert.deepEqual([same.status, same.response.data.errors[0].message], [422, "No commits between main and topic/two"]);
  await desk("POST", "pulls", { number: 300, head: "topic/three", title: "Pushed", files: ["a.txt"] });
  const twice = await refusal(owner.pulls.create({ ...R, title: "Again", head: "topic/three", base: "main" }));
  assert.match(twice.message, /A pull request already exists for example:topic\/three/);
  const changed = (await owner.pulls.update({ ...R, pull_number: 300, title: "Better", body: "text" })).data;
  assert.deepEqual([changed.title, changed.body, changed.state], ["Better", "text", "open"]);
  const closed = (await owner.pulls.update({ ...R, pull_number: 300, state: "closed" })).data;
  assert.deepEqual([closed.state, closed.merged, closed.closed_at !== null], ["closed", false, true]);
  const made = (await owner.pulls.create({ ...R, title: "Again", head: "topic/three", base: "main", draft: true })).data;
  assert.deepEqual([made.draft, made.user.login, made.head.ref, made.base.ref], [true, "example", "topic/three", "main"]);
});

await check("a push moves a pull request on, which then has one more commit", async () => {
  const before = (await owner.pulls.get({ ...R, pull_number: 42 })).data;
  await desk("POST", "pulls", { number: 42, push: true, message: "One more", files: ["src/b.js", "README.md"] });
  const after = (await owner.pulls.get({ ...R, pull_number: 42 })).data;
  assert.deepEqual([after.head.sha === before.head.sha, after.commits], [false, before.commits + 1]);
  const commits = await owner.paginate(owner.pulls.listCommits, { ...R, pull_number: 42, per_page: 1 });
  assert.deepEqual([commits.at(-1).sha, commits.at(-1).commit.message], [after.head.sha, "One more"]);
  const files = (await owner.pulls.listFiles({ ...R, pull_number: 42 })).data.map((file) => file.filename);
  assert.deepEqual(files.filter((name) => name === "src/b.js" || name === "README.md").length, 2);
  const of = (await owner.repos.listPullRequestsAssociatedWithCommit({ ...R, commit_sha: after.head.sha })).data;
  assert.deepEqual(numbers(of), [42]);
});

await check("a pull request from a fork says whose it is", async () => {
  const pull = (await owner.pulls.get({ ...R, pull_number: 43 })).data;
  assert.deepEqual([pull.head.repo.full_name, pull.head.repo.fork, pull.head.label, pull.user.login],
    ["stranger/app", true, "stranger:patch", "stranger"]);
});

await check("what is merged is in the base, by the API and by a person", async () => {
  await desk("POST", "pulls", { number: 400, head: "topic/four", title: "Merge me", files: ["c.txt"] });
  assert.equal((await refusal(owner.pulls.checkIfMerged({ ...R, pull_number: 400 }))).status, 404);
  const stale = await refusal(owner.pulls.merge({ ...R, pull_number: 400, sha: "0".repeat(40) }));
  assert.equal(stale.status, 409);
  const merged = (await owner.pulls.merge({ ...R, pull_number: 400, merge_method: "squash" })).data;
  assert.deepEqual([merged.merged, await sha(owner, "main")], [true, merged.sha]);
  assert.equal((await owner.pulls.checkIfMerged({ ...R, pull_number: 400 })).status, 204);
  assert.equal((await refusal(owner.pulls.merge({ ...R, pull_number: 400 }))).status, 405);
  await desk("POST", "pulls", { number: 500, head: "topic/five", title: "By hand", files: ["d.txt"] });
  await desk("POST", "pulls", { number: 500, state: "merged" });
  const pull = (await owner.pulls.get({ ...R, pull_number: 500 })).data;
  assert.deepEqual([pull.merged, pull.state, pull.merge_commit_sha], [true, "closed", await sha(owner, "main")]);
});

// ---- issues and labels ------------------------------------------------------------------------

await check("an issue on failure is found again by its label, and the list has pull requests, too", async () => {
  await owner.issues.createLabel({ ...R, name: "deploy-failure", color: "b60205", description: "a deploy failed" });
  const made = (await workflow.issues.create({ ...R, title: "Deploy failed", body: "<!-- deploy -->", labels: ["deploy-failure"] })).data;
  assert.deepEqual([made.user.login, made.user.type, made.labels[0].color], ["github-actions[bot]", "Bot", "b60205"]);
  const found = await workflow.paginate(workflow.issues.listForRepo, { ...R, state: "open", labels: "deploy-failure" });
  assert.deepEqual(numbers(found), [made.number]);
  const all = await workflow.paginate(workflow.issues.listForRepo, { ...R, per_page: 3 });
  assert.ok(all.some((item) => item.pull_request), "pull requests are among issues");
  assert.ok(all.some((item) => item.number === made.number));
  const closed = (await workflow.issues.update({ ...R, issue_number: made.number, state: "closed", state_reason: "completed" })).data;
  assert.deepEqual([closed.state, closed.state_reason, closed.closed_by.login], ["closed", "completed", "github-actions[bot]"]);
  assert.equal((await workflow.issues.listForRepo({ ...R, labels: "deploy-failure" })).data.length, 0);
});

await check("labels are made once, put on, replaced and taken off", async () => {
  const twice = await refusal(owner.issues.createLabel({ ...R, name: "deploy-failure" }));
  assert.deepEqual([twice.status, twice.response.data.errors[0].code], [422, "already_exists"]);
  assert.ok((await owner.paginate(owner.issues.listLabelsForRepo, { ...R, per_page: 1 })).length > 1);
  const I = { ...R, issue_number: 42 };
  const names = ({ data }) => data.map((label) => label.name);
  assert.deepEqual(names(await owner.issues.addLabels({ ...I, labels: ["deploy-failure", "new one"] })), ["deploy-failure", "new one"]);
  assert.deepEqual(names(await owner.issues.removeLabel({ ...I, name: "deploy-failure" })), ["new one"]);
  assert.equal((await refusal(owner.issues.removeLabel({ ...I, name: "deploy-failure" }))).status, 404);
  assert.deepEqual(names(await owner.issues.setLabels({ ...I, labels: ["deploy-failure"] })), ["deploy-failure"]);
  await owner.issues.removeAllLabels(I);
  assert.deepEqual(names(await owner.issues.listLabelsOnIssue(I)), []);
});

await check("a locked issue takes comments of collaborators only", async () => {
  const { number } = (await owner.issues.create({ ...R, title: "Heated" })).data;
  await owner.issues.lock({ ...R, issue_number: number, lock_reason: "too heated" });
  await will.issues.createComment({ ...R, issue_number: number, body: "still here" });
  const refused = await refusal(as("ray").issues.createComment({ ...R, issue_number: number, body: "me too" }));
  assert.equal(refused.status, 403);
  await owner.issues.unlock({ ...R, issue_number: number });
  assert.equal((await owner.issues.get({ ...R, issue_number: number })).data.comments, 1);
});

// ---- the comment of a preview -----------------------------------------------------------------

const MARK = "<!-- davit:preview:42 -->";
const PULL = { ...R, issue_number: 42 };

// As actions do it that look on every page, and at who wrote.
async function upsert(octokit, text) {
  const comments = await octokit.paginate(octokit.issues.listComments, { ...PULL, per_page: 100 });
  const mine = comments.find((c) => c.body.includes(MARK) && c.user.login === "github-actions[bot]");
  const body = `${text} ${MARK}`;
  if (mine?.body === body) return mine;
  if (!mine) return (await octokit.issues.createComment({ ...PULL, body })).data;
  try {
    return (await octokit.issues.updateComment({ ...R, comment_id: mine.id, body })).data;
  } catch (error) {
    if (error.status !== 404) throw error;
    return (await octokit.issues.createComment({ ...PULL, body })).data;
  }
}

const marked = async () => (await owner.paginate(owner.issues.listComments, { ...PULL, per_page: 50 }))
  .filter((c) => c.body.includes(MARK)).map((c) => `${c.user.login}: ${c.body.replace(MARK, "").trim()}`);

await check("a comment behind the first page is found and changed, a planted one is not", async () => {
  const seen = counted(workflow);
  await upsert(workflow, "first");
  assert.deepEqual(seen.methods, ["GET", "GET", "PATCH"]);
  assert.deepEqual(await marked(), ["stranger: planted", "github-actions[bot]: first"]);
  await upsert(workflow, "first");
  assert.deepEqual(seen.methods.slice(3), ["GET", "GET"]);
  await upsert(workflow, "second");
  assert.deepEqual(await marked(), ["stranger: planted", "github-actions[bot]: second"]);
});

await check("a comment that is gone is made anew, one that is too long or empty is refused", async () => {
  const mine = await upsert(workflow, "third");
  await owner.issues.deleteComment({ ...R, comment_id: mine.id });
  assert.equal((await refusal(owner.issues.getComment({ ...R, comment_id: mine.id }))).status, 404);
  assert.ok((await upsert(workflow, "fourth")).id > mine.id);
  assert.deepEqual(await marked(), ["stranger: planted", "github-actions[bot]: fourth"]);
  for (const body of ["x".repeat(65537), ""])
    assert.equal((await refusal(workflow.issues.createComment({ ...PULL, body }))).status, 422);
});

await check("comments of the repository are listed newest first, and since a time", async () => {
  const mine = await upsert(workflow, "fifth");
  assert.equal((await owner.issues.getComment({ ...R, comment_id: mine.id })).data.body, mine.body);
  const { data } = await owner.issues.listCommentsForRepo({ ...R, sort: "updated", direction: "desc", per_page: 1 });
  assert.equal(data[0].id, mine.id);
  const since = (await owner.issues.listComments({ ...PULL, since: mine.updated_at })).data;
  assert.deepEqual(since.map((c) => c.id), [mine.id]);
});

end();
