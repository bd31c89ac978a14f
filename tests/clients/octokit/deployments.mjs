// Octokit where things are deployed: deployments with their statuses, and the environments that they leave behind.
import assert from "node:assert/strict";
import { check, end, refusal } from "../check.mjs";
import { R, as, desk } from "./client.mjs";

const owner = as("owner");
const workflow = as("workflow");

const careful = { auto_merge: false, required_contexts: [] };
const deploy = async (more) => (await workflow.repos.createDeployment({ ...R, ref: "main", ...careful, ...more })).data;
const say = async (deployment, state, more) =>
  (await workflow.repos.createDeploymentStatus({ ...R, deployment_id: deployment.id, state, ...more })).data;

// The states of a deployment, the newest first.
const states = async ({ id }) => (await workflow.repos.listDeploymentStatuses({ ...R, deployment_id: id })).data.map((s) => s.state);

const environments = async () => (await owner.paginate(owner.repos.getAllEnvironments, { ...R, per_page: 2 })).map((e) => e.name);

// ---- deployments ------------------------------------------------------------------------------

await check("a preview is deployed, told where it is, and found again", async () => {
  const made = await deploy({ ref: "feature/preview", environment: "preview/pr-42", transient_environment: true,
    production_environment: false, task: "deploy:preview", payload: { pr: 42 }, description: "Preview" });
  assert.deepEqual([made.creator.login, made.task, made.payload, made.transient_environment, made.production_environment],
    ["github-actions[bot]", "deploy:preview", { pr: 42 }, true, false]);
  await say(made, "in_progress", { log_url: "https://ci.example.com/1" });
  const said = await say(made, "success", { environment_url: "https://pr-42.example.com", auto_inactive: false, description: "ok" });
  assert.deepEqual([said.environment_url, said.environment, said.description], ["https://pr-42.example.com", "preview/pr-42", "ok"]);
  assert.deepEqual(await states(made), ["success", "in_progress"]);
  const one = (await workflow.repos.getDeploymentStatus({ ...R, deployment_id: made.id, status_id: said.id })).data;
  assert.equal(one.state, "success");
  const listed = await workflow.paginate(workflow.repos.listDeployments, { ...R, environment: "preview/pr-42", per_page: 1 });
  assert.deepEqual(listed.map((d) => d.id), [made.id]);
  assert.equal((await workflow.repos.getDeployment({ ...R, deployment_id: made.id })).data.ref, "feature/preview");
});

await check("the next success ends the last one, but not of transient environments", async () => {
  const outcome = async (environment, more) => {
    const first = await deploy({ environment, ...more });
    await say(first, "success");
    const second = await deploy({ environment, ...more });
    await say(second, "success");
    return [await states(first), await states(second)];
  };
  assert.deepEqual(await outcome("staging"), [["inactive", "success"], ["success"]]);
  assert.deepEqual(await outcome("short-lived", { transient_environment: true }), [["success"], ["success"]]);
  assert.deepEqual(await outcome("live", { production_environment: true }), [["success"], ["success"]]);
});

await check("a branch that is behind is merged instead of deployed, unless that is forbidden", async () => {
  await desk("POST", "pulls", { number: 600, head: "on-main", title: "Moves main", files: ["m.txt"] });
  await desk("POST", "pulls", { number: 600, state: "merged" });
  const merged = await workflow.repos.createDeployment({ ...R, ref: "develop", required_contexts: [] });
  assert.deepEqual([merged.status, merged.data], [202, { message: "Auto-merged main into develop on deployment." }]);
  assert.equal((await workflow.repos.createDeployment({ ...R, ref: "develop", required_contexts: [] })).status, 201);
});

