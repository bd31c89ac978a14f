// @actions/core as an action uses it: carries out a list of calls, then prints what it reads, as JSON, in one line.
// argv: JSON of { calls: [[function, argument…]…], states: [name…], inputs: [name…] }
import * as core from "@actions/core";

const { calls = [], states = [], inputs = [] } = JSON.parse(process.argv[2]);
for (const [name, ...rest] of calls) {
  if (name === "summary") await core.summary.addRaw(...rest).write();
  else core[name](...rest);
}
if (states.length + inputs.length > 0) {
  const read = (names, get) => Object.fromEntries(names.map((name) => [name, get(name)]));
  const input = (name) => core.getInput(name, { trimWhitespace: false });
  process.stdout.write(JSON.stringify({ states: read(states, core.getState), inputs: read(inputs, input) }) + "\n");
}
