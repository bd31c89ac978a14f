---The keys of wrangler's configuration: which an environment inherits, which Davit reads, and why it refuses others.
---Pure.
---
---What would change what is deployed, and is not done, is refused by name; what only wrangler's own commands read is
---ignored. A key that is not here is refused, too: it may be a binding that did not exist when this was written.
local keys = {}

-- In an environment's section: `own` stands there or is not set; `inherited` comes from the top; `top` stands there
-- only.
keys.scope = {}

local function set(kind, text)
  for name in text:gmatch "%S+" do keys.scope[name] = kind end
end

set("inherited", [[
  name main compatibility_date compatibility_flags rules base_dir find_additional_modules no_bundle build
  assets triggers observability placement limits logpush upload_source_maps account_id routes route
  workers_dev preview_urls migrations exports cache minify keep_names preserve_file_names jsx_factory
  jsx_fragment tsconfig first_party_worker access compliance_region python_modules previews logfwdr
]])
set("own", [[
  vars secrets define durable_objects workflows kv_namespaces cloudchamber containers send_email queues
  connect r2_buckets d1_databases vectorize ai_search_namespaces ai_search agent_memory hyperdrive services
  analytics_engine_datasets dispatch_namespaces mtls_certificates tail_consumers streaming_tail_consumers
  unsafe browser analytics ai images stream media pipelines k2 secrets_store_secrets artifacts
  unsafe_hello_world flagship worker_loaders ratelimits vpc_services vpc_networks version_metadata
]])
set("top", [[
  $schema env send_metrics dependencies_instrumentation keep_vars addresses pages_build_output_dir dev site
  alias wasm_modules text_blobs data_blobs
]])

local WITH_WRANGLER = "deploy this Worker with wrangler, or take it out of the file"

---What is refused wherever it says something, and what to do.
keys.refused = {
  site = "serve the files as static assets (`assets`)",
  wasm_modules = "import the module in the code instead",
  text_blobs = "import the text in the code instead",
  data_blobs = "import the data in the code instead",
  addresses = WITH_WRANGLER,
  containers = WITH_WRANGLER,
  cloudchamber = WITH_WRANGLER,
  exports = "Durable Objects are declared by `durable_objects` and `migrations`",
  workflows = WITH_WRANGLER,
  connect = WITH_WRANGLER,
  unsafe = WITH_WRANGLER,
  unsafe_hello_world = WITH_WRANGLER,
  logfwdr = WITH_WRANGLER,
  first_party_worker = WITH_WRANGLER,
  access = "set it in the dashboard; Davit leaves it alone",
  pages_build_output_dir = "a Pages project is none of Workers: make it one with `main` and `assets`",
  keep_vars = "a version has the vars of the file and no others: write down those that were set in the dashboard",
  node_compat = "wrangler has dropped it: use the compatibility flag nodejs_compat",
}

---What nothing is done with, as only wrangler's own commands, or its bundler, read it (docs/wrangler.md).
keys.ignored = {}
for name in ([[ $schema dev previews send_metrics dependencies_instrumentation python_modules
  minify keep_names preserve_file_names jsx_factory jsx_fragment tsconfig ]]):gmatch "%S+" do
  keys.ignored[name] = true
end

---What only wrangler's bundler does: refused where the entry is uploaded as it stands.
keys.for_bundler = {
  define = "`bundler: wrangler` in davit.yaml has wrangler's bundler put it in",
  alias = "`bundler: wrangler` in davit.yaml has wrangler's bundler resolve it",
}

return keys