await check("checks that have not succeeded keep a deployment from being made, unless none are asked for", async () => {
  const head = (await owner.repos.getBranch({ ...R, branch: "develop" })).data.commit.sha;
  const context = { ...R, sha: head, context: "ci/develop" };
  await workflow.repos.createCommitStatus({ ...context, state: "pending" });
  const request = { ...R, ref: "develop", auto_merge: false };
  const refused = await refusal(workflow.repos.createDeployment(request));
  assert.deepEqual([refused.status, refused.response.data.errors[0].field], [409, "required_contexts"]);
  await workflow.repos.createCommitStatus({ ...context, state: "success" });
  assert.equal((await workflow.repos.createDeployment(request)).status, 201);
});

await check("what makes no sense is refused", async () => {
  const unknown = await refusal(deploy({ ref: "nowhere" }));
  assert.deepEqual([unknown.status, unknown.response.data.message], [422, "No ref found for: nowhere"]);
  const made = await deploy({ environment: "staging" });
  assert.equal((await refusal(say(made, "success", { description: "x".repeat(141) }))).status, 422);
  assert.equal((await refusal(say(made, "done"))).status, 422);
  assert.equal((await refusal(say({ id: 5 }, "success"))).status, 404);
});

// ---- the end of a preview ---------------------------------------------------------------------

await check("a deployment goes when it is inactive; its environment stays until somebody who may deletes it", async () => {
  const one = { environment: "preview/pr-7", transient_environment: true };
  const [first, second] = [await deploy(one), await deploy(one)];
  await say(first, "success");
  await say(second, "success");
  const active = await refusal(workflow.repos.deleteDeployment({ ...R, deployment_id: second.id }));
  assert.equal(active.status, 422);
  for (const deployment of [first, second]) {
    await say(deployment, "inactive");
    await workflow.repos.deleteDeployment({ ...R, deployment_id: deployment.id });
  }
  assert.equal((await workflow.repos.listDeployments({ ...R, environment: "preview/pr-7" })).data.length, 0);
  assert.ok((await environments()).includes("preview/pr-7"));
  const E = { ...R, environment_name: "preview/pr-7" };
  assert.equal((await refusal(workflow.repos.deleteAnEnvironment(E))).status, 403);
  await owner.repos.deleteAnEnvironment(E);
  assert.ok(!(await environments()).includes("preview/pr-7"));
  assert.equal((await refusal(owner.repos.getEnvironment(E))).status, 404);
});

// ---- environments -----------------------------------------------------------------------------

await check("an environment is given reviewers, a timer and branches, and loses what is not named again", async () => {
  const rita = (await as("rita").users.getAuthenticated()).data.id;
  const E = { ...R, environment_name: "production" };
  const { data } = await owner.repos.createOrUpdateEnvironment({ ...E, wait_timer: 1, prevent_self_review: true,
    reviewers: [{ type: "User", id: rita }],
    deployment_branch_policy: { protected_branches: false, custom_branch_policies: true } });
  assert.deepEqual(data.protection_rules.map((rule) => rule.type), ["wait_timer", "required_reviewers", "branch_policy"]);
  assert.equal(data.protection_rules[1].reviewers[0].reviewer.login, "rita");
  const made = await owner.repos.createDeploymentBranchPolicy({ ...E, name: "release/*" });
  assert.equal(made.data.name, "release/*");
  const again = await owner.repos.createDeploymentBranchPolicy({ ...E, name: "release/*" });   // 303 leads to the first
  assert.equal(again.data.id, made.data.id);
  const rules = (await owner.repos.listDeploymentBranchPolicies(E)).data;
  assert.deepEqual([rules.total_count, rules.branch_policies[0].name], [1, "release/*"]);
  assert.equal((await as("ray").repos.getEnvironment(E)).data.protection_rules[0].wait_timer, 1);
  const bare = (await owner.repos.createOrUpdateEnvironment(E)).data;
  assert.deepEqual([bare.protection_rules, bare.deployment_branch_policy], [[], null]);
  const stranger = await refusal(owner.repos.createOrUpdateEnvironment({ ...E, reviewers: [{ type: "User", id: 1 }] }));
  assert.equal(stranger.status, 422);
});

end();
