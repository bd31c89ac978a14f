// Octokit and workflows: what is dispatched, how runs go on, who lets them pass.
import assert from "node:assert/strict";
import { check, end, refusal } from "../check.mjs";
import { R, app, as, desk, installed } from "./client.mjs";

const owner = as("owner");
const rita = as("rita");
const will = as("will");

const begin = (body) => desk("POST", "github/runs", body);
const go = (run, body) => desk("PATCH", `github/runs/${run.id}`, body);
const get = async ({ id }) => (await owner.actions.getWorkflowRun({ ...R, run_id: id })).data;
const jobs = async ({ id }) => (await owner.paginate(owner.actions.listJobsForWorkflowRun, { ...R, run_id: id, per_page: 1 }))
  .map((job) => `${job.name} ${job.conclusion ?? job.status}`);

// ---- dispatch ---------------------------------------------------------------------------------

await desk("POST", "github/workflows", { file: "deploy.yml", name: "Deploy", jobs: [{ name: "deploy", seconds: 0 }],
  workflow_dispatch: { inputs: { stage: { required: true, options: ["preview", "live"] }, pr: { default: "0" } } },
  repository_dispatch: { types: ["preview-wanted"] } });

await check("a workflow is dispatched with its inputs, and the run is found or told", async () => {
  const D = { ...R, workflow_id: "deploy.yml", ref: "main" };
  const first = await owner.actions.createWorkflowDispatch({ ...D, inputs: { stage: "preview" } });
  assert.equal(first.status, 204);
  const told = await owner.actions.createWorkflowDispatch({ ...D, inputs: { stage: "live", pr: "7" }, return_run_details: true });
  assert.equal(told.status, 200);
  const run = await get({ id: told.data.workflow_run_id });
  assert.deepEqual([run.event, run.status, run.conclusion, run.head_branch], ["workflow_dispatch", "completed", "success", "main"]);
  const listed = await owner.paginate(owner.actions.listWorkflowRunsForRepo, { ...R, event: "workflow_dispatch", per_page: 1 });
  assert.deepEqual([listed.length, listed[0].id], [2, run.id]);
  const names = (await owner.actions.listRepoWorkflows(R)).data.workflows.map((w) => [w.name, w.path]);
  assert.deepEqual(names, [["Deploy", ".github/workflows/deploy.yml"]]);
  for (const inputs of [{}, { stage: "moon" }, { stage: "live", extra: "x" }])
    assert.equal((await refusal(owner.actions.createWorkflowDispatch({ ...D, inputs }))).status, 422);
  assert.equal((await refusal(owner.actions.createWorkflowDispatch({ ...D, workflow_id: "none.yml" }))).status, 404);
});

await check("an event of one's own starts what listens for it", async () => {
  const runs = async () => (await owner.actions.listWorkflowRunsForRepo({ ...R, event: "repository_dispatch" })).data;
  const wanted = await owner.repos.createDispatchEvent({ ...R, event_type: "preview-wanted", client_payload: { pr: 42 } });
  assert.equal(wanted.status, 204);
  await owner.repos.createDispatchEvent({ ...R, event_type: "nobody-listens" });
  assert.equal((await runs()).total_count, 1);
  const eleven = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`key${i}`, i]));
  assert.equal((await refusal(owner.repos.createDispatchEvent({ ...R, event_type: "x", client_payload: eleven }))).status, 422);
});

// ---- runs -------------------------------------------------------------------------------------

await check("a run goes on job by job, and each is looked at", async () => {
  const run = await begin({ pull: 42, workflow: "ci.yml", jobs: [{ name: "build" }, { name: "test", needs: ["build"] }] });
  assert.deepEqual([(await get(run)).status, await jobs(run)], ["queued", ["build queued"]]);
  await go(run, { jobs: [{ name: "build", conclusion: "success" }] });
  await go(run, { jobs: [{ name: "test", status: "in_progress" }] });
  assert.deepEqual([(await get(run)).status, await jobs(run)], ["in_progress", ["build success", "test in_progress"]]);
  await go(run, { jobs: [{ name: "test", conclusion: "failure" }] });
  const ended = await get(run);
  assert.deepEqual([ended.status, ended.conclusion, ended.event, ended.pull_requests[0].number],
    ["completed", "failure", "pull_request", 42]);
  const { data } = await owner.actions.listJobsForWorkflowRun({ ...R, run_id: run.id });
  const job = (await owner.actions.getJobForWorkflowRun({ ...R, job_id: data.jobs[1].id })).data;
  assert.deepEqual([job.name, job.conclusion, job.run_id], ["test", "failure", run.id]);
  const found = (await owner.actions.listWorkflowRunsForRepo({ ...R, status: "failure", head_sha: ended.head_sha })).data;
  assert.deepEqual(found.workflow_runs.map((one) => one.id), [run.id]);
});

