// Octokit and what is said of a commit: check runs with their annotations, and statuses.
import assert from "node:assert/strict";
import { check, end, refusal } from "../check.mjs";
import { R, as, sha } from "./client.mjs";

const workflow = as("workflow");
const head_sha = await sha(workflow, "feature/other");

const annotation = (line) => ({ path: "src/a.js", start_line: line, end_line: line, annotation_level: "warning",
  message: `line ${line}` });
const annotations = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => annotation(from + i));

await check("a check is begun, told more than fits in one request, and concluded", async () => {
  const made = (await workflow.checks.create({ ...R, name: "davit", head_sha, status: "in_progress", external_id: "run-1",
    details_url: "https://ci.example.com/1" })).data;
  assert.deepEqual([made.status, made.conclusion, made.app.slug], ["in_progress", null, "github-actions"]);
  const one = { ...R, check_run_id: made.id };
  const output = (list) => ({ title: "Findings", summary: "a summary", annotations: list });
  await workflow.checks.update({ ...one, output: output(annotations(1, 50)) });
  await workflow.checks.update({ ...one, output: output(annotations(51, 70)) });
  assert.equal((await refusal(workflow.checks.update({ ...one, output: output(annotations(71, 121)) }))).status, 422);
  const done = (await workflow.checks.update({ ...one, status: "completed", conclusion: "neutral" })).data;
  assert.deepEqual([done.status, done.conclusion, done.output.annotations_count], ["completed", "neutral", 70]);
  const listed = await workflow.paginate(workflow.checks.listAnnotations, { ...one, per_page: 30 });
  assert.deepEqual(listed.map((a) => a.start_line), annotations(1, 70).map((a) => a.start_line));
  assert.equal((await workflow.checks.get(one)).data.external_id, "run-1");
});

await check("the checks of a commit are listed by the branch's name, and by their own", async () => {
  await workflow.checks.create({ ...R, name: "other", head_sha, status: "completed", conclusion: "failure" });
  const all = await workflow.paginate(workflow.checks.listForRef, { ...R, ref: "feature/other", per_page: 1 });
  assert.deepEqual(all.map((c) => c.name).sort(), ["davit", "other"]);
  const failed = (await workflow.checks.listForRef({ ...R, ref: head_sha, check_name: "other" })).data;
  assert.deepEqual([failed.total_count, failed.check_runs[0].conclusion], [1, "failure"]);
  const wrong = await refusal(workflow.checks.create({ ...R, name: "none", head_sha: "0".repeat(40) }));
  assert.equal(wrong.status, 422);
});

await check("statuses add up, and the last of a context counts", async () => {
  const say = (context, state) => workflow.repos.createCommitStatus({ ...R, sha: head_sha, context, state,
    target_url: "https://ci.example.com/2", description: state });
  const combined = async () => (await workflow.repos.getCombinedStatusForRef({ ...R, ref: "feature/other" })).data;
  await say("ci/build", "pending");
  assert.equal((await combined()).state, "pending");
  await say("ci/build", "success");
  await say("ci/test", "failure");
  assert.deepEqual([(await combined()).state, (await combined()).statuses.map((s) => s.state).sort()],
    ["failure", ["failure", "success"]]);
  const all = await workflow.paginate(workflow.repos.listCommitStatusesForRef, { ...R, ref: head_sha, per_page: 2 });
  assert.deepEqual(all.map((s) => `${s.context} ${s.state}`), ["ci/test failure", "ci/build success", "ci/build pending"]);
  assert.equal((await refusal(say("ci/test", "great"))).status, 422);
});

end();
