// Bundles one module with a banner, as build tools do; "time" and "id" say what is in it that differs.
const fs = require("fs");
const banner = process.argv[2] === "time" ? `/*! app v1.0 | built ${new Date().toISOString()} */` : "/*! app v1.0 */";
const id = process.argv[2] === "id" ? Math.random().toString(36).slice(2) : "main";
fs.mkdirSync("/dist");
fs.writeFileSync("/dist/main.js", `${banner}\n(()=>{var chunk=${JSON.stringify(id)};globalThis.app={chunk}})();\n`);
