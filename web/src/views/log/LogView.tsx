export function LogView(_: { id: string }) { return null; }
