// Holds recorded exchanges against the services' contracts (OpenAPI 3.0):
//   node contracts.mjs NODE_MODULES KNOWN RECORDING… -- NAME=CONTRACT…
// Prints JSON: how many exchanges were held against what, which differences are not in KNOWN, and which of KNOWN no
// longer occur. A difference is told by contract, operation, place ("request /metadata/tags", "response 2xx
// /result/*/id", "query page") and rule (ajv's keyword, or one of ours: undocumented, unknown, status, not-json).
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const args = process.argv.slice(2);
const border = args.indexOf("--");
const [parts, knownFile, ...recordings] = args.slice(0, border);
const load = createRequire(parts + "/");
const Ajv = load("ajv").default;
const formats = load("ajv-formats").default;

const readJson = async (file) => JSON.parse(await readFile(file, "utf8"));

// ---- contracts --------------------------------------------------------------------------------

// OpenAPI's dialect to JSON Schema's, with references that say which document they mean.
function converted(schema, name) {
  if (Array.isArray(schema)) return schema.map((item) => converted(item, name));
  if (schema === null || typeof schema !== "object") return schema;
  const made = {};
  for (const [key, value] of Object.entries(schema))
    made[key] = key === "$ref" && typeof value === "string" ? name + value : converted(value, name);
  if (made.nullable !== true) return made;
  delete made.nullable;
  if (typeof made.type !== "string") return { anyOf: [made, { type: "null" }] };
  return { ...made, type: [made.type, "null"], ...(made.enum && { enum: [...made.enum, null] }) };
}

const literals = (template) => template.split("/").filter((part) => !part.startsWith("{")).length;

// The older document has operations of the SDK's where it has none of its own.
const taken = (operation) => String(operation["x-source"]).startsWith("cloudflare-typescript");

// What one document says; `operations` are sorted so that the more literal path comes first.
async function readContract(name, file) {
  const document = converted(await readJson(file), name);
  const ajv = new Ajv({ strict: false, allErrors: true, verbose: true, logger: false });
  formats(ajv);
  ajv.addSchema(document, name);
  const operations = [];
  for (const [template, methods] of Object.entries(document.paths))
    for (const [method, operation] of Object.entries(methods))
      if (operation.responses && !(name === "older" && taken(operation)))
        operations.push({ method: method.toUpperCase(), template, operation, parts: template.split("/") });
  operations.sort((a, b) => literals(b.template) - literals(a.template));
  return { name, document, ajv, operations, compiled: new Map() };
}

// By the host of a service: where its operations begin, which is no part of their paths; and, for an operation that no
// contract has, what differs between two requests for it.
const services = {
  "api.cloudflare.com": { base: "/client/v4", shape: [
    [/\/accounts\/[0-9a-f]{32}/, "/accounts/{account_id}"],
    [/\/workers\/(scripts|services|workers|tails\/by-consumer)\/[^/]+/, "/workers/$1/{name}"],
    [/\/previews\/[^/]+/, "/previews/{preview}"],
    [/\/workers\/subdomains\/[^/]+/, "/workers/subdomains/{name}"]] },
  "console.neon.tech": { base: "/api/v2", shape: [
    [/\/projects\/[^/]+/, "/projects/{project_id}"],
    [/\/branches\/br-[^/]+/, "/branches/{branch_id}"]] },
  "api.github.com": { base: "", shape: [
    [/\/repos\/[^/]+\/[^/]+/, "/repos/{owner}/{repo}"],
    [/\/git\/refs\/.+/, "/git/refs/{ref}"],
    [/\/(labels|environments|workflows)\/[^/]+/, "/$1/{name}"],
    [/\/\d+(?=\/|$)/g, "/{number}"]] },
};

function pathOf(entry) {
  const { base } = services[entry.host];
  return entry.path.startsWith(base + "/") ? entry.path.slice(base.length) : entry.path;
}

function operationOf(contract, entry) {
  const parts = pathOf(entry).split("/");
  return contract.operations.find((o) => o.method === entry.method && o.parts.length === parts.length
    && o.parts.every((part, i) => part.startsWith("{") || part === parts[i]));
}

function resolved(contract, schema) {
  if (!schema?.$ref) return schema;
  const [, pointer] = schema.$ref.split("#/");
  return resolved(contract, pointer.split("/").reduce((at, key) => at[key], contract.document));
}

function validator(contract, schema) {
  if (!contract.compiled.has(schema)) contract.compiled.set(schema, contract.ajv.compile(schema));
  return contract.compiled.get(schema);
}