await check("a run is cancelled, run again whole, then only what failed, and deleted", async () => {
  const run = await begin({ jobs: [{ name: "a" }, { name: "b" }] });
  const one = { ...R, run_id: run.id };
  await go(run, { jobs: [{ name: "a", conclusion: "success" }] });
  assert.equal((await refusal(owner.actions.reRunWorkflow(one))).status, 403);
  assert.equal((await owner.actions.cancelWorkflowRun(one)).status, 202);
  assert.deepEqual([(await get(run)).conclusion, await jobs(run)], ["cancelled", ["a success", "b cancelled"]]);
  assert.equal((await refusal(owner.actions.cancelWorkflowRun(one))).status, 409);
  assert.equal((await owner.actions.reRunWorkflow(one)).status, 201);
  await go(run, { jobs: [{ name: "a", conclusion: "success" }, { name: "b", conclusion: "failure" }] });
  assert.equal((await owner.actions.reRunWorkflowFailedJobs(one)).status, 201);
  assert.deepEqual([(await get(run)).run_attempt, await jobs(run)], [3, ["a success", "b queued"]]);
  await go(run, { conclusion: "success" });
  await owner.actions.deleteWorkflowRun(one);
  assert.equal((await refusal(owner.actions.getWorkflowRun(one))).status, 404);
});

// ---- approvals --------------------------------------------------------------------------------

const reviewer = (await rita.users.getAuthenticated()).data.id;
const production = (await owner.repos.createOrUpdateEnvironment({ ...R, environment_name: "guarded",
  reviewers: [{ type: "User", id: reviewer }] })).data;

const review = (octokit, run, state) => octokit.actions.reviewPendingDeploymentsForRun({ ...R, run_id: run.id,
  environment_ids: [production.id], state, comment: "looked at" });
const waiting = async (octokit, run) => (await octokit.actions.getPendingDeploymentsForRun({ ...R, run_id: run.id })).data;

await check("a job waits until a reviewer lets it pass, and nobody else does", async () => {
  const run = await begin({ jobs: [{ name: "release", environment: "guarded" }] });
  assert.equal((await get(run)).status, "waiting");
  const [pending] = await waiting(rita, run);
  assert.deepEqual([pending.environment.name, pending.current_user_can_approve, pending.reviewers[0].reviewer.login],
    ["guarded", true, "rita"]);
  assert.equal((await waiting(will, run))[0].current_user_can_approve, false);
  assert.equal((await refusal(review(will, run, "approved"))).status, 403);
  assert.equal((await refusal(review(as("workflow"), run, "approved"))).status, 403);
  const [deployment] = (await review(rita, run, "approved")).data;
  assert.equal(deployment.environment, "guarded");
  assert.deepEqual(await waiting(rita, run), []);
  assert.equal((await refusal(review(rita, run, "approved"))).status, 422);
  await go(run, { conclusion: "success" });
  assert.equal((await get(run)).conclusion, "success");
  const [status] = (await owner.repos.listDeploymentStatuses({ ...R, deployment_id: deployment.id })).data;
  assert.equal(status.state, "success");
  const [approval] = (await owner.actions.getReviewsForRun({ ...R, run_id: run.id })).data;
  assert.deepEqual([approval.state, approval.user.login, approval.environments[0].name], ["approved", "rita", "guarded"]);
});

await check("a job that is turned away fails its run", async () => {
  const run = await begin({ jobs: [{ name: "release", environment: "guarded" }] });
  await review(rita, run, "rejected");
  assert.deepEqual([(await get(run)).conclusion, await jobs(run)], ["failure", ["release failure"]]);
});

await check("a branch that may not deploy fails its job without asking anybody", async () => {
  await owner.repos.createOrUpdateEnvironment({ ...R, environment_name: "protected-only",
    deployment_branch_policy: { protected_branches: true, custom_branch_policies: false } });
  const run = await begin({ head_branch: "develop", jobs: [{ name: "release", environment: "protected-only" }] });
  assert.equal((await get(run)).conclusion, "failure");
  const from = await begin({ head_branch: "release", jobs: [{ name: "release", environment: "protected-only" }] });
  assert.equal((await get(from)).status, "queued");
});

await check("a job waits for an app that the environment asks", async () => {
  const E = { ...R, environment_name: "asks-an-app" };
  await owner.repos.createOrUpdateEnvironment(E);
  await owner.repos.createDeploymentProtectionRule({ ...E, integration_id: 77 });
  const run = await begin({ jobs: [{ name: "release", environment: E.environment_name }] });
  assert.equal((await get(run)).status, "waiting");
  const { octokit } = await installed(app(77), { deployments: "write" });
  const answer = (more) => octokit.actions.reviewCustomGatesForRun({ ...E, run_id: run.id, ...more });
  assert.equal((await answer({ comment: "looking" })).status, 204);
  assert.equal((await get(run)).status, "waiting");
  assert.equal((await answer({ state: "approved", comment: "fine" })).status, 204);
  assert.equal((await get(run)).status, "queued");
});

end();
