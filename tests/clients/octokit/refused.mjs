// Octokit with tokens that may not: what each is told, and what an app's token may that is given less than the app has.
import assert from "node:assert/strict";
import { check, end, refusal } from "../check.mjs";
import { R, app, as, installed } from "./client.mjs";

const deployment = { ...R, ref: "main", auto_merge: false, required_contexts: [], environment: "refused" };
const accepted = (error) => error.response.headers["x-accepted-github-permissions"];

await check("a token that nobody knows, or that has expired, is refused at once", async () => {
  for (const octokit of [as(null, { auth: "nobody" }), as("expired")]) {
    const error = await refusal(octokit.repos.get(R));
    assert.deepEqual([error.status, error.response.data.message], [401, "Bad credentials"]);
  }
});

await check("what may not be seen is not there", async () => {
  for (const who of [null, "stranger"]) assert.equal((await refusal(as(who).repos.get(R))).status, 404);
  assert.equal((await refusal(as("fine").repos.get({ owner: "example", repo: "other" }))).status, 404);
  assert.equal((await as(null).repos.get({ owner: "example", repo: "site" })).data.full_name, "example/site");
});

await check("who may only read is told that writing takes more", async () => {
  const ray = as("ray");
  assert.equal((await ray.issues.get({ ...R, issue_number: 1 })).status, 200);
  assert.equal((await refusal(ray.repos.createDeployment(deployment))).status, 403);
  assert.match((await refusal(ray.pulls.merge({ ...R, pull_number: 46 }))).message, /Must have push access/);
  assert.match((await refusal(as("will").repos.deleteAnEnvironment({ ...R, environment_name: "x" }))).message, /Must have admin rights/);
});

await check("a workflow's token has what its permissions say, and is told what it lacks", async () => {
  const reading = as("reading");
  assert.equal((await reading.issues.createComment({ ...R, issue_number: 42, body: "by pull-requests: write" })).status, 201);
  const error = await refusal(reading.repos.createDeployment(deployment));
  assert.deepEqual([error.status, error.response.data.message, accepted(error)],
    [403, "Resource not accessible by integration", "deployments=write"]);
  assert.equal((await refusal(reading.issues.create({ ...R, title: "no" }))).status, 403);
});

await check("a workflow's token never has secrets, variables or environments, whatever it was given", async () => {
  const workflow = as("workflow");
  const environment = { ...R, environment_name: "x" };
  for (const call of [() => workflow.actions.getRepoPublicKey(R), () => workflow.actions.listRepoSecrets(R),
    () => workflow.actions.listRepoVariables(R), () => workflow.repos.createOrUpdateEnvironment(environment)]) {
    const error = await refusal(call());
    assert.deepEqual([error.status, error.response.data.message], [403, "Resource not accessible by integration"]);
  }
});

await check("the token of a run for a fork reads only", async () => {
  const fork = as("fork");
  assert.equal((await fork.pulls.get({ ...R, pull_number: 43 })).status, 200);
  assert.equal((await refusal(fork.issues.createComment({ ...R, issue_number: 43, body: "no" }))).status, 403);
});

await check("a fine-grained token does what it was made for, and a narrow scope opens one thing", async () => {
  const fine = as("fine");
  assert.equal((await fine.repos.createDeployment(deployment)).status, 201);
  assert.match((await refusal(fine.issues.create({ ...R, title: "no" }))).message, /not accessible by personal access token/);
  assert.equal((await as("narrow").repos.createDeployment(deployment)).status, 201);
  assert.equal((await refusal(as("narrow").issues.create({ ...R, title: "no" }))).status, 404);
});

// ---- an app -----------------------------------------------------------------------------------

await check("an app makes a token of fewer permissions, which writes as the app and no more than that", async () => {
  const { octokit, told, installation_id } = await installed(app(77), { deployments: "write" });
  assert.deepEqual([told.permissions.deployments, told.permissions.secrets, told.repository_selection], ["write", undefined, "selected"]);
  assert.equal((await octokit.repos.createDeployment(deployment)).data.creator.login, "deployer[bot]");
  assert.equal((await refusal(octokit.actions.listRepoSecrets(R))).status, 403);
  assert.equal((await refusal(octokit.repos.get({ owner: "example", repo: "other" }))).status, 404);
  const more = await refusal(app(77).apps.createInstallationAccessToken({ installation_id, permissions: { issues: "write" } }));
  assert.equal(more.status, 422);
  assert.equal((await refusal(app(78).apps.getRepoInstallation(R))).status, 401);
  assert.equal((await refusal(app(77, 3600).apps.getRepoInstallation(R))).status, 401);
});

await check("what is not modelled is said, GraphQL too", async () => {
  const missing = await refusal(as("owner").issues.listMilestones(R));
  assert.deepEqual([missing.status, missing.response.headers["x-davit-stand-in"]], [404, "not modelled"]);
  assert.match(missing.message, /Davit's local cloud has nothing at this path/);
  assert.match((await refusal(as("owner").graphql("{ viewer { login } }"))).message, /does not answer GraphQL/);
});

await check("a version of the API that there is not is refused", async () => {
  const error = await refusal(as("owner").repos.get({ ...R, headers: { "x-github-api-version": "1999-01-01" } }));
  assert.equal(error.status, 400);
});

end();
