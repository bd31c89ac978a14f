// @actions/artifact as an action uses it: carries out a list of calls and prints what each came to, as JSON, a line
// each, after a mark that its own log lines do not have.
// argv: JSON of [[method, argument…]…]; { "$id": n } stands for the id that the n-th call came to
import { DefaultArtifactClient } from "@actions/artifact";

const client = new DefaultArtifactClient();
const results = [];
const known = (value) => (value && typeof value === "object" && "$id" in value ? results[value.$id].id : value);

for (const [method, ...rest] of JSON.parse(process.argv[2])) {
  try {
    results.push(await client[method](...rest.map(known)));
  } catch (error) {
    results.push({ error: `${error.name}: ${error.message}` });
  }
  process.stdout.write("=> " + JSON.stringify(results.at(-1)) + "\n");
}
process.exit(0);