// ---- what is wrong with a value ---------------------------------------------------------------

// The branch of a union that a value means, by its "type"; undefined when that does not say.
function meant(contract, branches, value) {
  if (value === null || typeof value !== "object" || typeof value.type !== "string") return undefined;
  return branches.find((branch) => {
    const full = resolved(contract, branch);
    const all = [full, ...(full.allOf ?? []).map((one) => resolved(contract, one))];
    return all.some((one) => resolved(contract, one.properties?.type)?.enum?.includes(value.type));
  });
}

// The names of fields that a mark, readOnly or writeOnly, stands at, anywhere in a schema.
function marked(contract, schema, mark, names = new Set(), seen = new Set()) {
  const full = resolved(contract, schema);
  if (!full || typeof full !== "object" || seen.has(full)) return names;
  seen.add(full);
  for (const [name, property] of Object.entries(full.properties ?? {})) {
    if (resolved(contract, property)?.[mark]) names.add(name);
    marked(contract, property, mark, names, seen);
  }
  for (const branch of [...(full.allOf ?? []), ...(full.anyOf ?? []), ...(full.oneOf ?? [])])
    marked(contract, branch, mark, names, seen);
  return names;
}

// Whoever sends a request need not send what only answers have, and the other way round.
function exempt(contract, schema, error, side) {
  if (error.keyword !== "required") return false;
  return marked(contract, schema, side === "request" ? "readOnly" : "writeOnly").has(error.params.missingProperty);
}

const general = (path) => path.replace(/\/\d+(?=\/|$)/g, "/*");

// [{ path, rule, detail }]; of a union that nothing fits only the branch that was meant is looked into.
function faults(contract, schema, value, side, path = "") {
  if (schema === undefined) return [];
  const validate = validator(contract, schema);
  if (validate(value)) return [];
  const errors = validate.errors.filter((e) => !exempt(contract, schema, e, side));
  const unions = errors.filter((e) => e.keyword === "anyOf" || e.keyword === "oneOf");
  const found = [];
  for (const error of errors) {
    const inside = unions.some((u) => u !== error
      && (error.instancePath === u.instancePath || error.instancePath.startsWith(u.instancePath + "/")));
    if (inside) continue;
    const branch = unions.includes(error) && meant(contract, error.schema, error.data);
    if (branch) {
      found.push(...faults(contract, branch, error.data, side, path + error.instancePath));
    } else {
      const missing = error.params.missingProperty ?? error.params.additionalProperty;
      found.push({ path: general(path + error.instancePath + (missing ? `/${missing}` : "")), rule: error.keyword,
        detail: `${error.message}, it is ${JSON.stringify(error.data)?.slice(0, 120)}` });
    }
  }
  return found;
}

// ---- exchanges --------------------------------------------------------------------------------

function parsed(text) {
  try { return JSON.parse(text); } catch { return text; }
}

// Parts that are named as the contract names its fields are those; modules go by names of their own.
function formOf(parts, schema) {
  const form = {};
  for (const { name, body } of parts) {
    const [, key, rest] = name.match(/^([^[]*)(.*)$/s);
    if (rest !== "" && key in (schema.properties ?? {})) {
      nest(form, [key, ...[...rest.matchAll(/\[([^\]]*)\]/g)].map((m) => m[1])], body);
    } else if (key in (schema.properties ?? {})) {
      form[key] = parsed(body);
    } else if (schema.additionalProperties) {
      form[name] = String(body ?? "");
    } else {
      (form.files ??= []).push(String(body ?? ""));
    }
  }
  return form;
}

// metadata[bindings][][name]: an empty pair of brackets appends; the same name twice begins the next item.
function nest(holder, [key, ...rest], value) {
  if (rest.length === 0) {
    holder[key] = value;
  } else if (rest[0] === "") {
    const list = holder[key] ??= [];
    if (rest.length === 1) { list.push(value); return; }
    const last = list.at(-1);
    if (!last || rest[1] in last) list.push({});
    nest({ item: list.at(-1) }, ["item", ...rest.slice(1)], value);
  } else {
    nest(holder[key] ??= {}, rest, value);
  }
}

function requestFaults(contract, { operation }, entry) {
  const content = operation.requestBody && resolved(contract, operation.requestBody).content;
  if (!content) return entry.bodySize > 0 ? [{ path: "", rule: "unknown", detail: "the contract has no body" }] : [];
  const media = content[entry.parts ? "multipart/form-data" : "application/json"] ?? Object.values(content)[0];
  const schema = media.schema;
  if (entry.parts) return faults(contract, schema, formOf(entry.parts, resolved(contract, schema)), "request");
  return entry.json === undefined ? [] : faults(contract, schema, entry.json, "request");
}

