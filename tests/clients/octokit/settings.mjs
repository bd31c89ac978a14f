// Octokit and what jobs find in their environment: secrets, sealed as GitHub's own examples do it, and variables.
import assert from "node:assert/strict";
import { check, end, refusal } from "../check.mjs";
import { R, as, desk, sodium } from "./client.mjs";

const owner = as("owner");
const E = { ...R, environment_name: "settings/one" };

await sodium.ready;

function seal(value, key) {
  const sealed = sodium.crypto_box_seal(sodium.from_string(value), sodium.from_base64(key, sodium.base64_variants.ORIGINAL));
  return sodium.to_base64(sealed, sodium.base64_variants.ORIGINAL);
}

async function setSecret(secret_name, value) {
  const { key, key_id } = (await owner.actions.getRepoPublicKey(R)).data;
  return owner.actions.createOrUpdateRepoSecret({ ...R, secret_name, encrypted_value: seal(value, key), key_id });
}

const values = () => desk("GET", "github/secrets");

await owner.repos.createOrUpdateEnvironment(E);

// ---- secrets ----------------------------------------------------------------------------------

await check("a secret of the repository is set, replaced and listed, and has the value that was sealed", async () => {
  const url = "postgres://app:päss wörd@ep-one.example.com/app?sslmode=require";
  assert.equal((await setSecret("database_url", "first")).status, 201);
  assert.equal((await setSecret("DATABASE_URL", url)).status, 204);
  assert.equal((await values()).secrets.DATABASE_URL, url);
  await setSecret("EMPTY", "");
  await setSecret("LARGE", "x".repeat(48 << 10));
  const names = (await owner.paginate(owner.actions.listRepoSecrets, { ...R, per_page: 2 })).map((s) => s.name);
  assert.deepEqual(names, ["DATABASE_URL", "EMPTY", "LARGE"]);
  const one = (await owner.actions.getRepoSecret({ ...R, secret_name: "DATABASE_URL" })).data;
  assert.deepEqual(Object.keys(one).sort(), ["created_at", "name", "updated_at"]);
  assert.deepEqual([(await values()).secrets.EMPTY, (await values()).secrets.LARGE.length], ["", 48 << 10]);
});

await check("a secret of an environment is sealed for a key of its own", async () => {
  const { key, key_id } = (await owner.actions.getEnvironmentPublicKey(E)).data;
  const other = (await owner.actions.getRepoPublicKey(R)).data;
  assert.notDeepEqual([key, key_id], [other.key, other.key_id]);
  const put = (sealed, id) => owner.actions.createOrUpdateEnvironmentSecret({ ...E, secret_name: "TOKEN", encrypted_value: sealed,
    key_id: id });
  assert.equal((await refusal(put(seal("for another", other.key), other.key_id))).status, 422);
  assert.equal((await refusal(put(seal("for another", other.key), key_id))).status, 422);
  assert.equal((await put(seal("environment's", key), key_id)).status, 201);
  assert.deepEqual((await values()).environments["settings/one"], { TOKEN: "environment's" });
  assert.equal((await owner.actions.listEnvironmentSecrets(E)).data.total_count, 1);
  assert.equal((await owner.actions.getEnvironmentSecret({ ...E, secret_name: "token" })).data.name, "TOKEN");
  await owner.actions.deleteEnvironmentSecret({ ...E, secret_name: "TOKEN" });
  assert.equal((await refusal(owner.actions.getEnvironmentSecret({ ...E, secret_name: "TOKEN" }))).status, 404);
});

await check("what is not sealed, too large or badly named is refused, and leaves the old value", async () => {
  await setSecret("KEPT", "old");
  const { key_id } = (await owner.actions.getRepoPublicKey(R)).data;
  const plain = await refusal(owner.actions.createOrUpdateRepoSecret({ ...R, secret_name: "KEPT", key_id,
    encrypted_value: Buffer.from("not sealed").toString("base64") }));
  assert.deepEqual([plain.status, plain.response.data.message],
    [422, "Bad request - validation failed due to an improperly encrypted secret"]);
  assert.equal((await refusal(setSecret("KEPT", "x".repeat((48 << 10) + 1)))).status, 422);
  for (const name of ["GITHUB_ANYTHING", "1ST", "WITH-HYPHEN"]) assert.equal((await refusal(setSecret(name, "x"))).status, 422);
  assert.equal((await values()).secrets.KEPT, "old");
  await owner.actions.deleteRepoSecret({ ...R, secret_name: "KEPT" });
  assert.equal((await refusal(owner.actions.deleteRepoSecret({ ...R, secret_name: "KEPT" }))).status, 404);
});

// ---- variables --------------------------------------------------------------------------------

// As scripts do it: change it, else make it.
async function upsert(name, value) {
  try {
    await owner.actions.updateRepoVariable({ ...R, name, value });
  } catch (error) {
    if (error.status !== 404) throw error;
    await owner.actions.createRepoVariable({ ...R, name, value });
  }
}

await check("a variable is made, changed, listed and deleted", async () => {
  await upsert("REGION", "eu");
  assert.equal((await refusal(owner.actions.createRepoVariable({ ...R, name: "region", value: "us" }))).status, 409);
  await upsert("REGION", "us");
  await upsert("STAGE", "");
  const listed = await owner.paginate(owner.actions.listRepoVariables, { ...R, per_page: 1 });
  assert.deepEqual(listed.map((v) => [v.name, v.value]), [["REGION", "us"], ["STAGE", ""]]);
  assert.equal((await owner.actions.getRepoVariable({ ...R, name: "region" })).data.value, "us");
  await owner.actions.deleteRepoVariable({ ...R, name: "STAGE" });
  assert.equal((await refusal(owner.actions.getRepoVariable({ ...R, name: "STAGE" }))).status, 404);
});

await check("an environment has variables of its own", async () => {
  await owner.actions.createEnvironmentVariable({ ...E, name: "REGION", value: "here" });
  await owner.actions.updateEnvironmentVariable({ ...E, name: "REGION", value: "there" });
  assert.equal((await owner.actions.getEnvironmentVariable({ ...E, name: "REGION" })).data.value, "there");
  assert.equal((await owner.actions.listEnvironmentVariables(E)).data.total_count, 1);
  await owner.actions.deleteEnvironmentVariable({ ...E, name: "REGION" });
  assert.equal((await owner.actions.listEnvironmentVariables(E)).data.total_count, 0);
});

end();
