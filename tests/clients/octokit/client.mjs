// What the programs that drive Octokit have in common:
//   node PROGRAM.mjs NODE_MODULES BASE
// Tokens come from the environment by who has them; what is printed, check.mjs says.
import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { createRequire } from "node:module";

const [parts, base] = process.argv.slice(2);
const load = createRequire(parts + "/");

export const { Octokit } = load("@octokit/rest");
export const { retry } = load("@octokit/plugin-retry");
export const { throttling } = load("@octokit/plugin-throttling");
export const sodium = load("libsodium-wrappers");

export const baseUrl = base + "/api/v3";
export const token = (who) => process.env[who.toUpperCase() + "_TOKEN"];
export const R = { owner: "example", repo: "app" };

const silent = { debug() {}, info() {}, warn() {}, error() {} };

// Somebody's Octokit, without plug-ins; without somebody nobody's.
export const as = (who, more = {}) => new Octokit({ auth: who && token(who), baseUrl, log: silent, ...more });

// What happens at GitHub without its API.
export async function desk(method, path, body) {
  const answer = await fetch(`${base}/_davit/${path}`, { method, body: body && JSON.stringify(body),
    headers: { "content-type": "application/json" } });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

// Makes requests go wrong from now on: a rule as `davit cloud --fault` takes it.
export const fault = (rule) => desk("POST", "faults", rule);

// Counts the requests that an Octokit sends.
export function counted(octokit) {
  const counter = { sent: 0, methods: [] };
  octokit.hook.before("request", (options) => {
    counter.sent += 1;
    counter.methods.push(options.method);
  });
  return counter;
}

export const sha = async (octokit, branch) => (await octokit.git.getRef({ ...R, ref: "heads/" + branch })).data.object.sha;

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

// An app, as it shows that it is itself.
export function app(id, seconds = 300) {
  const now = Math.floor(Date.now() / 1000);
  const text = [{ alg: "RS256", typ: "JWT" }, { iat: now - 60, exp: now + seconds, iss: id }].map(part).join(".");
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const signature = sign("sha256", Buffer.from(text), privateKey).toString("base64url");
  return as(null, { auth: `${text}.${signature}` });
}

// What an app makes for a repository: an Octokit with a token of fewer permissions than the app has.
export async function installed(octokit, permissions) {
  const installation_id = (await octokit.apps.getRepoInstallation(R)).data.id;
  const { data } = await octokit.apps.createInstallationAccessToken({ installation_id, repositories: [R.repo], permissions });
  return { octokit: as(null, { auth: data.token }), told: data, installation_id };
}