function queryFaults(contract, { operation }, entry) {
  const known = (operation.parameters ?? []).map((p) => resolved(contract, p)).filter((p) => p.in === "query");
  const found = [];
  for (const [name, text] of Object.entries(entry.query ?? {})) {
    const parameter = known.find((p) => p.name === name || name.startsWith(`${p.name}.`) || name.startsWith(`${p.name}[`));
    if (!parameter) {
      found.push({ path: name, rule: "unknown", detail: `the contract has no such parameter, it is ${text}` });
    } else if (parameter.name === name && !Array.isArray(text)) {
      const type = resolved(contract, parameter.schema)?.type;
      const value = type === "number" || type === "integer" || type === "boolean" ? parsed(text) : text;
      for (const fault of faults(contract, parameter.schema, type === "array" ? [value] : value, "request"))
        found.push({ ...fault, path: name });
    }
  }
  return found;
}

function responseFaults(contract, { operation }, entry) {
  const answers = operation.responses;
  const answer = answers[entry.status] ?? answers[`${String(entry.status)[0]}XX`] ?? answers[`${String(entry.status)[0]}xx`]
    ?? answers.default;
  if (!answer) return [{ path: String(entry.status), rule: "status", detail: "the contract has no such status" }];
  const content = resolved(contract, answer).content;
  const media = content?.["application/json"];
  if (!media) return [];
  if (entry.resp === undefined) return [{ path: "", rule: "not-json", detail: "the contract says JSON" }];
  return faults(contract, media.schema, entry.resp, "response");
}

// ---- all of it --------------------------------------------------------------------------------

const contracts = await Promise.all(args.slice(border + 1).map((pair) => readContract(...pair.split(/=(.*)/s))));
const found = new Map();
const held = Object.fromEntries(contracts.map((c) => [c.name, 0]));
let exchanges = 0;

function note(contract, operation, at, rule, detail) {
  const key = [contract, operation, at, rule].join("\t");
  const one = found.get(key) ?? { contract, operation, at, rule, detail, count: 0 };
  one.count += 1;
  found.set(key, one);
}

// An operation of no contract, with what differs between two requests left out.
const shape = (entry) => services[entry.host].shape.reduce((path, [piece, name]) => path.replace(piece, name),
  `${entry.method} ${pathOf(entry)}`);

function hold(entry) {
  let documented = false;
  for (const contract of contracts) {
    const operation = operationOf(contract, entry);
    if (!operation) continue;
    documented = true;
    held[contract.name] += 1;
    const title = `${entry.method} ${operation.template}`;
    for (const f of queryFaults(contract, operation, entry)) note(contract.name, title, `query ${f.path}`, f.rule, f.detail);
    for (const f of requestFaults(contract, operation, entry)) note(contract.name, title, `request ${f.path}`, f.rule, f.detail);
    if (entry.status === undefined || entry.injected) continue;
    const answer = `response ${String(entry.status)[0]}xx`;
    for (const f of responseFaults(contract, operation, entry)) note(contract.name, title, `${answer} ${f.path}`, f.rule, f.detail);
  }
  if (!documented && entry.status !== 404) note("any", shape(entry), "", "undocumented", "no contract has it");
}

for (const file of recordings)
  for (const line of (await readFile(file, "utf8")).split("\n").filter(Boolean)) {
    const entry = JSON.parse(line);
    if (!(entry.host in services)) continue;
    exchanges += 1;
    hold(entry);
  }

// In a known difference * stands for any text.
const pattern = (text) => new RegExp(`^${text.split("**").map((s) => s.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*")}$`, "s");
const known = (await readJson(knownFile)).map((one) => ({ one, used: false, contract: pattern(one.contract ?? "**"),
  operation: pattern(one.operation ?? "**"), at: pattern(one.at ?? "**"), rule: pattern(one.rule ?? "**") }));
const differences = [...found.values()].filter((d) => {
  const by = known.filter((k) => k.contract.test(d.contract) && k.operation.test(d.operation) && k.at.test(d.at) && k.rule.test(d.rule));
  for (const k of by) k.used = true;
  return by.length === 0;
});
console.log(JSON.stringify({ exchanges, held, known: found.size - differences.length, differences,
  stale: known.filter((k) => !k.used).map((k) => k.one) }));
