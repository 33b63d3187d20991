export function BuildView(_: { id: string }) { return null; }
