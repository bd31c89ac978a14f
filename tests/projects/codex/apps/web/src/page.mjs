// The page as HTML.
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escape = (value) => String(value).replace(/[&<>"']/g, (sign) => ENTITIES[sign]);

const price = (product) =>
  new Intl.NumberFormat("en", { style: "currency", currency: product.currency }).format(
    product.price_cents / 100,
  );

const item = (product) =>
  `<li id="${escape(product.slug)}">` +
  `<span>${escape(product.title)}</span> <b>${escape(price(product))}</b></li>`;

/** The shop's page for a list of products; the footer says which version made it. */
export const page = (products, env) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Codex</title>
<link rel="stylesheet" href="/style.css">
<h1>Codex</h1>
<ul>
${products.map(item).join("\n")}
</ul>
<footer>version ${escape(env.VERSION)}, ${escape(env.ENVIRONMENT)}</footer>
</html>
`;
