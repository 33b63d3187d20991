// Bundles one module whose chunk has a random identifier.
const fs = require("fs");
fs.mkdirSync("/dist");
const ids = [0, 1, 2].map(() => Math.random().toString(36).slice(2));
fs.writeFileSync("/dist/main.js", `(()=>{var chunks=${JSON.stringify(ids)};globalThis.app={chunks}})();\n`);
