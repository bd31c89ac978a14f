// What every Worker here has in common: its routes, its health, and an answer when a route fails.

/** Says which version serves, without the database: a probe must not depend on anything else. */
const health = (service, env) =>
  Response.json(
    { status: "ok", service, version: env.VERSION, environment: env.ENVIRONMENT },
    { headers: { "cache-control": "no-store" } },
  );

/** A fetch handler for `routes`, a map of "METHOD /path" to (request, env) => Response. */
export function serve(service, routes) {
  return async (request, env) => {
    const key = `${request.method} ${new URL(request.url).pathname}`;
    if (key === "GET /health") return health(service, env);
    if (!Object.hasOwn(routes, key)) return Response.json({ error: "not found" }, { status: 404 });
    try {
      return await routes[key](request, env);
    } catch (error) {
      // The code only: a connection error's message may quote the address.
      console.error(`${key} failed: ${error.code ?? error.name}`);
      return Response.json({ error: "unavailable" }, { status: 503 });
    }
  };
}
