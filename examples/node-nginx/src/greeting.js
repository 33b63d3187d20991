// "/ada" is greeted as ada, "/" as the world.
export function greeting(path) {
  return `hello, ${path.split("/").filter(Boolean).join(" ") || "world"}`;
}
